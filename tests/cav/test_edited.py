"""A bank that was edited or damaged ends in one clear error, or loads finite numbers only."""

import copy
import json
import re
import shutil
from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cav.planted import noise
from cav.test_bank import rich_fit
from sacv import ConceptBank
from sacv.cav.context import BankContext, ContextEvidence, Pasted
from sacv.errors import CorruptFileError
from sacv.files import read_arrays, write_arrays
from sacv.solvers import DEFAULT

GONE = object()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A bank with concepts with regions, rests, absent images and a context that one CAV has taken."""
    bank = rich_fit(absent=noise(24, 3, 4, 9).float(), solver=DEFAULT)
    bank = replace(bank, model={**bank.model, "window": {"low": -160, "high": 240}})
    seen = BankContext(
        (("photo.png", "12ab"),),
        (Pasted("12ab", ("34cd",), 7),),
        (ContextEvidence("0", "a", 5, (0.6, 0.8), 0.1, (0.9, 0.9), 0.9),),
        ("b",),
        (("bad.png", "no image"),),
    )
    keys = (("0", "concept/a"), ("0", "random"))
    folder = tmp_path_factory.mktemp("edited") / "bank"
    replace(bank, context=seen, pasted={key: bank.statistics[key] for key in keys}).save(folder)
    return folder


@pytest.fixture(scope="module")
def scratch(saved):
    """A copy of the bank, of which the label file is written anew by each test that reads it."""
    folder = saved.parent / "scratch"
    shutil.copytree(saved, folder)
    return folder


def labels_of(folder):
    return json.loads((folder / "bank.json").read_text())


def change(labels, path, value):
    *above, last = path
    place = reduce(lambda inside, name: inside[name], above, labels)
    if value is GONE:
        del place[last]
    else:
        place[last] = value


def named(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def write_labels(folder, labels):
    text = json.dumps(labels).replace('"1e999"', "1e999")
    (folder / "bank.json").write_text(text)


NUMBER = [np.nan, np.inf, "1e999", "high", None, True, [], 10**400]
WHOLE = [*NUMBER[:-1], 1.5, -1]
SHARE = [*NUMBER, -0.1, 1.1]
TEXT = [np.nan, None, 3, [], {}]
LIST = [None, 3, "text", {}, [np.nan]]
CAV, SET, PAST = ("cavs", 1), ("sets", 0), ("context", "evidence", 0)
EDITS = {
    (*CAV, "threshold"): [*NUMBER, GONE],
    (*CAV, "separation"): [*NUMBER, 0, -1, GONE],
    (*CAV, "layer"): [*TEXT, "9", GONE],
    (*CAV, "concept"): [*TEXT, "9", GONE],
    (*CAV, "null"): [*TEXT, GONE],
    (*CAV, "statistics"): [*LIST[:3], GONE],
    (*CAV, "statistics", "detector_shrinkage"): NUMBER,
    (*CAV, "presence", "kind"): [*TEXT, "5 % of them", GONE],
    (*CAV, "presence", "offered"): [*WHOLE, GONE],
    (*CAV, "presence", "negatives"): WHOLE,
    (*CAV, "presence"): [None, 3, "text", []],
    **{(*CAV, "quality", name): [*SHARE, GONE] for name in ("accuracy", "auroc", "image_accuracy", "image_auroc")},
    **{
        (*CAV, "quality", name): [*LIST, [0.5], [0.2, 2], [0.9, 0.1], [0.5, "x"], GONE]
        for name in ("accuracy_interval", "auroc_interval")
    },
    **{(*CAV, "quality", name): [*WHOLE, 0, GONE] for name in ("images", "random_images")},
    **{(*CAV, "quality", name): [*WHOLE, 0, 1, 10**6] for name in ("groups", "random_groups")},  # both or none
    (*SET, "images", 0, "group"): [*TEXT, ""],
    (*SET, "images", 0, "groups"): [*WHOLE, 0, 2],
    (*SET, "joined_groups"): [np.nan, None, 3, [], {}, "not base64", "AAAA"],
    **{(*CAV, "quality", name): [*NUMBER, 0, -1, GONE] for name in ("locations", "random_locations")},
    (*CAV, "quality", "run_cosine"): [np.nan, "1e999", "high", 1.1, -1.1, GONE],
    (*CAV, "quality", "place_auroc"): [np.nan, "1e999", "high", 1.1, -1],
    (*CAV, "quality", "looks_auroc"): [None, 3, [], {}, GONE],
    (*CAV, "quality", "looks_auroc", "brightness"): [*SHARE, 0.4],
    (*CAV, "quality", "cosine"): [None, {}, [], GONE],
    (*CAV, "quality", "cosine", "a"): [*NUMBER, 1.1, -1.1, GONE],
    (*CAV, "quality", "conditional_auroc", "a"): [*SHARE, GONE],
    (*CAV, "quality", "absent"): [*LIST, [3], GONE],
    (*CAV, "quality"): [None, [], "good", GONE],
    ("cavs",): [*LIST, [], GONE],
    ("seed",): [*WHOLE, GONE],
    ("folds",): [*WHOLE, 1, GONE],
    ("locations",): [*WHOLE, 0, GONE],
    ("runs",): [*WHOLE, 0, GONE],
    ("nulls",): [*WHOLE, GONE],
    ("layers",): [*LIST, GONE],
    ("layers", "0", "grid"): [*LIST, [], [0, 4], [4, "4"], GONE],
    ("layers", "0", "channels"): [*WHOLE, 0, GONE],
    ("layers", "0", "layout"): [*TEXT, GONE],
    ("model", "transform"): [3, "text", {}, GONE],
    ("model", "class_names"): [3, "text", [3], GONE],
    ("model", "fingerprint"): [*TEXT, GONE],
    ("model", "kind"): [*TEXT, GONE],
    ("model", "window"): [3, "text", {}, {"low": 0}],
    ("model", "window", "low"): [*NUMBER, 300, GONE],
    ("model", "layouts"): [None, 3, [], {"0": 3}],
    ("solver", "name"): [*TEXT, GONE],
    ("solver", "parameters"): [*LIST[:3], {}, GONE],
    ("solver", "parameters", "smoothing"): [*NUMBER, -1],
    ("solver", "parameters", "solver", "parameters", "detector_shrinkage"): [np.nan, "1e999", "oops", 7],
    ("sets",): [*LIST, [], GONE],
    (*SET, "concept"): [np.nan, None, 3, "b", GONE],
    (*SET, "images"): [*LIST, [3], GONE],
    (*SET, "images", 0, "name"): [*TEXT, GONE],
    (*SET, "images", 0, "digest"): [*TEXT, GONE],
    (*SET, "images", 0, "looks"): [*LIST, [1, 2], [1, 2, "x"], [1, 2, np.nan], GONE],
    (*SET, "regions"): [None, 3, "yes", GONE],
    (*SET, "skipped"): [*LIST, [["one"]], [["one", 2]], ["ab"], GONE],
    (*SET, "repeats"): [*LIST, [["one"]], ["ab"], GONE],
    **{(*SET, name): WHOLE for name in ("negatives", "unused", "unmatched", "missing")},
    (*SET, "rest"): [None, -1, "yes"],
    ("rests",): LIST,
    ("rests", 0, "concept"): [np.nan, 3, "9", "y"],
    ("absent",): LIST[:3],
    ("absent", "concept"): [3, "a"],
    ("context",): ["", 3, [], {}],
    ("context", "photos"): [*LIST, ["ab"], GONE],
    ("context", "composites", 0, "seed"): [*WHOLE, GONE],
    ("context", "composites", 0, "textures"): [*LIST, GONE],
    (*PAST, "layer"): [*TEXT, "9", GONE],
    (*PAST, "concept"): [*TEXT, "9", GONE],
    (*PAST, "composites"): [*WHOLE, GONE],
    (*PAST, "part"): [*LIST, [0.5], [0.5, 2], GONE],
    (*PAST, "gain_low"): [*NUMBER, GONE],
    (*PAST, "full"): [*LIST, [0.5], GONE],
    (*PAST, "pasted"): [*SHARE, GONE],
    ("checksums",): LIST,
    ("checksums", "cavs.safetensors"): [*TEXT, "12ab", GONE],
    ("context", "too_few"): [*LIST, GONE],
    ("context", "skipped"): [*LIST, GONE],
}  # fmt: skip


@pytest.mark.parametrize("path", EDITS, ids=named)
def test_an_edited_label_is_refused_by_its_name(saved, scratch, path):
    whole = labels_of(saved)
    for value in EDITS[path]:
        labels = copy.deepcopy(whole)
        change(labels, path, value)
        write_labels(scratch, labels)
        with pytest.raises(CorruptFileError) as told:
            ConceptBank.load(scratch)
        message = str(told.value)
        assert str(path[-1]) in message, (value, message)
        assert re.search(r"(bank\.json|\.safetensors) (is|belongs to) .*damaged", message), message
        assert re.search(r"restore the (original )?file.*or (fit|create) the (concept )?bank again", message), message


@pytest.mark.parametrize(
    ("value", "said"),
    [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999", "1e999"), ('"high"', "'high'"), ("null", "None")],
)
def test_the_error_names_the_field_and_what_it_holds(saved, scratch, value, said):
    labels = labels_of(saved)
    labels["cavs"][2]["threshold"] = "HERE"
    (scratch / "bank.json").write_text(json.dumps(labels).replace('"HERE"', value))
    with pytest.raises(CorruptFileError, match=rf"bank\.json .*cavs\[2\]\.threshold is {said}, not a finite number"):
        ConceptBank.load(scratch)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"kind": ' + "9" * 10_000 + "}"], ids=["brackets", "digits"])
def test_a_label_file_without_end_is_reported(scratch, text):
    (scratch / "bank.json").write_text(text)
    with pytest.raises(CorruptFileError, match=r"bank\.json cannot be read"):
        ConceptBank.load(scratch)


def leaves(value, path=()):
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for name, one in inside for leaf in leaves(one, (*path, name))]
    return found if isinstance(value, dict | list) else [path]


def assert_finite(bank):
    """What an explanation reads."""
    for cav in bank.cavs:
        figures = [cav.threshold, cav.separation, bank.preprocessing.smoothing, cav.quality.auroc]
        figures += [*cav.quality.auroc_interval, cav.quality.run_cosine, cav.presence.threshold]
        assert all(isinstance(one, int | float) for one in figures if one is not None)
        assert np.isfinite([one for one in figures if one is not None]).all() and cav.separation > 0
        for drawn in (cav.runs, cav.null, *([cav.permuted] if cav.permuted else [])):
            assert all(np.isfinite(part).all() for part in (drawn.vectors, drawn.thresholds, drawn.separations))
        for array in (cav.vector, cav.detector, cav.evidence, cav.presence.maxima):
            assert np.isfinite(array).all()
        assert bank.cav(cav.layer, cav.concept) is cav
        assert np.isfinite(bank.random(cav.layer, cav.concept).total().scatter).all()


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_edited_leaf_is_refused_or_harmless(saved, scratch, data):
    labels = labels_of(saved)
    del labels["checksums"]  # they would tell any edit
    path = data.draw(st.sampled_from(leaves(labels)), label="field")
    value = data.draw(st.sampled_from([np.nan, "edited", None, "1e999", -1]), label="value")
    change(labels, path, value)
    write_labels(scratch, labels)
    try:
        bank = ConceptBank.load(scratch)
    except CorruptFileError:
        return
    assert value is None or isinstance(value, str) or value == -1
    assert_finite(bank)


def spoiled(value):
    def spoil(array):
        array.flat[array.size // 2] = value
        return array

    return spoil


NOT_FINITE = [spoiled(np.nan), spoiled(np.inf)]
CUT = [lambda array: array[:-1], lambda array: array[..., None], lambda array: np.array(["x"] * 3, "S1").view(np.uint8)]
FLOATS = [*NOT_FINITE, *CUT]
ARRAYS = {
    ("cavs", "0/a"): FLOATS,
    ("cavs", "0/a/evidence"): [*FLOATS, spoiled(1e9), lambda array: array.astype(np.float32)],
    ("cavs", "0/a/presence"): [*NOT_FINITE, *CUT[1:], spoiled(1e9), lambda array: np.r_[array, array[-1:]]],
    ("cavs", "0/a/presence_direction"): FLOATS,
    ("cavs", "0/a/detector"): FLOATS,
    **{
        ("cavs", f"0/a/{drawn}/{part}"): FLOATS
        for drawn in ("runs", "dealt", "NULL")
        for part in ("vectors", "thresholds", "separations")
    },
    ("cavs", "0/a/dealt/spreads"): [*FLOATS, spoiled(-1)],
    ("cavs", "0/a/runs/vectors"): [*FLOATS, lambda array: array * 2, lambda array: array[:, :-1]],
    **{
        ("moments", f"0/{key}/{part}"): more
        for key in ("concept/a", "rest/x", "random", "pasted/concept/a")
        for part, more in {
            "count": [*FLOATS, spoiled(-1), np.zeros_like],
            "mean": FLOATS,
            "scatter": [*FLOATS, lambda array: array[:, :-1]],
            "image_fold": [*CUT, spoiled(-1), spoiled(99), lambda array: array.astype(float)],
            "image_means": FLOATS,
            "image_weights": [*FLOATS, spoiled(-1)],
            "sample_vectors": FLOATS,
            "sample_image": [*CUT, spoiled(-1), spoiled(99), lambda array: array.astype(float)],
            "sample_weights": [*FLOATS, spoiled(-1)],
        }.items()
    },
    ("moments", "0/seen-through/x/image_means"): FLOATS,
    ("moments", "0/seen-through/x/image_weights"): [*FLOATS, spoiled(-1)],
}


@pytest.mark.parametrize(("file", "name"), ARRAYS, ids=["-".join(pair) for pair in ARRAYS])
def test_a_damaged_array_is_refused_by_its_name(saved, tmp_path, file, name):
    shutil.copytree(saved, tmp_path / "bank")
    path = tmp_path / "bank" / f"{file}.safetensors"
    whole = read_arrays(path)
    damages = ARRAYS[file, name]
    name = name.replace("0/a/NULL", labels_of(saved)["cavs"][0]["null"])
    for damage in damages:
        array = np.ascontiguousarray(damage(whole[name].copy()))
        write_arrays(path, whole | {name: array})
        with pytest.raises(
            CorruptFileError, match=rf"{file}\.safetensors belongs to a damaged bank: .*restore"
        ) as told:
            ConceptBank.load(tmp_path / "bank")
        # Of two arrays that do not fit each other, either may be named.
        assert (name if array.shape == whole[name].shape else name.rpartition("/")[0]) in str(told.value)


@pytest.mark.parametrize("name", ["rests", "absent", "context"])
def test_an_older_bank_lacks_a_field(tmp_path, name):
    rich_fit(rest=False).save(tmp_path / "bank")
    labels = labels_of(tmp_path / "bank")
    del labels[name], labels["checksums"]
    write_labels(tmp_path / "bank", labels)
    assert_finite(ConceptBank.load(tmp_path / "bank"))


def test_the_bank_that_is_edited_loads(saved):
    bank = ConceptBank.load(saved)
    assert_finite(bank)
    assert (
        bank.rests and bank.absent.images and bank.pasted and bank.cavs[0].permuted and bank.cavs[0].presence.threshold
    )
