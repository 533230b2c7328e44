"""The calibration of the presence mask: its threshold, its images, and that these are used for nothing else."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import sacv
from cav.planted import cells, noise, planted_model
from reference import presence as reference
from sacv.cav import calibration
from sacv.cav.calibration import Calibration, calibrated
from sacv.cav.hard_negatives import Problem, sharpened
from sacv.cav.presence import CHANGED, GIVEN, HELD_OUT, NONE, Presence, negatives_of
from sacv.cav.projection import along
from sacv.concepts import image_set
from sacv.errors import CorruptFileError, ImageSetError
from sacv.files import read_json, write_json
from sacv.solvers import LDA, Logistic, MeanDifference, UnitLength
from sacv.stats import Moments

MODEL = planted_model(3)
PROBLEM = Problem(
    MeanDifference(),
    *(Moments.of(np.concatenate(cells(noise(6, 3, 4, seed, mean=mean)))) for seed, mean in ((0, 1), (1, 0))),
)


def presence(values):
    return Presence(np.sort(np.array(values, dtype=np.float32)), GIVEN, len(values))


def fit(random=None, **options):
    concepts = {"c": noise(6, 3, 4, 0, mean=1)}
    wanted = {"solver": MeanDifference(), "runs": 3, "nulls": 9} | options
    return sacv.fit(MODEL, ["layer"], concepts, noise(8, 3, 4, 1) if random is None else random, **wanted)


def names(entry):
    return {image.digest for image in entry.images}


# The threshold


@given(st.integers(0, 700))
def test_the_threshold_has_the_rank_of_the_formula(count):
    found = presence(np.arange(count)).threshold
    rank = math.ceil((count + 1) * 95 / 100)
    assert found == (None if rank > count else rank - 1)


def test_of_19_images_the_greatest_is_the_threshold_and_of_18_there_is_none():
    values = np.random.default_rng(0).standard_normal(19).astype(np.float32)
    assert presence(values).threshold == values.max()
    assert presence(values[:18]).threshold is None and Presence.without(NONE).threshold is None


def test_the_card_says_how_many_images_of_which_kind_or_how_to_get_them():
    assert "calibrated on 30 images given as showing none of the concepts;" in presence(range(30)).description
    assert (
        "100 images of the random set, held out;"
        in Presence(np.arange(100, dtype=np.float32), HELD_OUT, 100).description
    )
    assert "(of 70: more do not fit into memory)" in replace(presence(range(30)), offered=70).description
    few = presence(range(18)).description
    assert "no mask: 18 images" in few and "19 or more are needed" in few and "--absent DIR" in few
    assert "no mask: 1 image given" in presence([1]).description
    assert (
        "--absent DIR" in Presence.without(NONE).description
        and "80 random images" in Presence.without(NONE).description
    )
    assert "has changed the CAV" in Presence.without(CHANGED).description


# Which images


def test_what_is_stored_is_the_greatest_evidence_of_each_image():
    absent = noise(21, 3, 4, 5)
    for solver in (MeanDifference(), MeanDifference(detector_shrinkage=0.3)):
        bank = fit(absent=absent, solver=solver)
        cav = bank.cav("layer", "c")
        want = np.sort((cells(absent) @ cav.detector).max(axis=1))
        np.testing.assert_allclose(cav.presence.maxima, want, rtol=1e-6)
        assert (cav.presence.kind, len(cav.presence), cav.presence.offered) == (GIVEN, 21, 21)
        assert names(bank.absent) == {item.digest for item in image_set("a", absent)}


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_images_given_as_absent_change_nothing_else(tmp_path, batch_size):
    """Not even the rounding of what the batches sum."""
    random = noise(9, 3, 4, 1).float()
    model = planted_model(3, dtype=torch.float32)
    banks = [
        sacv.fit(
            model, ["layer"], {"c": noise(6, 3, 4, 0, mean=1).float()}, random, batch_size=batch_size, absent=absent
        )
        for absent in ((), noise(20, 3, 4, 5).float())
    ]
    for name, bank in zip("ab", banks, strict=True):
        bank.save(tmp_path / name)
    one, other = ((tmp_path / name / "moments.safetensors").read_bytes() for name in "ab")
    assert one == other
    for left, right in zip(*(bank.cavs for bank in banks), strict=True):
        np.testing.assert_array_equal(left.vector, right.vector)
        np.testing.assert_array_equal(left.null.vectors, right.null.vectors)
        assert (left.threshold, left.quality) == (right.threshold, right.quality)
    assert (banks[0].cavs[0].presence.kind, banks[1].cavs[0].presence.kind) == (NONE, GIVEN)


def test_progress_counts_the_absent_images_too():
    told = []
    fit(absent=noise(7, 3, 4, 5), batch_size=4, progress=lambda *pair: told.append(pair))
    assert told[-1] == (6, 6) and [done for done, _ in told] == list(range(1, 7))  # 14 images, then 7


@pytest.mark.parametrize(("count", "held"), [(79, 0), (80, 20), (500, 100)])
def test_of_80_random_images_some_are_held_out(count, held):
    random = noise(count, 3, 4, 1)
    bank = fit(random)
    cav, pool = bank.cav("layer", "c"), bank.sets[-1]
    assert len(cav.presence) + cav.presence.negatives == held and cav.presence.kind == (HELD_OUT if held else NONE)
    assert len(pool.images) == count - held == cav.quality.random_images
    assert not names(pool) & names(bank.absent)
    assert names(pool) | names(bank.absent) == {item.digest for item in image_set("r", random)}
    # Nothing of them is in the pool, so in no fold, run or null: it is the bank of the others alone.
    apart = torch.stack([image for image in random if image_set("r", image).items[0].digest in names(pool)])
    alone = fit(apart, absent=())
    np.testing.assert_array_equal(alone.cavs[0].vector, cav.vector)
    np.testing.assert_array_equal(alone.cavs[0].null.vectors, cav.null.vectors)
    np.testing.assert_array_equal(alone.cavs[0].runs.vectors, cav.runs.vectors)


def test_which_are_held_out_depends_on_their_content_alone():
    random = noise(85, 3, 4, 1)
    one, other = fit(random, seed=0), fit(random.flip(0), seed=3)
    assert names(one.absent) == names(other.absent)
    assert fit(random, absent=()).sets[-1].images[84].name == "random[84]"


def test_as_many_are_stored_as_memory_allows(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_VALUES", 25 * 16 * 3)
    bank = fit(absent=noise(40, 3, 4, 5))
    cav = bank.cav("layer", "c")
    assert (len(cav.presence), cav.presence.negatives, cav.presence.offered) == (19, 6, 40)
    assert len(bank.absent.images) == 25
    assert "(of 40: more do not fit into memory)" in cav.presence.description
    assert names(bank.absent) == set(sorted(item.digest for item in image_set("a", noise(40, 3, 4, 5)))[:25])


def test_an_image_is_in_no_other_set():
    absent = noise(20, 3, 4, 5)
    with pytest.raises(ImageSetError, match=r"the absent images and 'random' share 1 images \(absent\[19\] = random\["):
        fit(torch.cat([noise(8, 3, 4, 1), absent[19:]]), absent=absent)
    with pytest.raises(ImageSetError, match="the absent images and 'c' share 2 images"):
        fit(absent=torch.cat([absent, noise(6, 3, 4, 0, mean=1)[:2]]))


def test_images_of_another_size_are_refused():
    with pytest.raises(ImageSetError, match=r"absent\[0\] has 25 locations at layer 'layer', .* 16; .* same size"):
        fit(absent=noise(20, 3, 5, 5))


def test_repeats_and_unreadable_files_are_listed(tmp_path, small_model, guidance):
    (guidance[1] / "notes.txt").write_text("no image")
    concept = {"bright": guidance[0]}
    options = {"absent": guidance[1], "skip_unreadable": True, "nulls": 0}
    random = [torch.rand(3, 12, 10) for _ in range(4)]
    bank = sacv.fit(small_model, ["features.2"], concept, random, **options)
    assert [name for name, _ in bank.absent.skipped] == [str(guidance[1] / "notes.txt")]
    twice = sacv.fit(small_model, ["features.2"], concept, random, **options | {"absent": [guidance[1], guidance[1]]})
    assert len(twice.absent.images) == 7 == len(twice.absent.repeats)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "calibrate", "above"), [(19, 19, 1), (30, 19, 1), (39, 20, 1), (80, 40, 2)])
def test_of_images_without_the_concept_at_most_5_percent_are_in_the_mask(count, calibrate, above):
    """Drawn alike, whatever they look like: here with heavy tails and an offset of each. The share is known exactly."""
    (cav,), problem = fit(runs=1, nulls=0).cavs, PROBLEM
    rng = np.random.default_rng(count)
    plan = Calibration(GIVEN, image_set("absent", noise(count, 3, 4, 5)), offered=count)
    marked = []
    for _ in range(400):
        scale = rng.standard_t(2, (count + 1, 1, 1))
        pictures = scale * (rng.standard_normal((count + 1, 16, 3)) + rng.standard_normal((count + 1, 1, 3)))
        (found,) = calibrated([cav], plan, {"layer": list(pictures[1:])}, {"layer": (4, 4)}, {("layer", "c"): problem})
        assert len(found.presence) == calibrate and found.presence.negatives == count - calibrate
        reached = along(torch.from_numpy(pictures[:1]), [found.presence_direction]).numpy()
        marked.append(bool((reached > np.float32(found.presence.threshold)).any()))
    share, want = np.mean(marked), above / (calibrate + 1)
    error = np.sqrt(want * (1 - want) / len(marked))
    assert want <= 0.05 and share <= 0.05 + 2 * error and abs(share - want) < 3 * error


# Hard negatives


@given(st.integers(0, 700))
def test_at_most_half_give_hard_negatives_and_enough_are_left_to_calibrate(count):
    found = negatives_of(count)
    assert 0 <= found <= count / 2 and (found == 0 or min(found, count - found - 14) >= 5)
    assert (found > 0) == (count >= 24) and (count < 38 or found == count // 2)


@pytest.mark.parametrize("solver", [MeanDifference(), MeanDifference(0.3), LDA(0.2)], ids=repr)
@pytest.mark.parametrize("count", [24, 41])
def test_the_direction_agrees_with_the_reference(solver, count):
    """Which images give hard negatives, their hashes say; the rest calibrate."""
    absent = noise(count, 3, 4, 5)
    bank = fit(absent=absent, solver=solver)
    (cav,) = bank.cavs
    digests = [item.digest for item in image_set("a", absent)]
    order = sorted(range(count), key=lambda number: digests[number])
    kept, learned = order[: count - negatives_of(count)], order[count - negatives_of(count) :]
    shown, random, pictures = (cells(images) for images in (noise(6, 3, 4, 0, mean=1), noise(8, 3, 4, 1), absent))

    def solve(concept, others, weights):
        sides = Moments.of(concept), Moments.of(others, np.array(weights))
        return solver.solve(*sides).detector

    want = reference.direction(solve, cav.detector, shown, random, pictures[learned])
    np.testing.assert_allclose(cav.presence_direction, want, atol=1e-9)
    np.testing.assert_allclose(cav.presence.maxima, np.sort((pictures[kept] @ want).max(axis=1)), rtol=1e-5)
    assert (len(cav.presence), cav.presence.negatives, cav.presence.offered) == (len(kept), len(learned), count)
    assert f"with {len(learned)} more as hard negatives;" in cav.presence.description
    assert not np.allclose(cav.presence_direction, cav.detector, atol=1e-3)


def test_what_other_images_show_does_not_hide_the_concept():
    """Spots that reach farther than the concept along its vector, and differ from it otherwise."""

    def spotted(count, seed, spot):
        pictures = 0.05 * noise(count, 3, 4, seed)
        pictures[:, :, 1, 2] += torch.tensor(spot, dtype=torch.float64)
        return pictures

    concept, random = 0.3 * noise(12, 3, 4, 0) + torch.tensor([1.0, 0, 0])[:, None, None], 0.3 * noise(12, 3, 4, 1)
    shown = cells(spotted(20, 2, (1.0, 0.0, 0.0)))

    def found(count):
        absent = spotted(count, 3, (1.2, 2.0, 0.0))
        (cav,) = sacv.fit(
            MODEL, ["layer"], {"c": concept}, random, solver=MeanDifference(), nulls=0, absent=absent
        ).cavs
        return float(((shown @ cav.presence_direction).max(axis=1) > cav.presence.threshold).mean())

    assert found(23) == 0 and found(60) > 0.9


def test_a_solver_that_needs_samples_has_no_hard_negatives():
    (cav,) = fit(absent=noise(40, 3, 4, 5), solver=Logistic(), runs=1, nulls=0).cavs
    assert (len(cav.presence), cav.presence.negatives) == (40, 0)
    np.testing.assert_array_equal(cav.presence_direction, cav.detector)


def test_a_concept_that_does_not_vary_has_no_hard_negatives():
    constant = Moments.of(np.ones((4, 3)))
    problem = Problem(MeanDifference(), constant, Moments.of(np.eye(3)))
    assert sharpened(np.ones(3) / np.sqrt(3), problem, list(cells(noise(5, 3, 4, 0)))) is None


def test_hard_negatives_change_neither_vector_nor_relevance():
    one, other = (fit(absent=absent).cavs[0] for absent in ((), noise(40, 3, 4, 5)))
    np.testing.assert_array_equal(one.detector, other.detector)
    assert one.threshold == other.threshold and other.presence.negatives == 20


def test_the_direction_is_stored_on_disk(tmp_path):
    bank = fit(absent=noise(40, 3, 4, 5))
    bank.save(tmp_path / "bank")
    found = sacv.ConceptBank.load(tmp_path / "bank").cavs[0]
    np.testing.assert_array_equal(found.presence_direction, bank.cavs[0].presence_direction)
    assert (found.presence.negatives, found.presence.description) == (20, bank.cavs[0].presence.description)
    labels = read_json(tmp_path / "bank" / "bank.json", kind="concept bank", format_version=2)
    for wrong in (0, 21):
        labels["cavs"][0]["presence"]["negatives"] = wrong
        write_json(tmp_path / "bank" / "bank.json", labels)
        with pytest.raises(CorruptFileError, match="presence"):
            sacv.ConceptBank.load(tmp_path / "bank")


def test_a_bank_from_before_there_were_hard_negatives_reads_along_the_detector(tmp_path):
    fit(absent=noise(20, 3, 4, 5)).save(tmp_path / "bank")
    labels = read_json(tmp_path / "bank" / "bank.json", kind="concept bank", format_version=2)
    del labels["cavs"][0]["presence"]["negatives"], labels["checksums"]
    write_json(tmp_path / "bank" / "bank.json", labels)
    (found,) = sacv.ConceptBank.load(tmp_path / "bank").cavs
    assert len(found.presence) == 20
    np.testing.assert_array_equal(found.presence_direction, found.detector)


# On disk, merged and fitted anew


def test_a_bank_from_before_has_none(tmp_path):
    fit(absent=noise(20, 3, 4, 5)).save(tmp_path / "bank")
    labels = read_json(tmp_path / "bank" / "bank.json", kind="concept bank", format_version=2)
    del labels["absent"], labels["cavs"][0]["presence"], labels["checksums"]
    write_json(tmp_path / "bank" / "bank.json", labels)
    old = sacv.ConceptBank.load(tmp_path / "bank")
    assert old.cavs[0].presence.kind == NONE and old.absent.images == ()
    labels["cavs"][0]["presence"] = {"kind": "magic", "offered": 20}
    write_json(tmp_path / "bank" / "bank.json", labels)
    with pytest.raises(CorruptFileError, match=r"presence\.kind is 'magic'"):
        sacv.ConceptBank.load(tmp_path / "bank")


def test_the_same_fit_gives_the_same_bank_byte_for_byte(tmp_path):
    for name in "ab":
        fit(noise(85, 3, 4, 1)).save(tmp_path / name)
    for file in ("bank.json", "cavs.safetensors", "moments.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_adding_a_concept_keeps_the_mask_of_a_cav_that_stays():
    one = fit(absent=noise(20, 3, 4, 5))
    other = sacv.fit(MODEL, ["layer"], {"d": noise(6, 3, 4, 7, mean=-1)}, noise(8, 3, 4, 1), solver=MeanDifference())
    both = sacv.merge([one, other])
    np.testing.assert_array_equal(both.cav("layer", "c").presence.maxima, one.cavs[0].presence.maxima)
    assert both.cav("layer", "d").presence.kind == NONE
    assert names(both.absent) == names(one.absent)


def test_a_cav_that_changes_loses_its_mask():
    one = fit(absent=noise(20, 3, 4, 5))
    same = sacv.refit(one, runs=5, nulls=19).cav("layer", "c").presence
    np.testing.assert_array_equal(same.maxima, one.cavs[0].presence.maxima)
    changed = [
        sacv.refit(one, solver=LDA(0.3)),
        sacv.refit(one, solver=MeanDifference(detector_shrinkage=0.3)),  # the vector stays, the detector does not
        sacv.merge([one, fit(noise(8, 3, 4, 3), absent=noise(25, 3, 4, 6))]),
    ]
    for bank in changed:
        found = bank.cav("layer", "c").presence
        assert found.kind == CHANGED and found.threshold is None and "fit from the images" in found.description
    again = sacv.refit(changed[0], solver=LDA(0.5)).cav("layer", "c").presence
    assert again.kind == CHANGED


def test_activations_are_read_as_the_bank_reads_them():
    bank = fit(
        noise(8, 3, 4, 1, mean=2.0), solver=UnitLength(MeanDifference(), 1.0), absent=noise(20, 3, 4, 5, mean=2.0)
    )
    assert np.abs(bank.cavs[0].presence.maxima).max() <= 1
