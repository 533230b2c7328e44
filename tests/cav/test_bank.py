import errno
import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SmallNet, nearly_full_disk
from torch import nn

import sacv
from cav.planted import noise, planted_model
from sacv import ConceptBank
from sacv.cav import Preprocessing
from sacv.concepts import Region
from sacv.errors import CorruptFileError, LayerError, MismatchError, OptionError, StorageError
from sacv.files import read_arrays, write_arrays
from sacv.solvers import DEFAULT, LDA, Logistic, MeanDifference, UnitLength, rebuild


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def rich_fit(**options):
    """Two layers, a concept with whole images and two with regions, a shared null, skipped files."""
    net = nn.Sequential(nn.Identity(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 2, bias=False))
    nn.init.ones_(net[-1].weight)
    images, masks = noise(5, 3, 4, 0, mean=1).float(), np.random.default_rng(0).random((9, 4, 4)) < 0.3
    concepts = {"a": torch.cat([images, images[:1]]), "b": noise(5, 3, 4, 3).float()}
    wanted = {"solver": LDA(0.2), "runs": 4, "nulls": 9, "locations": 3, "folds": 3} | options
    random = wanted.pop("random", noise(6, 3, 4, 9, mean=1).float())
    photos = noise(9, 3, 4, 7, mean=1).float()
    regions = {"x": Region(photos, list(masks)), "y": Region(photos, list(masks[:, ::-1]))}
    return sacv.fit(
        sacv.VisionModel(net, class_names=["one", "two"]), ["0", "1"], concepts, random,
        regions=regions, **wanted,
    )  # fmt: skip


def assert_same_drawn(one, other):
    np.testing.assert_array_equal(one.vectors, other.vectors)
    np.testing.assert_array_equal(one.thresholds, other.thresholds)
    np.testing.assert_array_equal(one.separations, other.separations)
    assert (one.spreads is None) == (other.spreads is None)
    if one.spreads is not None:
        np.testing.assert_array_equal(one.spreads, other.spreads)


def assert_same_means(one, other):
    np.testing.assert_array_equal(one.means, other.means)
    np.testing.assert_array_equal(one.weights, other.weights)


def assert_same_bank(one, other):
    """Every field, exactly, but for the lower triangle of a scatter: only the upper one is stored."""
    compared = {"layers", "sets", "rests", "solver", "seed", "folds", "locations", "runs", "nulls", "model"}
    compared |= {"absent", "context", "within"}
    assert compared | {"cavs", "statistics", "seen_through", "pasted"} == {field.name for field in fields(ConceptBank)}
    for name in compared:
        assert getattr(one, name) == getattr(other, name)
    assert len(one.cavs) == len(other.cavs)
    for mine, theirs in zip(one.cavs, other.cavs, strict=True):
        for name in ("layer", "concept", "threshold", "separation", "quality", "statistics"):
            assert getattr(mine, name) == getattr(theirs, name)
        np.testing.assert_array_equal(mine.vector, theirs.vector)
        np.testing.assert_array_equal(mine.evidence, theirs.evidence)
        assert_same_drawn(mine.runs, theirs.runs)
        assert_same_drawn(mine.null, theirs.null)
        assert (mine.permuted is None) == (theirs.permuted is None)
        if mine.permuted is not None:
            assert_same_drawn(mine.permuted, theirs.permuted)
        np.testing.assert_array_equal(mine.presence.maxima, theirs.presence.maxima)
        assert mine.presence.maxima.dtype == theirs.presence.maxima.dtype == np.float32
        assert (mine.presence.kind, mine.presence.offered) == (theirs.presence.kind, theirs.presence.offered)
    assert (one.statistics.keys(), one.pasted.keys()) == (other.statistics.keys(), other.pasted.keys())
    pairs = [(getattr(one, name)[key], getattr(other, name)[key])
             for name in ("statistics", "pasted") for key in getattr(one, name)]  # fmt: skip
    for mine, theirs in pairs:
        assert len(mine.folds) == len(theirs.folds)
        for part, again in zip(mine.folds, theirs.folds, strict=True):
            assert part.count == again.count
            np.testing.assert_array_equal(part.mean, again.mean)
            np.testing.assert_array_equal(np.triu(part.scatter), np.triu(again.scatter))
            np.testing.assert_allclose(part.scatter, again.scatter, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(mine.image_fold, theirs.image_fold)
        assert_same_means(mine.images, theirs.images)
        for name in ("vectors", "image", "weights"):
            np.testing.assert_array_equal(getattr(mine.sample, name), getattr(theirs.sample, name))
            assert getattr(mine.sample, name).dtype == getattr(theirs.sample, name).dtype
    assert one.seen_through.keys() == other.seen_through.keys()
    for key, mine in one.seen_through.items():
        assert_same_means(mine, other.seen_through[key])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": UnitLength(MeanDifference())},
        {"solver": DEFAULT},
        {"solver": Logistic(C=0.1)},
        {"runs": 1, "nulls": 0},
        {"rest": False},
        pytest.param({"absent": noise(20, 3, 4, 9).float()}, id="absent"),
        {"random": ()},
    ],
    ids=str,
)
def test_what_is_saved_comes_back(tmp_path, options):
    bank = rich_fit(**options)
    bank.save(tmp_path / "bank")
    again = ConceptBank.load(tmp_path / "bank")
    assert_same_bank(bank, again)
    assert sorted(contents(tmp_path / "bank")) == ["bank.json", "cavs.safetensors", "moments.safetensors"]
    again.save(tmp_path / "twice")
    assert contents(tmp_path / "twice") == contents(tmp_path / "bank")


def test_what_the_test_above_checks_exists():
    bank = rich_fit()
    assert len(bank.cavs) == 8 and len(bank.statistics) == 14 and len(bank.seen_through) == 4
    assert bank.concepts == ["a", "b", "x", "y"]
    assert [entry.key for entry in bank.rests] == ["rest/x", "rest/y"]
    assert all(0.01 < bank.cav("0", name).statistics["pool_weight"] < 1 for name in "xy")
    assert bank.sets[0].repeats and [entry.regions for entry in bank.sets] == [False, False, True, True, False]
    for cav in bank.cavs:
        assert len(cav.runs) == 3 and len(cav.null) == 9 and len(cav.quality.cosine) == 3
    assert bank.cav("0", "a").null is bank.cav("0", "b").null
    assert bank.cav("0", "x").null is not bank.cav("0", "a").null
    assert any(part.count != round(part.count) for part in bank.statistics["1", "concept/x"].folds)
    assert rich_fit(solver=Logistic(C=0.1)).cavs[0].statistics["iterations"] > 0


def test_concepts_that_share_a_null_share_it_on_disk(tmp_path):
    bank = rich_fit()
    bank.save(tmp_path / "bank")
    again = ConceptBank.load(tmp_path / "bank")
    names = list(read_arrays(tmp_path / "bank" / "cavs.safetensors"))
    assert len([name for name in names if "/null/" in name]) == 2 * 4 * 3  # layers, arrays, different nulls
    assert again.cav("0", "a").null is again.cav("0", "b").null


def test_a_rest_that_is_the_random_set_is_on_disk_once(tmp_path):
    images, masks = noise(5, 3, 4, 7, mean=1), np.random.default_rng(0).random((5, 4, 4)) < 0.5
    bank = sacv.fit(planted_model(3), ["layer"], regions={"x": Region(images, list(masks))}, solver=LDA(0.2))
    bank.save(tmp_path / "bank")
    names = {name.partition("/")[2].rpartition("/")[0] for name in read_arrays(tmp_path / "bank/moments.safetensors")}
    assert names == {"concept/x", "random", "seen-through/x"}
    assert_same_bank(bank, ConceptBank.load(tmp_path / "bank"))


def test_what_two_concepts_do_not_mark_on_the_same_photos_is_stored_for_each(tmp_path):
    """The rests are of the same photos as the random set, and yet another part of them."""
    bank = rich_fit(random=())
    counts = [bank.statistics["0", key].total().count for key in ("random", "rest/x", "rest/y")]
    assert counts[0] < min(counts[1:])
    bank.save(tmp_path / "bank")
    again = ConceptBank.load(tmp_path / "bank")
    assert [again.statistics["0", key].total().count for key in ("random", "rest/x", "rest/y")] == counts
    same = sacv.refit(again)
    for one, other in zip(same.cavs, bank.cavs, strict=True):
        np.testing.assert_allclose(one.vector, other.vector, rtol=0, atol=1e-12)
        assert one.quality == other.quality


def test_a_bank_from_before_there_were_rests_has_none(tmp_path):
    bank = rich_fit(rest=False)
    bank.save(tmp_path / "bank")
    file = tmp_path / "bank" / "bank.json"
    labels = json.loads(file.read_text())
    assert labels.pop("rests") == [] and labels.pop("checksums")
    for entry in labels["sets"]:
        assert entry.pop("rest") is False
    for cav in labels["cavs"]:
        assert cav["quality"].pop("place_auroc") is None
    file.write_text(json.dumps(labels))
    assert_same_bank(ConceptBank.load(tmp_path / "bank"), bank)


@pytest.mark.parametrize("solver", [LDA(0.2), UnitLength(LDA("oas")), Logistic(C=0.1)], ids=repr)
def test_same_seed_same_bytes(tmp_path, solver):
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        rich_fit(solver=solver, seed=seed, runs=2, nulls=3).save(tmp_path / name)
    one, two, other = (contents(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert all(one[name] != other[name] for name in one)


def test_the_record_of_the_solver_in_a_bank(small_model, guidance):
    for solver in (LDA("oas"), UnitLength(LDA(0.3)), UnitLength(LDA(0.3), smoothing=0.75)):
        bank = sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], solver=solver)
        assert rebuild(bank.solver) == solver
        assert bank.normalised == isinstance(solver, UnitLength)
        assert bank.preprocessing == Preprocessing.of(solver)
        assert bank.transform == small_model.transform


def test_a_bank_from_before_there_was_smoothing_is_read_without(tmp_path):
    bank = rich_fit(solver=UnitLength(MeanDifference()))
    bank.save(tmp_path / "bank")
    file = tmp_path / "bank" / "bank.json"
    labels = json.loads(file.read_text())
    assert labels["solver"]["parameters"].pop("smoothing") == 0.0 and labels.pop("checksums")
    file.write_text(json.dumps(labels))
    again = ConceptBank.load(tmp_path / "bank")
    assert again.preprocessing == Preprocessing(True, 0.0) and rebuild(again.solver) == UnitLength(MeanDifference())
    assert_same_bank(replace(again, solver=bank.solver), bank)


def test_a_folder_with_skipped_and_repeated_files(small_model, guidance, tmp_path):
    (guidance[0] / "notes.txt").write_text("no image")
    (guidance[0] / "copy.png").write_bytes((guidance[0] / "3.png").read_bytes())
    bank = sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], skip_unreadable=True)
    bank.save(tmp_path / "bank")
    again = ConceptBank.load(tmp_path / "bank")
    assert again.sets == bank.sets
    assert again.sets[0].skipped[0][0].endswith("notes.txt")
    assert "not an image" in again.sets[0].skipped[0][1]
    assert again.sets[0].repeats[0][0].endswith("copy.png")


def test_counts_of_regions_are_stored_and_older_banks_have_none(tmp_path):
    bank = rich_fit()
    sets = tuple(replace(entry, negatives=3, unused=2, unmatched=1) if entry.regions else entry for entry in bank.sets)
    replace(bank, sets=sets).save(tmp_path / "bank")
    assert ConceptBank.load(tmp_path / "bank").sets == sets != bank.sets
    labels = json.loads((tmp_path / "bank" / "bank.json").read_text())
    del labels["checksums"]
    for entry in labels["sets"]:
        for name in ("negatives", "unused", "unmatched"):
            del entry[name]
    (tmp_path / "bank" / "bank.json").write_text(json.dumps(labels))
    assert ConceptBank.load(tmp_path / "bank").sets == bank.sets


def test_unknown_layer_and_concept(small_bank):
    with pytest.raises(LayerError, match=r"no layer 'x'; it has features\.2"):
        small_bank.cav("x", "bright")
    with pytest.raises(OptionError, match="no concept 'dark'; it has bright"):
        small_bank.cav("features.2", "dark")


def test_a_bank_of_another_model_is_refused(small_bank, small_model):
    other = sacv.VisionModel(SmallNet(seed=1), small_model.transform)
    with pytest.raises(MismatchError, match="same kind of network with other weights"):
        small_bank.require(other)
    with pytest.raises(MismatchError, match="transform"):
        small_bank.require(sacv.VisionModel(small_model.net, sacv.ImageTransform()))
    small_bank.require(sacv.VisionModel(SmallNet(), small_model.transform))


@pytest.mark.parametrize("name", ["bank.json", "cavs.safetensors", "moments.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "noise"])
def test_a_corrupt_bank_is_reported(small_bank, tmp_path, name, damage):
    small_bank.save(tmp_path / "bank")
    file = tmp_path / "bank" / name
    raw = file.read_bytes()
    file.write_bytes({"cut": raw[: len(raw) // 2], "empty": b"", "gone": raw, "noise": b"\xff\x00" * 99}[damage])
    if damage == "gone":
        file.unlink()
    with pytest.raises(CorruptFileError, match="bank"):
        sacv.ConceptBank.load(tmp_path / "bank")


def test_labels_that_do_not_fit_the_arrays_are_reported(small_bank, tmp_path):
    small_bank.save(tmp_path / "bank")
    file = tmp_path / "bank" / "bank.json"
    labels = json.loads(file.read_text())
    for change in ({"format_version": 99}, {"kind": "explanation"}, {"layers": {}}, {"cavs": [{"layer": "x"}]}):
        file.write_text(json.dumps(labels | change))
        with pytest.raises(CorruptFileError):
            sacv.ConceptBank.load(tmp_path / "bank")


def test_arrays_that_do_not_fit_the_labels_are_reported(small_bank, tmp_path):
    small_bank.save(tmp_path / "bank")
    name = "features.2/bright"
    for file, entry, change in (
        ("cavs", name, lambda array: array * 1.01),
        ("cavs", name, lambda array: array[:-1]),
        ("cavs", name, lambda array: array.astype(np.float32)),
        ("cavs", f"{name}/runs/vectors", None),
        ("cavs", f"{name}/evidence", None),
        ("moments", "features.2/random/image_means", None),
        ("moments", "features.2/concept/bright/scatter", lambda array: array[:, :-1]),
        ("moments", "features.2/concept/bright/count", lambda array: array[:-1]),
    ):
        path = tmp_path / "bank" / f"{file}.safetensors"
        before = path.read_bytes()
        arrays = read_arrays(path)
        if change is None:
            del arrays[entry]
        else:
            arrays[entry] = np.ascontiguousarray(change(arrays[entry]))
        write_arrays(path, arrays)
        with pytest.raises(CorruptFileError, match="damaged bank"):
            ConceptBank.load(tmp_path / "bank")
        path.write_bytes(before)
    ConceptBank.load(tmp_path / "bank")


def test_the_old_bank_survives_a_full_disk(small_bank, tmp_path):
    small_bank.save(tmp_path / "bank")
    before = contents(tmp_path / "bank")
    with nearly_full_disk(), pytest.raises(StorageError, match=r"File too large.*unchanged"):
        small_bank.save(tmp_path / "bank")
    assert contents(tmp_path / "bank") == before
    assert [entry.name for entry in tmp_path.iterdir() if "bank" in entry.name] == ["bank"]


def test_the_old_bank_survives_when_the_new_one_cannot_be_renamed(small_bank, tmp_path, monkeypatch):
    small_bank.save(tmp_path / "bank")
    before = contents(tmp_path / "bank")
    rename, moves = Path.rename, []

    def fail_second(path: Path, target: Path) -> Path:
        moves.append(path)
        if len(moves) == 2:
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_second)
    with pytest.raises(StorageError, match="Input/output error"):
        small_bank.save(tmp_path / "bank")
    assert contents(tmp_path / "bank") == before


def test_a_folder_of_something_else_is_never_overwritten(small_bank, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dear.jpg").write_text("mine")
    with pytest.raises(StorageError, match="will not be overwritten"):
        small_bank.save(tmp_path / "photos")
    assert (tmp_path / "photos" / "dear.jpg").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="is a file"):
        small_bank.save(tmp_path / "file")


def test_saving_twice_replaces(small_bank, tmp_path):
    small_bank.save(tmp_path / "bank")
    before = contents(tmp_path / "bank")
    small_bank.save(tmp_path / "bank")
    assert contents(tmp_path / "bank") == before


def test_loading_what_is_no_bank(tmp_path):
    with pytest.raises(CorruptFileError, match="is not a sacv concept bank"):
        sacv.ConceptBank.load(tmp_path)
