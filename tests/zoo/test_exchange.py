"""captum's own concepts and CAVs, read by sacv; and the example of them in docs/exchange.md."""

import numpy as np
import pytest
import torch
from conftest import SmallNet

import sacv
from exchange.guide import blocks

pytest.importorskip("captum")
from captum.concept import TCAV, Concept

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

LAYER, GRID = "features.2", (12, 10)


@pytest.fixture
def found(tmp_path):
    """A model, captum's concepts, and its interpreter with its scores of 9 inputs."""
    rng = torch.Generator().manual_seed(0)
    sets = {"bright": torch.rand(30, 3, *GRID, generator=rng) + 0.6, "other": torch.rand(30, 3, *GRID, generator=rng)}
    concepts = [Concept(n, name, torch.utils.data.DataLoader(rows, 10)) for n, (name, rows) in enumerate(sets.items())]
    model = sacv.VisionModel(SmallNet(), sacv.ImageTransform(resize=GRID))
    inputs = torch.rand(9, 3, *GRID, generator=rng)
    tcav = TCAV(model.net.eval(), [LAYER], save_path=str(tmp_path / "cavs"))
    scores = tcav.interpret(inputs, [concepts], target=2)
    return model, concepts, tcav, inputs, scores["0-1"][LAYER]


def test_its_cavs_give_the_scores_that_captum_gives(found, tmp_path):
    model, _, tcav, inputs, scores = found
    (file,) = (tmp_path / "cavs").rglob("*.pkl")
    held = tcav.cavs["0-1"][LAYER]
    for cavs in (sacv.exchange.captum_cavs(file, model), sacv.exchange.captum_cavs(held, model)):
        assert [one.concept for one in cavs] == ["bright", "other"]
        assert cavs[0].accuracy == pytest.approx(float(held.stats["accs"]))
        for number, cav in enumerate(cavs):
            maps = cav.maps(model, list(inputs), 2)
            assert maps.tcav_score == pytest.approx(float(scores["sign_count"][number]))
            assert cav.norm * maps.sensitivity.mean() == pytest.approx(float(scores["magnitude"][number]), rel=1e-4)


def test_its_concepts_are_guidance_and_the_directions_are_alike(found):
    model, concepts, tcav, _, _ = found
    images = sacv.exchange.captum_images(concepts)
    bank = sacv.fit(model, [LAYER], {"bright": images["bright"]}, images["other"])
    assert bank.cavs[0].quality.images == 30
    assert sacv.exchange.captum_cavs(tcav.cavs["0-1"][LAYER], model)[0].cosine(bank.cavs[0]) > 0


def test_the_example_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in blocks("From captum"):
        exec(code, names)
    assert names["striped"].concept == "striped" and np.isfinite(names["maps"].contribution).all()
