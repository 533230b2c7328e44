"""bfloat16 by autocast: what leaves the network is float32, near the exact values, and the same each time."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

import sacv
from cav.planted import planted_model
from cli.test_trust_commands import FIT, run  # noqa: F401
from model.test_recognition import Transformer
from sacv.cav.labels import check_labels
from sacv.engine import ShardStore
from sacv.errors import MismatchError, OptionError
from sacv.synthetic.scenes import write_textures
from sacv.targets import Aimed, Class

LAYER = "blocks.2"
SIDE = 64


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def textures(tmp_path_factory):
    place = tmp_path_factory.mktemp("textures")
    for name in ("striped", "dotted", "blotchy"):
        write_textures(place / name, name, 16, seed=0, size=SIDE)
    return place


@pytest.fixture(scope="module")
def models():
    """Of pictures a quarter as large as the network's own: on a processor bfloat16 is slow."""
    transform = sacv.ImageTransform(resize=(SIDE, SIDE))
    return {name: sacv.load_model("demo", transform=transform, precision=name) for name in ("float32", "bfloat16")}


def fitted(model, textures, **options):
    sets = {"striped": textures / "striped"}, [textures / "dotted", textures / "blotchy"]
    return sacv.fit(model, [LAYER], *sets, **({"nulls": 19, "runs": 2} | options))


@pytest.fixture(scope="module")
def banks(models, textures):
    return {name: fitted(model, textures) for name, model in models.items()}


def test_what_leaves_the_network_is_float32(models):
    inputs = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    aims = [Aimed(Class(0)), Aimed(Class(1))]
    one, other = (models[name].trace(inputs, [LAYER], aims) for name in models)
    pairs = [(one.logits, other.logits), (one.activations[LAYER].cells, other.activations[LAYER].cells)]
    pairs += [(models[name].logits(inputs) for name in models)]
    pairs += [(models[name].activations(inputs, [LAYER])[LAYER].cells for name in models)]
    slopes = [(mine[LAYER], its[LAYER]) for mine, its in zip(one.gradients, other.gradients, strict=True)]
    for tolerance, some in ((0.02, pairs), (0.1, slopes)):
        for exact, coarse in some:
            assert exact.dtype == coarse.dtype == torch.float32
            assert 0 < (exact - coarse).norm() / exact.norm() < tolerance
    assert not torch.is_autocast_enabled("cpu")


def test_tokens_too():
    torch.manual_seed(0)
    model = sacv.VisionModel(Transformer(read="mean"))
    inputs = torch.randn(2, 3, 24, 20)
    exact, coarse = (
        replace(model, precision=name).trace(inputs, ["blocks.0"], [Aimed(Class(0))]).gradients[0]["blocks.0"]
        for name in ("float32", "bfloat16")
    )
    assert coarse.dtype == torch.float32 and (exact - coarse).norm() / exact.norm() < 0.02


@pytest.mark.slow
def test_figures_are_near_those_of_float32(banks):
    one, other = (bank.cav(LAYER, "striped") for bank in banks.values())
    assert abs(one.quality.auroc - other.quality.auroc) < 0.02
    assert one.vector @ other.vector > 0.99 and not np.array_equal(one.vector, other.vector)
    statistics = banks["bfloat16"].statistics[LAYER, "random"]
    assert statistics.images.means.dtype == np.float64


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the bank was fitted in float32")
def test_explanations_scores_and_searches_are_near_those_of_float32(models, banks, textures):
    shown, bank = sorted((textures / "striped").iterdir())[:4], banks["float32"]
    options = {"allow_weak": True, "batch_size": 4}
    told = [sacv.explain(model, shown, bank, "striped", checks=False, **options) for model in models.values()]
    for what, tolerance in (("relevance", 0.01), ("contribution", 0.05)):
        exact, coarse = (getattr(one, what)(LAYER, "striped") for one in told)
        assert coarse.dtype == np.float32 and 0 < np.linalg.norm(exact - coarse) < tolerance * np.linalg.norm(exact)
    exact, coarse = (
        sacv.score(model, shown, bank, "striped", **options).table.set_index("score")["value"]
        for model in models.values()
    )
    kinds = ["tcav", "magnitude", "smooth"]
    np.testing.assert_allclose(coarse[kinds], exact[kinds], atol=0.02)
    exact, coarse = (sacv.search(model, shown, bank, **options).images for model in models.values())
    column = f"{LAYER}/striped/relevance"
    np.testing.assert_allclose(coarse[column].to_numpy(), exact[column].to_numpy(), rtol=0.02)


@pytest.mark.slow
def test_twice_the_same_bytes(models, textures, banks, tmp_path):
    for name in ("one", "other"):
        fitted(models["bfloat16"], textures).save(tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "other")
    banks["bfloat16"].save(tmp_path / "three")
    again = sacv.ConceptBank.load(tmp_path / "three")
    assert again.precision == "bfloat16" and again.fingerprint == banks["bfloat16"].fingerprint


@pytest.mark.slow
def test_parts_of_one_precision_are_not_taken_for_those_of_another(models, textures, banks, tmp_path):
    assert models["float32"].identity() != models["bfloat16"].identity()
    store = ShardStore(tmp_path / "shards")
    fitted(models["bfloat16"], textures, shards=store)
    finished = len(store)
    bank = fitted(models["float32"], textures, shards=store)
    assert len(store) == 2 * finished
    np.testing.assert_array_equal(bank.cav(LAYER, "striped").vector, banks["float32"].cav(LAYER, "striped").vector)


@pytest.mark.slow
def test_a_bank_in_another_precision_is_a_warning_that_names_both(models, banks, textures):
    bank = banks["float32"]
    shown = sorted((textures / "striped").iterdir())[:2]
    with pytest.warns(UserWarning, match="fitted in float32, and this model computes in bfloat16"):
        sacv.search(models["bfloat16"], shown, bank, allow_weak=True)
    with pytest.warns(UserWarning, match="fitted in bfloat16, and this model computes in float32"):
        banks["bfloat16"].require(models["float32"])
    bank.require(models["float32"])


def test_an_older_bank_was_made_in_float32(banks, tmp_path):
    bank = banks["float32"]
    older = replace(bank, model={key: value for key, value in bank.model.items() if key != "precision"})
    assert older.precision == "float32"


def test_an_edited_precision_is_refused(banks, tmp_path):
    banks["bfloat16"].save(tmp_path / "bank")
    labels = json.loads((tmp_path / "bank" / "bank.json").read_text())
    check_labels(labels)
    labels["model"]["precision"] = "half"
    with pytest.raises(ValueError, match=r"model\.precision.*half.*one of float32, bfloat16"):
        check_labels(labels)


def test_banks_of_two_precisions_do_not_merge(banks):
    with pytest.raises(MismatchError, match="one bank was fitted in float32 and the other in bfloat16"):
        sacv.cav.merge([banks["float32"], banks["bfloat16"]])


def test_what_is_refused():
    with pytest.raises(OptionError, match="precision must be one of float32, bfloat16, not 'half'"):
        sacv.load_model("demo", precision="half")
    with pytest.raises(OptionError, match=r"a network with float32 parameters, and this one has torch\.float64"):
        replace(planted_model(3), precision="bfloat16")


def test_the_commands(run, tmp_path):  # noqa: F811
    fit = [*FIT, "--concept", "bright=bright", "--precision", "bfloat16", "--out", "coarse"]
    assert run(*fit)[0] == 0
    assert json.loads((tmp_path / "coarse" / "bank.json").read_text())["model"]["precision"] == "bfloat16"
    search = ["search", "--bank", "coarse", "--model", "net.py:load", "photos", "--allow-weak", "--out", "found"]
    status, _, err = run(*search)
    assert (status, err) == (0, ""), "a bank is used as it was made"
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        status, _, err = run(*search, "--precision", "float32")
    assert status == 0 and err.count("\n") == 1
    assert err.startswith("Warning: the bank was fitted in bfloat16, and this model computes in float32")
