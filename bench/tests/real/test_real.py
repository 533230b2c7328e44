"""The main job on a real network, real photos and hand-drawn masks, beside maps that know no concept."""

import os
from pathlib import Path

import numpy as np
import pytest

import sacv
from sacv.concepts.decoding import read_picture
from sacv_bench.baselines import edge_strength, grad_cam
from sacv_bench.metrics import auroc, coverage, read_mask
from viewer import shown

DATA = Path(os.environ.get("SACV_REAL_DATA", "../shared/real"))
LAYER = "features.12"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (DATA / "squeezenet.py").exists(), reason=f"no real material at SACV_REAL_DATA={DATA}"),
]


@pytest.fixture(scope="module")
def model():
    import json

    names = json.loads((DATA / "imagenet_classes.json").read_text())
    return sacv.load_model(f"{DATA / 'squeezenet.py'}:load", class_names=names)


@pytest.fixture(scope="module")
def truth(model):
    """For each zebra photo, the share of each cell that the zebras cover."""
    masks = [read_mask(path) for path in sorted((DATA / "masks" / "zebra").iterdir())]
    sizes = [(mask.shape[1], mask.shape[0]) for mask in masks]
    return [coverage(mask, (13, 13), model.transform.region(size)) for mask, size in zip(masks, sizes, strict=True)]


def explain(model, solver, method, **draws):
    guidance = DATA / "guidance"
    others = [guidance / name for name in ("dotted", "chequered", "other")]
    bank = sacv.fit(model, [LAYER], {"striped": guidance / "striped"}, others, solver=solver, **draws)
    return sacv.explain(model, DATA / "photos" / "zebra", bank, "zebra", method=method)


def figures(relevance, contribution, truth):
    areas = [auroc(values, shares) for values, shares in zip(relevance, truth, strict=True)]
    inside = [float((values * shares).sum()) for values, shares in zip(contribution, truth, strict=True)]
    return areas, inside


def show(capsys, name, areas, inside=None):
    given = "" if inside is None else f"   contribution inside {', '.join(f'{value:+.4f}' for value in inside)}"
    with capsys.disabled():
        print(f"\n{name:16} AUROC {', '.join(f'{area:.3f}' for area in areas)}   mean {np.mean(areas):.3f}{given}")


def test_mean_difference_finds_the_zebras(model, truth, capsys, tmp_path):
    found = explain(model, sacv.solvers.MeanDifference(), sacv.methods.Gradient())
    areas, inside = figures(found.relevance(LAYER, "striped"), found.contribution(LAYER, "striped"), truth)
    show(capsys, "mean difference", areas, inside)
    assert min(areas) >= 0.87
    assert min(inside) > 0
    found.save(tmp_path / "out")
    assert "155 x 155 px" in shown.header(tmp_path / "out")["layers"][0]["field"]


def test_the_defaults_find_the_zebras(model, truth, capsys):
    found = explain(model, None, None)
    assert found.bank.solver == sacv.solvers.DEFAULT.describe()
    areas, inside = figures(found.relevance(LAYER, "striped"), found.contribution(LAYER, "striped"), truth)
    show(capsys, "defaults", areas, inside)
    assert min(areas) >= 0.87
    assert min(inside) > 0


def test_others_beside_it(model, truth, capsys):
    found = explain(model, sacv.solvers.Logistic(), sacv.methods.Gradient(), runs=1, nulls=0)
    areas, inside = figures(found.relevance(LAYER, "striped"), found.contribution(LAYER, "striped"), truth)
    show(capsys, "logistic", areas, inside)
    assert all(0 <= area <= 1 for area in areas)

    photos = [read_picture(path) for path in sorted((DATA / "photos" / "zebra").iterdir())]
    zebra = model.class_index("zebra", 1000)
    trace = model.trace(model.inputs(photos), [LAYER], [lambda logits: logits[:, zebra]])
    cams = grad_cam(trace.activations[LAYER].cells.numpy(), trace.gradients[0][LAYER].numpy())
    edges = [edge_strength(photo, (13, 13), model.transform.region(photo.size)) for photo in photos]
    for name, maps in (("edge strength", edges), ("Grad-CAM", cams)):
        areas = [auroc(values, shares) for values, shares in zip(maps, truth, strict=True)]
        show(capsys, name, areas)
        assert min(areas) > 0.5


def test_the_network_itself_is_right(model):
    found = model.logits(model.inputs([read_picture(p) for p in sorted((DATA / "photos" / "zebra").iterdir())]))
    assert [model.class_name(int(index)) for index in found.argmax(1)] == ["zebra", "zebra"]
