"""What each target makes of an output, what it is called, and what it refuses."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sacv import targets
from sacv.errors import OptionError, TargetError
from sacv.model import target_identity
from sacv.targets import BoxScore, Class, Difference, Each, Function, Output, Predicted, Region

NAMES = ("ant", "bee", "cat")
LOGITS = torch.tensor([[1.0, 4.0, 2.0], [9.0, 3.0, 5.0]])
PLACES = torch.randn((2, 3, 4, 6), generator=torch.Generator().manual_seed(0))
HALF = np.arange(24).reshape(4, 6) % 6 < 3
BOX = (10.0, 10.0, 30.0, 30.0)


def first(output):
    return output[:, 0]


def found(boxes, scores, labels):
    given = torch.tensor(scores, requires_grad=True)
    return {"boxes": torch.tensor(boxes).reshape(-1, 4), "scores": given * 1, "labels": torch.tensor(labels).long()}


EVERY = {
    "bee": Class("bee").named(NAMES),
    "2": Class(2),
    "cat": Class(2).named(NAMES),
    "predicted": Predicted(),
    "cat - ant": Difference("cat", "ant").named(NAMES),
    "first - output 1": Difference(first, Output(1)),
    "output 2": Output(2),
    "bee over a region": Region(HALF, "bee").named(NAMES),
    "1 in the box 10, 10, 30, 30": BoxScore(BOX, 1),
    "first": Function(first),
    "a different target for each of 2 images": Each(["bee", 2]).named(NAMES),
}


@pytest.mark.parametrize("name", EVERY)
def test_names_identities_and_copies(name):
    target = EVERY[name]
    assert str(target) == name
    copy = pickle.loads(pickle.dumps(target))
    assert copy == target and hash(copy) == hash(target) and target_identity(copy) == target_identity(target)
    assert [str(other) for other in EVERY.values() if target_identity(other) == target_identity(target)] == [name]
    assert "0x" not in target_identity(target) + repr(target), "what is stored holds no address"


class Mine(targets.Target):
    """A target that is no data class of its own."""

    def __init__(self, factor):
        self.factor = factor

    def values(self, output):
        return output[:, 0] * self.factor


def test_custom_targets_are_distinguished_by_fields_and_methods():
    class Other(Mine):
        def values(self, output):
            return output[:, 1] * self.factor

    Other.__qualname__ = "Mine"
    marks = [
        target_identity(one) for one in (Mine(1), Mine(2), Other(1), Difference(Mine(1), 0), Difference(Mine(2), 0))
    ]
    assert len(set(marks)) == len(marks) and target_identity(Mine(1)) == marks[0]
    assert Difference(lambda output: output[:, 0], 0) != Difference(lambda output: output[:, 1], 0)


def test_an_identity_does_not_change_when_a_target_is_used():
    target = Region(HALF, "bee").named(NAMES)
    before = target_identity(target)
    assert repr(target).startswith("Region(mask=<bool 4 x 6, sha256 ") and target_identity(target) == before


def test_many_targets_have_a_short_text():
    texts = {repr(Each([Class(row) for row in range(start, start + 1000)])) for start in (0, 1)}
    assert len(texts) == 2 and all(len(text) < 60 for text in texts)


def test_a_class():
    for target in (Class("cat").named(NAMES), Class(2), Class("2")):
        assert target.values(LOGITS).tolist() == [2.0, 5.0]
        assert target.classes(LOGITS).tolist() == [2, 2]
    assert Class(1).values(PLACES).tolist() == PLACES[:, 1].mean(dim=(1, 2)).tolist()


def test_what_is_predicted_stays_once_it_is_known():
    settled = Predicted().settled(LOGITS)
    assert Predicted().values(LOGITS).tolist() == settled.values(LOGITS).tolist() == [4.0, 9.0]
    assert settled.values(LOGITS.flip(1)).tolist() == [4.0, 5.0]
    assert settled.at([1]).values(LOGITS[:1]).tolist() == [1.0]
    assert Difference("predicted", 2).settled(LOGITS).values(LOGITS.flip(1)).tolist() == [3.0, -4.0]
    assert str(targets.target_of("predicted", [*NAMES, "predicted"])) == "predicted"
    assert isinstance(targets.target_of("predicted", [*NAMES, "predicted"]), Class)


def test_a_difference():
    assert Difference("bee", "ant").named(NAMES).values(LOGITS).tolist() == [3.0, -6.0]
    assert Difference(first, Difference(1, 2)).values(LOGITS).tolist() == [-1.0, 11.0]
    note = Difference("bee", "ant").note
    assert "favour bee rather than ant" in note and "negative ones ant rather than bee" in note


def test_a_number():
    column = torch.tensor([1.0, 2.0])
    assert Output().values(column).tolist() == Output().values(column[:, None]).tolist() == [1.0, 2.0]
    assert Output(1).values({"logits": LOGITS}).tolist() == [4.0, 3.0]


def test_a_region_of_the_logits_own_size():
    want = PLACES[:, 1][:, torch.from_numpy(HALF)].mean(dim=1)
    torch.testing.assert_close(Region(HALF, 1).values(PLACES), want)
    torch.testing.assert_close(Region(torch.from_numpy(HALF), "bee").named(NAMES).values({"out": PLACES}), want)
    everywhere = Region(np.ones((4, 6), bool), 1)
    torch.testing.assert_close(everywhere.values(PLACES), Class(1).values(PLACES))


@given(st.integers(1, 4), st.integers(0, 2**24 - 1))
def test_a_larger_mask_counts_by_cover_and_the_same_one_enlarged_is_the_same(factor, bits):
    mask = np.array([bits >> place & 1 for place in range(24)], dtype=bool).reshape(4, 6)
    mask[0, 0] = True
    large = mask.repeat(factor, axis=0).repeat(factor, axis=1)
    torch.testing.assert_close(Region(large, 0).values(PLACES), Region(mask, 0).values(PLACES), rtol=1e-4, atol=1e-5)
    assert large.size == factor**2 * 24


def test_a_mask_that_covers_a_quarter_of_a_pixel_counts_a_quarter():
    mask = np.zeros((8, 12), bool)
    mask[0, 0] = mask[0, 2] = mask[1, 2] = True
    want = (PLACES[:, 0, 0, 0] + 2 * PLACES[:, 0, 0, 1]) / 3
    torch.testing.assert_close(Region(mask, 0).values(PLACES), want)


def test_a_volume_has_a_region_too():
    logits = torch.rand(2, 3, 2, 4, 6)
    mask = np.zeros((2, 4, 6), bool)
    mask[1, 2] = True
    torch.testing.assert_close(Region(mask, 1).values(logits), logits[:, 1, 1, 2].mean(dim=1))


def test_a_box_has_the_greatest_score_of_its_class_that_overlaps():
    detections = [
        found(
            [[10.0, 10, 30, 30], [12, 10, 30, 30], [10, 10, 30, 30], [60, 60, 80, 80]], [0.3, 0.6, 0.9, 1], [1, 1, 2, 1]
        ),
        found([[60.0, 60, 80, 80]], [0.8], [1]),
        found([], [], []),
    ]
    values = BoxScore(BOX, 1).values(detections)
    assert values.tolist() == pytest.approx([0.6, 0, 0])
    assert values.requires_grad
    assert BoxScore(BOX, 1, overlap=0.95).values(detections).tolist() == pytest.approx([0.3, 0, 0])
    assert BoxScore(BOX, "bee").named(NAMES).values(detections).tolist() == pytest.approx([0.6, 0, 0])


def test_each_image_has_its_own():
    target = Each([Class(1), Class(0)])
    assert target.values(LOGITS).tolist() == [4.0, 9.0] and target.classes(LOGITS).tolist() == [1, 0]
    assert target.at([1, 1, 0]).values(LOGITS[[0, 1, 0]]).tolist() == [1.0, 9.0, 4.0]
    masks = [HALF, ~HALF]
    want = [float(PLACES[row, 2][torch.from_numpy(mask)].mean()) for row, mask in enumerate(masks)]
    assert Each([Region(mask, 2) for mask in masks]).values(PLACES).tolist() == pytest.approx(want)
    assert Each(["predicted", 0]).settled(LOGITS).values(LOGITS.flip(1)).tolist() == [4.0, 5.0]
    assert target.images == 2 and Difference(target, 2).images == 2 and Class(1).images is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Class("bea").named(NAMES).values(LOGITS), "no class 'bea'; the nearest names are bee"),
        (lambda: Class("bee").values(LOGITS), "the model has no class names"),
        (lambda: Class(3).values(LOGITS), "target 3 is out of range; the model's classes go from 0 to 2"),
        (lambda: Class(0).values(LOGITS[0]), r"gives a tensor of shape \(3,\); sacv needs logits"),
        (lambda: Difference("bee", "bee"), "the target bee is compared with itself"),
        (lambda: Difference("bee", 1).named(NAMES).values(LOGITS), "the target bee is compared with itself"),
        (lambda: Output(3).values(LOGITS), "output 3 is out of range; legal are 0 to 2"),
        (lambda: Output(0).values(PLACES), r"gives a tensor of shape \(2, 3, 4, 6\); output 0 needs"),
        (lambda: Region(HALF, 0).values(LOGITS), r"gives a tensor of shape \(2, 3\); a region needs logits of each"),
        (
            lambda: Region(np.ones((8, 8), bool), 0).values(PLACES),
            "mask is 8 x 8, but the logits of an image are 4 x 6",
        ),
        (lambda: Region(np.zeros((4, 6), bool), 0), "mask is empty"),
        (lambda: Region(np.ones((4, 6)), 0), r"must be bool \(height, width\), not float64 \(4, 6\)"),
        (lambda: Region(HALF, 7).values(PLACES), "target 7 is out of range"),
        (lambda: BoxScore((3, 3, 3, 9), 1), "a box must be left, top, right, bottom"),
        (lambda: BoxScore(BOX, 1, overlap=0), r"overlap must be above 0 and at most 1, not 0"),
        (lambda: BoxScore(BOX, 1).values(LOGITS), "gives a tensor of .*; a box's score needs detections"),
        (lambda: BoxScore(BOX, "bee").values([found([BOX], [0.5], [1])]), "the label 'bee' is a name"),
        (
            lambda: BoxScore(BOX, 1).values([{n: v.detach() for n, v in found([BOX], [0.5], [1]).items()}]),
            "the detector's scores carry no gradient",
        ),
        (lambda: Each([]), "no target is given"),
        (lambda: targets.target_of(1.5, NAMES), "must be a class name or index, .* not 1.5"),
        (lambda: targets.target_of(True, NAMES), "not True"),
        (lambda: targets.given_targets([]), "no target is given"),
        (lambda: targets.given_targets(None), "not None"),
    ],
)
def test_what_is_refused_is_one_line(make, message):
    with pytest.raises((TargetError, OptionError), match=message) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_the_gradient_of_a_region_stays_in_it():
    logits = PLACES.clone().requires_grad_()
    Region(HALF, 1).values(logits).sum().backward()
    touched = logits.grad != 0
    assert torch.equal(touched[:, 1], torch.from_numpy(HALF).expand(2, -1, -1)) and not touched[:, [0, 2]].any()


def test_told_is_the_deprecated_name_of_note():
    with pytest.warns(DeprecationWarning, match=r"Target\.told is deprecated; use Target\.note"):
        assert Output(1).told == Output(1).note
    with pytest.warns(DeprecationWarning, match=r"Old\.told is deprecated; rename it to note"):

        class Old(Mine):
            @property
            def told(self):
                return "of an old target"

    assert Old(1).note == "of an old target"
