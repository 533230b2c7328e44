"""On a GPU: the same figures as on the CPU, the same bytes twice, and what a user would notice if it were otherwise."""

import copy
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import sacv
from model.test_recognition import Transformer
from sacv.engine import ShardStore
from sacv.maps.methods import Ablation, Gated, Gradient, GradientTimesConcept, IntegratedGradients
from sacv.synthetic.scenes import write_textures

DEVICE = "cuda"
METHODS = [Gradient(), Gated(), GradientTimesConcept(), IntegratedGradients(4), Ablation()]
LAYERS = {"convolutions": "blocks.2", "tokens": "blocks.0"}

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(autouse=True, scope="module")
def full_float32():
    """Let convolutions on the GPU compute in float32; by default PyTorch shortens their inputs to TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="module")
def textures(tmp_path_factory):
    place = tmp_path_factory.mktemp("textures")
    for name in ("striped", "dotted", "blotchy"):
        write_textures(place / name, name, 26, seed=0)
    return place


def network(name):
    if name == "convolutions":
        return sacv.load_model("demo")
    torch.manual_seed(0)
    return sacv.VisionModel(Transformer(read="mean").eval(), sacv.ImageTransform((24, 20)))


def on(model, device, **changes):
    return replace(model, net=copy.deepcopy(model.net).to(device), **changes)


def fitted(model, layer, textures, **options):
    random = [textures / "dotted", textures / "blotchy"]
    return sacv.fit(model, [layer], {"striped": textures / "striped"}, random, nulls=19, runs=3, **options)


@pytest.fixture(scope="module", params=list(LAYERS))
def pair(request, textures):
    """The model and the bank on the CPU and on the GPU."""
    layer = LAYERS[request.param]
    models = [on(network(request.param), device) for device in ("cpu", DEVICE)]
    return layer, models, [fitted(model, layer, textures) for model in models]


def near(exact, other, tolerance):
    exact, other = np.asarray(exact, dtype=float), np.asarray(other, dtype=float)
    assert exact.shape == other.shape
    assert np.linalg.norm(exact - other) <= tolerance * max(np.linalg.norm(exact), 1e-6)


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_fit_gives_the_same_figures(pair):
    layer, _, (cpu, gpu) = pair
    one, other = (bank.cav(layer, "striped") for bank in (cpu, gpu))
    near(one.vector, other.vector, 1e-3)
    near(one.detector, other.detector, 1e-2)
    near(one.threshold, other.threshold, 1e-2)
    assert abs(one.quality.auroc - other.quality.auroc) < 0.01
    for key, statistics in cpu.statistics.items():
        near(statistics.images.means, gpu.statistics[key].images.means, 1e-5)
        near(statistics.sample.vectors, gpu.statistics[key].sample.vectors, 1e-5)
        for mine, its in zip(statistics.folds, gpu.statistics[key].folds, strict=True):
            near(mine.scatter, its.scatter, 1e-4)


def test_twice_the_same_bytes_also_when_it_goes_on(pair, textures, tmp_path):
    layer, (_, model), _ = pair
    store = ShardStore(tmp_path / "shards")
    for name, options in (("one", {}), ("other", {"shards": store}), ("resumed", {"shards": store})):
        fitted(model, layer, textures, **options).save(tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "other") == content(tmp_path / "resumed")


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_an_explanation_has_the_same_maps(pair, textures, method):
    layer, models, (bank, _) = pair
    shown = sorted((textures / "striped").iterdir())[:3]
    one, other = (sacv.explain(model, shown, bank, 1, method=method, allow_weak=True) for model in models)
    exact, near_by = (each.scores()["sacv_score"].to_numpy() for each in (one, other))
    for what in ("relevance", "contribution"):
        near(getattr(one, what)(layer, "striped"), getattr(other, what)(layer, "striped"), 1e-3)
    assert exact == pytest.approx(near_by, rel=0.01, abs=1e-3)


def test_scores_images_and_searches_are_the_same(pair, textures):
    layer, models, (bank, _) = pair
    shown, options = textures / "striped", {"allow_weak": True, "batch_size": 4}
    one, other = (sacv.score(model, shown, bank, 1, **options).table for model in models)
    near(one["value"].fillna(0), other["value"].fillna(0), 1e-2)
    one, other = (sacv.search(model, shown, bank, **options).images for model in models)
    near(one[f"{layer}/striped/relevance"], other[f"{layer}/striped/relevance"], 1e-3)
    one, other = (sacv.score_images(model, shown, bank, **options) for model in models)
    pd.testing.assert_frame_equal(one, other, rtol=0.02, atol=1e-3)


def test_an_audit_runs(pair, textures):
    _, models, (bank, _) = pair
    one, other = (sacv.audit(model, bank, sorted((textures / "striped").iterdir())[:3], 1) for model in models)
    assert [one.check for one in one.findings] == [one.check for one in other.findings]
    assert all(finding.passed is not None or finding.reason for finding in other.findings)


def test_regions_context_and_masks(textures, tmp_path):
    half = np.zeros((128, 128), dtype=bool)
    half[:, :64] = True
    shown = sorted((textures / "striped").iterdir())
    regions = {"striped": sacv.Region(shown, [half] * len(shown))}
    options = {"nulls": 19, "runs": 2, "context": textures / "blotchy"}
    banks = [
        sacv.fit(
            on(network("convolutions"), device),
            ["blocks.2"],
            random=textures / "dotted",
            regions=regions,
            absent=textures / "blotchy",
            nulls=19,
            runs=2,
        )
        for device in ("cpu", DEVICE)
    ]
    near(*(bank.cav("blocks.2", "striped").vector for bank in banks), 1e-3)
    banks = [
        sacv.fit(
            on(network("convolutions"), device),
            ["blocks.2"],
            {"striped": textures / "striped"},
            textures / "dotted",
            **options,
        )
        for device in ("cpu", DEVICE)
    ]
    near(*(bank.cav("blocks.2", "striped").vector for bank in banks), 1e-3)


def test_inputs_are_copied_from_pinned_memory_with_the_channels_last(pair, textures):
    _, (cpu, gpu), _ = pair
    images = [Image.open(file).convert("RGB") for file in sorted((textures / "striped").iterdir())[:4]]
    exact, there = cpu.inputs(images), gpu.inputs(images)
    assert there.device.type == DEVICE and there.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(there.cpu(), exact, rtol=0, atol=0)


@pytest.mark.parametrize("name", list(LAYERS))
def test_bfloat16_leaves_float32_near_the_exact_values(name, textures):
    exact = on(network(name), DEVICE)
    banks = [fitted(model, LAYERS[name], textures) for model in (exact, replace(exact, precision="bfloat16"))]
    one, other = (bank.cav(LAYERS[name], "striped") for bank in banks)
    assert one.vector @ other.vector > 0.99 and not np.array_equal(one.vector, other.vector)
    assert banks[1].precision == "bfloat16" and not torch.is_autocast_enabled(DEVICE)


def test_a_batch_that_does_not_fit_is_run_in_halves(textures):
    model = on(network("convolutions"), DEVICE)
    inputs = torch.rand(512, 3, 512, 512, device=DEVICE)
    whole = model.activations(inputs[:8], ["blocks.2"])["blocks.2"].cells
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2e9) / total)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = model.activations(inputs, ["blocks.2"])["blocks.2"].cells
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any("run in halves" in str(one.message) for one in caught)
    near(found[:8].cpu(), whole.cpu(), 1e-5)


def test_the_state_of_the_users_network_and_of_chance_is_restored(pair, textures):
    layer, (_, model), _ = pair
    model.net.train()
    before = torch.cuda.get_rng_state()
    fitted(model, layer, textures)
    assert model.net.training and torch.equal(before, torch.cuda.get_rng_state())
    model.net.eval()


def test_a_bank_of_one_device_is_read_on_the_other(pair, textures, tmp_path):
    layer, (cpu, _), (_, bank) = pair
    bank.save(tmp_path / "bank")
    found = sacv.explain(cpu, textures / "striped", sacv.ConceptBank.load(tmp_path / "bank"), 1, allow_weak=True)
    assert np.isfinite(found.contribution(layer, "striped")).all()
