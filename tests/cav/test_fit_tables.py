"""Concepts of a table, each contrasted with the rows that do not show it."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import make_pictures

import sacv
from cav.planted import assert_same_cav, mean_of, noise, planted_model, unit
from sacv.concepts import Labelled, Region, image_set
from sacv.errors import ImageSetError, OptionError
from sacv.maps.significance import NullMaxima
from sacv.solvers import MeanDifference

LAYER = "features.2"
MODEL = planted_model(3)


def fit(model, concepts, random=(), **options):
    options = {"runs": 3, "nulls": 9, "solver": MeanDifference(), **options}
    return sacv.fit(model, [LAYER], concepts, random, **options)


def planted(columns, count=24, missing=(), **options):
    """A fit of concepts given by the numbers of the images that show each, of images planted with noise."""
    images = image_set("table", noise(count, 3, 3, 0)).items
    concepts = {
        name: Labelled(
            replace(image_set(name, noise(1, 3, 3, 1)), items=tuple(images[number] for number in shown)),
            replace(
                image_set(name, noise(1, 3, 3, 1)),
                items=tuple(images[n] for n in range(count) if n not in shown and n not in missing),
            ),
            len(missing),
        )
        for name, shown in columns.items()
    }
    options = {"runs": 3, "nulls": 9, "solver": MeanDifference(), "locations": 99, **options}
    return sacv.fit(MODEL, ["layer"], concepts, **options)


def cell_values(numbers, count=24):
    images = noise(count, 3, 3, 0)
    return images.flatten(2).transpose(1, 2).numpy()[list(numbers)]


TWO = {"a": [0, 1, 2, 3, 4], "b": [3, 4, 5, 6]}


@pytest.fixture
def rows(tmp_path):
    """Seventy images of which the first ten are bright, and their table."""
    make_pictures(tmp_path / "photos", 10, 1, low=180)
    for index, file in enumerate(sorted(make_pictures(tmp_path / "dark", 60, 2).iterdir())):
        file.rename(tmp_path / "photos" / f"dark{index:02}.png")
    files = sorted(file.name for file in (tmp_path / "photos").iterdir())
    frame = pd.DataFrame({"file": files, "bright": ["0" if "dark" in file else "1" for file in files]})
    return tmp_path, frame


def test_one_concept_is_what_folders_give(rows, small_model):
    folder, frame = rows
    for name in ("bright", "other"):
        (folder / name).mkdir()
    for file, bright in zip(frame["file"], frame["bright"], strict=True):
        shutil.copy(folder / "photos" / file, folder / ("bright" if bright == "1" else "other"))
    table = sacv.from_table(frame, folder / "photos", {"bright": ("bright", ["1"])})
    one = fit(small_model, table.concepts)
    other = fit(small_model, {"bright": folder / "bright"}, [folder / "other"])
    (mine,), (theirs,) = one.cavs, other.cavs
    np.testing.assert_array_equal(mine.vector, theirs.vector)
    for drawn in ("runs", "null", "permuted"):
        np.testing.assert_array_equal(getattr(mine, drawn).vectors, getattr(theirs, drawn).vectors)
    assert mine.image_scores is not None and theirs.image_scores is None
    bare = {"absent": (), "image_score_auroc": None, "image_score_interval": None}
    assert replace(mine.quality, **bare) == replace(theirs.quality, absent=())
    assert mine.presence.kind == theirs.presence.kind == "none"
    (entry, _) = one.sets
    assert (entry.count, entry.negatives, one.absent.count, entry.missing, entry.unused) == (10, 60, 0, 0, 0)


def test_the_order_of_the_rows_changes_nothing(rows, small_model, tmp_path):
    folder, frame = rows
    frame["odd"] = [str(int(file[-5]) % 2) for file in frame["file"]]
    columns = {"bright": ("bright", ["1"]), "odd": ("odd", ["1"])}
    for name, order in (("one", frame), ("other", frame.sample(frac=1, random_state=0))):
        fit(small_model, sacv.from_table(order, folder / "photos", columns).concepts).save(tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()


def test_each_concept_is_contrasted_with_its_own_other_rows():
    bank = planted(TWO, missing=[20, 21])
    for name, shown in TWO.items():
        others = [number for number in range(20) if number not in shown] + [22, 23]
        want = unit(mean_of(cell_values(shown)) - mean_of(cell_values(others)))
        np.testing.assert_allclose(bank.cav("layer", name).vector, want, rtol=0, atol=1e-12)
        entry = next(entry for entry in bank.sets if entry.concept == name)
        assert (entry.count, entry.negatives, entry.unused, entry.missing) == (len(shown), len(others), 0, 2)
        assert bank.random("layer", name).count == bank.pool("layer", name).count == len(others)
        assert bank.cav("layer", name).quality.random_images == len(others)
    assert bank.sets[-1].rest and bank.sets[-1].count == 22 and [rest.count for rest in bank.rests] == [17, 18]


def test_a_concept_s_null_does_not_depend_on_the_other_concepts():
    both, alone = planted(TWO), planted({"a": TWO["a"]})
    assert_same_cav(both.cav("layer", "a"), alone.cav("layer", "a"))
    np.testing.assert_allclose(
        both.cav("layer", "a").permuted.vectors, alone.cav("layer", "a").permuted.vectors, atol=1e-12
    )
    mine, theirs = (NullMaxima(bank, "layer", bank.cavs) for bank in (both, alone))
    for one, other in zip(
        mine.spreads(both.cavs[0], both.cavs[0].permuted),
        theirs.spreads(alone.cavs[0], alone.cavs[0].permuted),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_every_row_is_used_and_presence_needs_images_of_its_own():
    bank = planted({"a": [0, 1, 2], "b": [2, 3, 4]}, count=100)
    assert {cav.presence.kind for cav in bank.cavs} == {"none"} and not bank.absent.count
    assert [rest.count for rest in bank.rests] == [97, 97]
    given = noise(20, 3, 3, 9)
    assert {cav.presence.kind for cav in planted(TWO, absent=given).cavs} == {"given"}
    with pytest.raises(ImageSetError, match="the absent images and 'a' share 1 images"):
        planted(TWO, absent=noise(24, 3, 3, 0)[20:21])


def test_random_images_replace_the_other_rows():
    random = noise(9, 3, 3, 5)
    bank = planted(TWO, random=random, missing=[23])
    want = unit(mean_of(cell_values(TWO["a"])) - mean_of(random.flatten(2).transpose(1, 2).numpy()))
    np.testing.assert_allclose(bank.cav("layer", "a").vector, want, rtol=0, atol=1e-12)
    assert not bank.rests and (bank.sets[0].negatives, bank.sets[0].unused, bank.sets[0].missing) == (0, 18, 1)


def test_tables_stand_beside_folders_and_marks():
    images, masks = noise(4, 3, 3, 7), np.zeros((4, 3, 3), dtype=bool)
    masks[:, 1] = True
    pool = image_set("table", noise(24, 3, 3, 0)).items
    labelled = Labelled(*(replace(image_set("t", images), items=items) for items in (pool[:5], pool[5:])))
    concepts = {"whole": noise(5, 3, 3, 8), "rows": labelled}
    options = {"runs": 2, "nulls": 5, "solver": MeanDifference()}
    bank = sacv.fit(MODEL, ["layer"], concepts, regions={"x": Region(images, list(masks))}, **options)
    only = sacv.fit(MODEL, ["layer"], regions={"x": Region(images, list(masks))}, **options)
    np.testing.assert_allclose(bank.cav("layer", "x").vector, only.cav("layer", "x").vector, rtol=0, atol=1e-12)
    assert [rest.key for rest in bank.rests] == ["rest/rows", "rest/x"]
    assert bank.random("layer", "rows").count == 19
    assert bank.random("layer", "whole").count == bank.sets[-1].count == 24 + 4


def test_two_concepts_of_one_table_are_separated_by_rows_that_show_one():
    apart = planted({"a": range(6), "b": [4, 5, 6, 7, 8]})
    rest = apart.statistics["layer", "rest/a"]
    assert 0 <= apart.cav("layer", "a").quality.conditional_auroc["b"] <= 1 and rest.count == 18
    within = planted({"a": range(6), "b": [1, 2]})
    assert within.cav("layer", "a").quality.conditional_auroc["b"] == 0.5
    assert within.cav("layer", "b").quality.conditional_auroc["a"] != 0.5


def test_a_bank_of_a_table_is_read_as_it_was_written(tmp_path):
    for number, columns in enumerate((TWO, {"a": [0, 1]})):
        bank = planted(columns, missing=[9])
        bank.save(tmp_path / str(number))
        found = sacv.ConceptBank.load(tmp_path / str(number))
        assert found.sets == bank.sets and found.rests == bank.rests and found.fingerprint == bank.fingerprint
        for name in columns:
            assert found.pool("layer", name).count == bank.pool("layer", name).count
            assert_same_cav(sacv.refit(found).cav("layer", name), bank.cav("layer", name))


def test_banks_without_tables_say_nothing_of_rows(small_bank):
    assert all("missing" not in entry.to_json() for entry in (*small_bank.sets, small_bank.absent))


def test_sites_with_tables_of_their_own_are_merged():
    images = noise(48, 3, 3, 3)

    def site(part):
        items = image_set("site", part).items
        sets = (replace(image_set("s", part), items=items[:8]), replace(image_set("s", part), items=items[8:]))
        options = {"solver": MeanDifference(), "runs": 2, "nulls": 5, "absent": ()}
        return sacv.fit(MODEL, ["layer"], {"x": Labelled(*sets, 3)}, **options)

    both = sacv.merge([site(images[:24]), site(images[24:])])
    values = images.flatten(2).transpose(1, 2).numpy()
    shown = [*range(8), *range(24, 32)]
    want = unit(mean_of(values[shown]) - mean_of(np.delete(values, shown, axis=0)))
    np.testing.assert_allclose(both.cav("layer", "x").vector, want, rtol=0, atol=1e-9)
    assert (both.sets[0].missing, both.sets[0].negatives, both.rests[0].count) == (6, 32, 32)


def test_another_random_set_takes_the_place_of_the_other_rows():
    bank = planted(TWO)
    random = sacv.fit(
        MODEL, ["layer"], {"c": noise(4, 3, 3, 7)}, noise(9, 3, 3, 5), solver=MeanDifference(), locations=99
    )
    found = sacv.refit(bank, random=random)
    assert not found.rests and (found.sets[0].negatives, found.sets[0].unused) == (0, 19)
    assert found.random("layer", "a").count == 9


def test_the_same_image_in_two_rows(rows, small_model):
    folder, frame = rows
    shutil.copy(folder / "photos" / "0.png", folder / "photos" / "copy.png")
    columns = {"bright": ("bright", ["1"])}
    frame.loc[len(frame)] = ["copy.png", "1"]
    bank = fit(small_model, sacv.from_table(frame, folder / "photos", columns).concepts, runs=1, nulls=0)
    ((left_out, kept),) = bank.sets[0].repeats
    assert left_out.endswith("copy.png") and kept.endswith("photos/0.png") and bank.sets[0].count == 10
    frame.loc[len(frame) - 1] = ["copy.png", "0"]
    told = (
        r"concept 'bright': two rows of the table disagree whether the same image .*1 images \(.*/0.png = .*/copy.png\)"
    )
    with pytest.raises(ImageSetError, match=told):
        fit(small_model, sacv.from_table(frame, folder / "photos", columns).concepts)


def test_too_few_other_rows(rows, small_model):
    folder, frame = rows
    table = sacv.from_table(frame[frame["bright"] == "1"], folder / "photos", {"bright": ("bright", ["1"])})
    with pytest.raises(
        ImageSetError, match="concept 'bright' has a random set of 0 images, from the rows with another"
    ):
        fit(small_model, table.concepts)


def test_a_context_is_not_for_tables(rows, small_model):
    folder, frame = rows
    table = sacv.from_table(frame, folder / "photos", {"bright": ("bright", ["1"])})
    with pytest.raises(OptionError, match="'bright' is contrasted with other rows of its table; leave the context out"):
        fit(small_model, table.concepts, context=folder / "photos")
