"""Laws of what is explained: differences, several targets in one pass, and outputs that are no logits of classes."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import sacv
from sacv.engine import ShardStore
from sacv.errors import OptionError, TargetError
from sacv.maps import Explanations
from sacv.maps.methods import Ablation, Gated, Gradient, GradientTimesConcept, IntegratedGradients
from sacv.targets import BoxScore, Class, Difference, Each, Output, Region, Target
from sacv.viewer import read_page
from viewer import shown

NAMES = ["ant", "bee", "cat", "dog"]
LINEAR = [Gradient(), Gated(), GradientTimesConcept(), Ablation()]
"""Methods whose map of a difference is the difference of the maps."""


class Places(nn.Module):
    """Convolutions up to logits of each place, and their mean; tokens if asked for."""

    def __init__(self, head="mean"):
        super().__init__()
        self.kind = head
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 8, 3, padding=1), nn.Tanh())
        self.head = nn.Conv2d(8, 4, 3, padding=1)
        generator = torch.Generator().manual_seed(1)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.4

    def forward(self, x):
        found = self.head(self.stem(x)).tanh()
        if self.kind == "places":
            return {"out": found, "aux": found[:, :2]}
        if self.kind == "number":
            return found[:, 0].mean(dim=(1, 2))
        if self.kind == "boxes":
            box = x.new_tensor([[1.0, 1.0, 5.0, 5.0]])
            return [
                {"boxes": box, "scores": one[1].mean().sigmoid()[None], "labels": box.new_ones(1).long()}
                for one in found
            ]
        return found.mean(dim=(2, 3))


class Tokens(nn.Module):
    """A class token before a grid of 4 x 4, two attentions, and a head on the class token."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patch, self.token = nn.Conv2d(3, 8, 3, 3), nn.Parameter(torch.randn(1, 1, 8))
        self.blocks = nn.Sequential(*(nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True) for _ in range(2)))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        cells = self.patch(x).flatten(2).transpose(1, 2)
        return self.head(self.blocks(torch.cat([self.token.expand(len(x), -1, -1), cells], dim=1))[:, 0])


def pictures(count, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return [one + shift for one in torch.randn(count, 3, 12, 12, generator=generator)]


def model_and_bank(net, layer="stem", names=NAMES, **options):
    torch.manual_seed(0)
    model = sacv.VisionModel(net, class_names=names, **options)
    return model, sacv.fit(
        model, [layer], {"c": pictures(6, 1, 0.8), "d": pictures(6, 2, -0.8)}, [pictures(8, 3)], nulls=19
    )


SHOWN = pictures(5, 4, 0.4)
OPTIONS = {"allow_weak": True, "batch_size": 2}


@pytest.fixture(scope="module")
def plain():
    return model_and_bank(Places())


@pytest.fixture(scope="module")
def tokens():
    return model_and_bank(Tokens(), "blocks.0")


def maps_of(found, layer=None):
    return np.stack([found.contribution(layer or found.layers[0], concept) for concept in found.concepts])


@pytest.mark.slow
@pytest.mark.parametrize("method", LINEAR, ids=repr)
@pytest.mark.parametrize("which", ["plain", "tokens"])
def test_the_contribution_to_a_difference_is_the_difference_of_the_contributions(which, method, request):
    model, bank = request.getfixturevalue(which)
    told = {
        target: maps_of(sacv.explain(model, SHOWN, bank, target, method=method, checks=False, **OPTIONS))
        for target in ("cat", "ant", Difference("cat", "ant"))
    }
    difference = told.pop(Difference("cat", "ant"))
    largest = np.abs(difference).max()
    np.testing.assert_allclose(difference, told["cat"] - told["ant"], rtol=1e-4, atol=1e-4 * largest)
    assert largest > 1e-4


def test_a_path_sums_to_the_change_of_the_difference(plain):
    model, bank = plain
    found = sacv.explain(model, SHOWN, bank, Difference("cat", "ant"), method=IntegratedGradients(3), **OPTIONS)
    sums = maps_of(found).sum(axis=(2, 3)).T
    lines = found.checks["stem"]
    np.testing.assert_allclose(sums, [[-line.ablation for line in row] for row in lines], rtol=1e-3, atol=1e-5)


EVERY = [
    "cat",
    0,
    "predicted",
    Difference("cat", "ant"),
    Difference("predicted", 1),
    Each(["ant", "bee", "cat", 1, 2]),
    Output(3),
]


@pytest.mark.parametrize(("which", "targets"), [("plain", EVERY), ("tokens", EVERY[2:4])])
def test_several_targets_in_one_pass_equal_one_by_one(which, targets, request):
    model, bank = request.getfixturevalue(which)
    together = sacv.explain(model, SHOWN, bank, targets, **OPTIONS)
    assert isinstance(together, Explanations) and len(together) == len(targets)
    for target, found in zip(targets, together.values(), strict=True):
        alone = sacv.explain(model, SHOWN, bank, target, **OPTIONS)
        assert (
            list(found.images) == list(alone.images) and found.settings == alone.settings and found.notes == alone.notes
        )
        pd.testing.assert_frame_equal(found.scores(), alone.scores(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps_of(found), maps_of(alone), rtol=1e-5, atol=1e-6)


def test_one_forward_pass_serves_all_targets(plain):
    model, bank = plain
    ran = []
    handle = model.net.stem.register_forward_hook(lambda *given: ran.append(len(given[1][0])))
    counts = []
    for targets in (["cat"], ["cat", "ant", "dog"]):
        ran.clear()
        sacv.explain(model, SHOWN, bank, targets, method=Gradient(), checks=False, **OPTIONS)
        counts.append(sum(ran))
    handle.remove()
    assert counts[0] == counts[1] >= len(SHOWN)


def test_several_targets_are_saved_side_by_side(plain, tmp_path):
    model, bank = plain
    found = sacv.explain(model, SHOWN, bank, ["cat", Difference("cat", "ant"), Difference("ant", "cat")], **OPTIONS)
    found.save(tmp_path / "out")
    found.save(tmp_path / "out")
    told = json.loads((tmp_path / "out" / "explanations.json").read_text())
    folders = {one["target"]: one["folder"] for one in told["targets"]}
    assert folders == {"cat": "cat", "cat - ant": "cat-ant", "ant - cat": "ant-cat"}
    header = shown.header(tmp_path / "out")
    assert header["targets"] == list(folders) and header["values"][2] == "the difference ant - cat"
    for place, found_there in enumerate(found.values()):
        maps = read_page(tmp_path / "out" / "index.html").values(f"maps/0/contribution/{place}")
        want = found_there.maps[found_there.layers[0]].contribution
        np.testing.assert_allclose(maps, want, atol=1e-3 * np.abs(want).max())
    again = Explanations.load(tmp_path / "out")
    assert list(again) == list(found) and again.to_json() == found.to_json()
    assert again.viewer_data().header == header
    for target, folder in folders.items():
        labels = json.loads((tmp_path / "out" / folder / "explanation.json").read_text())
        assert labels["settings"]["target"] == target
        assert {row["target"] for row in labels["scores"]} == {target}
    assert "cat rather than ant" in (tmp_path / "out" / "cat-ant" / "index.html").read_text()
    assert labels["settings"]["value"] == "the difference ant - cat" and "Difference" in labels["settings"]["identity"]


def test_names_that_no_folder_may_hold_and_those_that_are_alike(plain):
    one = sacv.explain(*plain[:1], SHOWN, plain[1], "cat", checks=False, **OPTIONS)
    found = Explanations({"../a/b": one, "a b": one, "A-B": one, "///": one})
    assert found.folders() == {"../a/b": "a-b", "a b": "a-b-2", "A-B": "A-B-3", "///": "target"}


def test_finished_parts_of_several_targets_are_taken_again(plain, tmp_path):
    model, bank = plain
    targets, store = ["cat", Difference("cat", "ant")], ShardStore(tmp_path / "shards")

    whole = sacv.explain(model, SHOWN, bank, targets, shards=store, **OPTIONS)
    ran = []
    handle = model.net.stem.register_forward_hook(lambda *given: ran.append(given))
    again = sacv.explain(model, SHOWN, bank, targets, shards=store, **OPTIONS)
    handle.remove()
    assert len(store) and not ran
    for name in whole:
        np.testing.assert_array_equal(maps_of(again[name]), maps_of(whole[name]))
        pd.testing.assert_frame_equal(again[name].scores(), whole[name].scores())


def test_a_network_that_gives_a_dict_equals_the_plain_one(plain):
    class Held(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = (net := Places()).stem, net.head

        def forward(self, x):
            return {"other": x.mean(dim=(2, 3)), "aux": [self.head(self.stem(x)).tanh().mean(dim=(2, 3))]}

    model, bank = plain
    held, own = model_and_bank(Held(), output="aux.0")
    np.testing.assert_array_equal(own.cav("stem", "c").vector, bank.cav("stem", "c").vector)
    for target in ("cat", "predicted", Difference("cat", "ant")):
        want, found = (
            sacv.explain(model, SHOWN, bank, target, **OPTIONS),
            sacv.explain(held, SHOWN, own, target, **OPTIONS),
        )
        pd.testing.assert_frame_equal(found.scores(), want.scores())
        assert found.settings["output"] == "aux.0" and "output" not in want.settings
    one, other = (
        sacv.score(*who, target=["cat"], allow_weak=True, seed=0) for who in ((model, SHOWN, bank), (held, SHOWN, own))
    )
    pd.testing.assert_frame_equal(one.table, other.table)
    with pytest.raises(TargetError, match=r"with other \(\d, 3\), aux\.0 \(\d, 4\) \(name one"):
        sacv.explain(sacv.VisionModel(held.net), SHOWN, own, 2, **OPTIONS)


def test_scores_have_a_row_for_each_target(plain):
    model, bank = plain
    found = sacv.score(model, SHOWN, bank, ["cat", "ant", Difference("cat", "ant"), Output(1)], allow_weak=True)
    assert list(dict.fromkeys(found.table["target"])) == ["cat", "ant", "cat - ant", "output 1"]
    rows = found.images.set_index(["target", "concept", "image"])["derivative"]
    np.testing.assert_allclose(rows["cat - ant"], rows["cat"] - rows["ant"], rtol=1e-4, atol=1e-5)
    assert list(found.settings["identities"]) == ["cat - ant", "output 1"]
    assert any("cat rather than ant" in note for note in found.notes)
    own = sacv.score(model, SHOWN, bank, Each(["ant", "bee", "cat", 1, 2]), allow_weak=True, batch_size=2)
    whole = sacv.score(model, SHOWN, bank, NAMES[:3], allow_weak=True).images.set_index(["concept", "image", "target"])
    names = dict(zip(dict.fromkeys(own.images["image"]), ["ant", "bee", "cat", "bee", "cat"], strict=True))
    for row in own.images.to_dict(orient="records"):
        want = whole.loc[(row["concept"], row["image"], names[row["image"]]), "derivative"]
        assert row["derivative"] == pytest.approx(want, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "target", "unit"),
    [
        ("places", Region(np.eye(12, dtype=bool), "cat"), "logits"),
        ("places", Each([Region(np.roll(np.eye(12, dtype=bool), row, 0), "cat") for row in range(5)]), "logits"),
        ("places", Difference(Region(np.eye(12, dtype=bool), "cat"), Region(np.eye(12, dtype=bool), "ant")), "logits"),
        ("number", Output(), "units of the output"),
        ("boxes", BoxScore((1, 1, 5, 5), 1), "score"),
    ],
    ids=["region", "region each", "difference of regions", "number", "box"],
)
def test_other_outputs_work_wherever_a_target_is_asked_for(kind, target, unit, tmp_path):
    model, bank = model_and_bank(Places(kind), names=NAMES if kind == "places" else None)
    found = sacv.explain(model, SHOWN, bank, target, **OPTIONS)
    assert found.settings["method"]["unit"] == unit
    assert np.abs(maps_of(found)).max() > 0
    sums = maps_of(found).sum(axis=(2, 3)).T
    np.testing.assert_allclose(
        sums, [[-line.ablation for line in row] for row in found.checks["stem"]], rtol=1e-2, atol=1e-5
    )
    assert [note.text for note in found.notes if note.kind == "target"]
    found.save(tmp_path / "out")
    assert sacv.score(model, SHOWN, bank, target, allow_weak=True).table["value"].notna().all()
    audited = sacv.audit(model, bank, SHOWN, target)
    assert "contribution varies" in {finding.check for finding in audited.findings}


def test_ones_own_target(plain):
    class Greatest(Target):
        def values(self, output):
            return output.amax(dim=1)

        def __repr__(self):
            return "Greatest()"

    model, bank = plain
    found = sacv.explain(model, SHOWN, bank, Greatest(), **OPTIONS)
    want = sacv.explain(model, SHOWN, bank, "predicted", **OPTIONS)
    assert found.settings["target"] == "Greatest()"
    np.testing.assert_allclose([image.logit for image in found.images], [image.logit for image in want.images])


def test_what_does_not_fit_is_one_line(plain):
    model, bank = plain
    for target, message in [
        (Each(["cat", "ant"]), "there are targets for 2 images, but 5 images"),
        (["cat", "cat"], "the target cat is given twice"),
        (Difference("cat", 2), "the target cat is compared with itself"),
        (Region(np.ones((3, 3), bool), 0), "a region needs logits of each location"),
        (BoxScore((0, 0, 1, 1), 1), "a box's score needs detections"),
        (Output(4), "output 4 is out of range"),
        (Class("cta"), "no class 'cta'; the nearest names are cat"),
    ]:
        with pytest.raises(TargetError, match=message) as told:
            sacv.explain(model, SHOWN, bank, target, **OPTIONS)
        assert "\n" not in str(told.value)
    with pytest.raises(OptionError, match="no target is given"):
        sacv.explain(model, SHOWN, bank, [], **OPTIONS)


def test_doubts_name_what_is_explained(plain):
    model, bank = plain
    line = sacv.explain(model, SHOWN, bank, Difference("cat", "ant"), **OPTIONS).checks["stem"][0][0]
    still = type(line)(**{**line.__dict__, "moved": False})
    assert "does not move the difference cat - ant" in " ".join(still.warnings_for("the difference cat - ant"))
