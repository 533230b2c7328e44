"""The audit passes what holds and fails what does not."""

import numpy as np
import pytest
import torch
from conftest import SmallNet
from scipy.stats import spearmanr
from torch import nn

import sacv
from reference import reading as reference
from sacv.cav import Preprocessing
from sacv.trust.permutation import _halves, permute
from sacv.trust.randomised import shuffled, similarity

LAYER = "features.2"


def pictures(count, seed, level=0.0):
    return torch.randn(count, 3, 8, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + level


@pytest.fixture
def model():
    return sacv.VisionModel(SmallNet().double(), class_names=["ant", "bee", "cat", "dog"])


def outcome(found, check):
    return [finding.passed for finding in found.findings if finding.check == check]


def test_a_sound_bank_passes_what_can_be_asked_of_it(model):
    """Bright and dark pictures differ in their brightness alone, which the audit says; all else holds."""
    bank = sacv.fit(model, [LAYER], {"bright": pictures(12, 1, 1.0)}, [pictures(30, 2)], nulls=199)
    found = sacv.audit(model, bank, pictures(6, 3))
    assert outcome(found, "quality") == [True]
    assert outcome(found, "label permutation") == [True]
    assert outcome(found, "images show the concept") == [True]
    assert outcome(found, "random concepts") == [True]
    assert outcome(found, "contribution varies") == [True]
    (looks,) = [finding for finding in found.findings if finding.check == "looks"]
    assert looks.passed is False and "brightness alone separates concept and random images" in looks.reason
    assert not found.passed and len(found.table) == len(found.findings)


def test_a_concept_of_noise_fails(model):
    bank = sacv.fit(model, [LAYER], {"nothing": pictures(12, 1)}, [pictures(30, 2)])
    found = sacv.audit(model, bank, pictures(6, 3))
    assert outcome(found, "quality") == [False] and outcome(found, "label permutation") == [False]
    assert not found.passed


def test_images_that_lack_the_concept_are_named(model):
    mixed = torch.cat([pictures(9, 1, 2.0), pictures(3, 4, -0.3)])
    bank = sacv.fit(model, [LAYER], {"bright": mixed}, [pictures(30, 2)])
    (finding,) = [one for one in sacv.audit(model, bank, pictures(6, 3)).findings if "show" in one.check]
    named = {index for index in range(12) if f"bright[{index}]" in finding.reason}
    assert finding.passed is False and len(named) >= 2 and named <= {9, 10, 11}


def test_entangled_concepts_fail(model):
    """The same concept under two names."""
    concepts = {"one": pictures(12, 1, 1.0), "two": pictures(12, 5, 1.0)}
    bank = sacv.fit(model, [LAYER], concepts, [pictures(30, 2)])
    assert outcome(sacv.audit(model, bank, pictures(6, 3)), "entanglement") == [False, False]


@pytest.mark.parametrize(("last", "reason"), [(nn.Flatten(), "same at every location"), (None, "does not change")])
def test_contribution_that_cannot_vary_fails(last, reason):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 5, 3, padding=1)
            self.head = nn.Linear(5, 4)

        def forward(self, x):
            cells = self.layer(x).mean(dim=(2, 3))
            return self.head(cells if last is not None else cells * 0)

    torch.manual_seed(0)
    model = sacv.VisionModel(Net().double())
    bank = sacv.fit(model, ["layer"], {"bright": pictures(12, 1, 1.0)}, [pictures(20, 2)])
    (finding,) = [one for one in sacv.audit(model, bank, pictures(6, 3), 1).findings if "varies" in one.check]
    assert finding.passed is False and reason in finding.reason


def test_without_images_checks_are_not_run_and_say_so(model):
    bank = sacv.fit(model, [LAYER], {"bright": pictures(12, 1, 1.0)}, [pictures(30, 2)])
    silent = [finding for finding in sacv.audit(model, bank).findings if finding.passed is None]
    assert {finding.check for finding in silent} == {"random concepts", "randomised weights", "contribution varies"}
    assert all("not run" in finding.reason for finding in silent)


def test_images_of_the_bank_are_found_again_unless_they_changed(small_model, small_bank, guidance):
    assert None not in outcome(sacv.audit(small_model, small_bank), "contribution varies")
    for path in guidance[1].iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    assert outcome(sacv.audit(small_model, small_bank), "contribution varies") == [None]


def test_permuted_labels_lie_around_chance(model):
    bank = sacv.fit(model, [LAYER], {"bright": pictures(12, 1, 1.0)}, [pictures(30, 2)], solver=sacv.solvers.LDA(0.1))
    found = permute(bank, LAYER, "bright", 99, np.random.default_rng(0))
    assert found.true > 0.9 and abs(np.mean(found.permuted) - 0.5) < 0.06


def test_labels_are_permuted_between_the_marks_and_what_they_are_told_from(model):
    """The rest of the photos, and not the random images, which are brighter than both."""
    shown, masks = pictures(14, 1), np.random.default_rng(0).random((14, 8, 7)) < 0.3
    shown += 4 * torch.from_numpy(masks)[:, None]
    regions = {"spot": sacv.Region(shown, list(masks))}
    found = []
    for random in ((), pictures(20, 2, 9.0)):
        bank = sacv.fit(model, ["features.0"], None, random, regions=regions, solver=sacv.solvers.MeanDifference())
        found.append(permute(bank, "features.0", "spot", 99, np.random.default_rng(0)))
    assert found[0] == found[1] and found[0].true > 0.95 and abs(np.mean(found[0].permuted) - 0.5) < 0.1


def test_shuffling_keeps_every_parameter_s_values_and_the_model(model):
    before = {name: values.clone() for name, values in model.net.state_dict().items()}
    other = shuffled(model, 0)
    for name, values in model.net.state_dict().items():
        assert torch.equal(values, before[name])
        moved = other.net.state_dict()[name]
        assert torch.equal(moved.flatten().sort().values, values.flatten().sort().values)
        assert values.numel() < 10 or not torch.equal(moved, values)


@pytest.mark.parametrize("solver", [sacv.solvers.MeanDifference(), sacv.solvers.DEFAULT], ids=repr)
def test_a_model_is_like_itself(model, solver):
    bank = sacv.fit(model, [LAYER], {"bright": pictures(12, 1, 1.0)}, [pictures(30, 2)], solver=solver)
    inputs = pictures(4, 3)
    assert similarity(model, model, inputs, LAYER, bank.cavs, bank.preprocessing) == {"bright": pytest.approx(1.0)}
    assert abs(similarity(model, shuffled(model, 0), inputs, LAYER, bank.cavs, bank.preprocessing)["bright"]) < 0.95


def test_models_are_compared_by_what_the_cavs_read(model):
    """The rank correlation of the maps as the bank reads them, which smoothing changes."""
    solver, shown = sacv.solvers.DEFAULT, pictures(3, 3)
    bank = sacv.fit(model, [LAYER], {"bright": pictures(12, 1, 1.0)}, [pictures(30, 2)], solver=solver)
    other = shuffled(model, 0)
    maps = []
    for one in (model, other):
        cells = one.activations(shown, [LAYER])[LAYER].cells.numpy()
        maps.append([(reference.read(image, 1.0) @ bank.cavs[0].detector).ravel() for image in cells])
    want = np.mean([spearmanr(*pair).statistic for pair in zip(*maps, strict=True)])
    found = similarity(model, other, shown, LAYER, bank.cavs, bank.preprocessing)["bright"]
    assert found == pytest.approx(want, abs=1e-9)
    assert abs(similarity(model, other, shown, LAYER, bank.cavs, Preprocessing(True))["bright"] - want) > 1e-3


def test_another_model_is_refused(model):
    bank = sacv.fit(model, [LAYER], {"bright": pictures(12, 1, 1.0)}, [pictures(30, 2)])
    with pytest.raises(sacv.errors.MismatchError):
        sacv.audit(sacv.VisionModel(SmallNet(3).double()), bank)


def test_halves_part_no_group_and_are_those_of_images_where_there_are_none(model):
    sides = [np.array([0, 1, 2, 3, 4]), np.array([3, 4, 5, 6, 7, 8, 9])]
    for seed in range(9):
        halves = _halves(sides, np.random.default_rng(seed))
        assert halves[3] == halves[5] and halves[4] == halves[6]
        assert 2 <= halves[:5].sum() <= 3 and 3 <= halves[5:].sum() <= 4
    apart = [np.arange(5), np.arange(5, 12)]
    rng = np.random.default_rng(0)
    want = np.concatenate([rng.permutation(np.arange(size) % 2) for size in (5, 7)])
    np.testing.assert_array_equal(_halves(apart, np.random.default_rng(0)), want.astype(bool))


def test_labels_of_groups_are_permuted_as_a_whole():
    """A style of each patient passes for a concept where pictures are dealt, and not where patients are."""
    rng = torch.Generator().manual_seed(3)
    style = torch.randn(16, 1, 3, 1, 1, generator=rng, dtype=torch.float64)
    shown = (style + 0.3 * torch.randn(16, 5, 3, 6, 5, generator=rng, dtype=torch.float64)).flatten(0, 1)
    model = sacv.VisionModel(SmallNet().double())
    outcomes = []
    for groups in (None, lambda name: f"{name[0]}{int(name.split('[')[1][:-1]) // 5}"):
        bank = sacv.fit(model, [LAYER], {"c": shown[:40]}, shown[40:], groups=groups, absent=())
        outcomes.append(permute(bank, LAYER, "c", 99, np.random.default_rng(0)))
    by_picture, by_patient = (found.true > np.quantile(found.permuted, 0.95) for found in outcomes)
    assert by_picture and not by_patient
