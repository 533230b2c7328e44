"""CAVs below the bars are refused; let through, they are marked wherever they are shown."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import SmallNet

import sacv
from sacv.errors import WeakConceptError
from viewer import shown


def images(count, seed, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 8, 7, generator=generator) + offset


@pytest.fixture
def model():
    return sacv.VisionModel(SmallNet())


@pytest.fixture
def bank(model):
    """A concept, and noise like that of the random images."""
    concepts = {"bright": images(6, 1, 2.0), "noise": images(6, 4)}
    return sacv.fit(model, ["features.2"], concepts, [images(8, 2)], nulls=19)


def with_quality(bank, concept, **changes):
    cavs = (
        replace(cav, quality=replace(cav.quality, **changes)) if cav.concept == concept else cav for cav in bank.cavs
    )
    return replace(bank, cavs=tuple(cavs))


def test_a_concept_of_noise_is_refused_with_its_figure(model, bank):
    quality = bank.cav("features.2", "noise").quality
    assert quality.auroc < 0.65
    with pytest.raises(WeakConceptError) as caught:
        sacv.explain(model, images(2, 3), bank, 1)
    told = str(caught.value)
    assert "'noise' at 'features.2'" in told and "'bright'" not in told
    assert f"its held-out AUROC is {quality.auroc:.2f}, 95 % interval from {quality.auroc_interval[0]:.2f}" in told
    assert "--allow-weak (allow_weak=True)" in told


def test_no_image_is_read_before_the_refusal(model, bank):
    with pytest.raises(WeakConceptError):
        sacv.explain(model, "no such folder", bank, 1)


@pytest.mark.parametrize(("changes", "words"), [
    ({"images": 4}, "it has 4 images (at least 5)"),
    ({"auroc": 0.64}, "its held-out AUROC is 0.64"),
    ({"auroc": 0.8, "auroc_interval": (0.5, 0.95)}, "its held-out AUROC is 0.80, 95 % interval from 0.50"),
    ({"run_cosine": 0.49}, "mean cosine between runs 0.49 (at least 0.5)"),
])  # fmt: skip
def test_each_bar(model, bank, changes, words):
    strong = {"images": 5, "auroc": 0.65, "auroc_interval": (0.51, 0.9), "run_cosine": 0.5}
    for fields in (strong, strong | {"run_cosine": None}):
        sacv.explain(model, images(2, 3), with_quality(bank, "noise", **fields), 1)  # on the bar is not below it
    with pytest.raises(WeakConceptError) as caught:
        sacv.explain(model, images(2, 3), with_quality(bank, "noise", **(strong | changes)), 1)
    assert words in str(caught.value)


def test_what_is_let_through_is_marked_everywhere(model, bank, tmp_path):
    found = sacv.explain(model, images(2, 3), bank, 1, allow_weak=True)
    (note,) = found.notes
    assert (note.layer, note.kind, note.concept) == ("features.2", "weak CAV", "noise")
    assert "'noise' is too weak to rely on: its held-out AUROC is" in note.text
    table = found.scores()
    assert table.groupby("concept")["weak"].agg(["all", "any"]).to_dict("index") == {
        "bright": {"all": False, "any": False},
        "noise": {"all": True, "any": True},
    }
    found.save(tmp_path / "out")
    labels = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert [row["weak"] for row in labels["scores"]] == [False, False, True, True]
    assert labels["notes"] == [{"layer": "features.2", "kind": "weak CAV", "text": note.text, "concept": "noise"}]
    ((bright, noise),) = shown.header(tmp_path / "out")["cards"]
    assert noise["weak"] and noise["notes"] == [note.text]
    assert not bright["weak"] and bright["notes"] == []


def test_only_the_layer_where_it_is_weak_is_marked(model):
    concepts = {"bright": images(6, 1, 2.0)}
    bank = sacv.fit(model, ["features.0", "features.2"], concepts, [images(8, 2)], nulls=19)
    poor = replace(bank.cavs[0], quality=replace(bank.cavs[0].quality, images=3))
    found = sacv.explain(model, images(2, 3), replace(bank, cavs=(poor, bank.cavs[1])), 1, allow_weak=True)
    assert found.scores().groupby("layer")["weak"].any().to_dict() == {"features.0": True, "features.2": False}


def test_letting_weak_ones_through_changes_no_map(model):
    bank = sacv.fit(model, ["features.2"], {"bright": images(6, 1, 2.0)}, [images(8, 2)], nulls=19)
    shown = images(2, 3)
    one, other = (sacv.explain(model, shown, bank, 1, allow_weak=allowed) for allowed in (False, True))
    assert one.notes == other.notes == () and not one.scores()["weak"].any()
    for name, values in one.maps["features.2"].arrays("x").items():
        np.testing.assert_array_equal(values, other.maps["features.2"].arrays("x")[name])
