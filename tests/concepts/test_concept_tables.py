"""Concepts of a table: which rows show them, which do not, and which image each row means."""

import re
import sys
import types

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import make_pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import sacv
from concepts.stored import stand_in
from concepts.stored import table as stored_table
from sacv.concepts import without_repeats
from sacv.errors import ImageSetError, OptionError, UnreadableImageError

ROWS = """name,veil,code,patient,site
0,P,1,a,x
1,A,1,a,y
2,,0,b,
3,P,007,b,x
4,X,7,c,y
5,A,,c,x
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_pictures(tmp_path / "photos", 6, 0)
    (tmp_path / "rows.csv").write_text(ROWS)
    return tmp_path


def names(images):
    return [item.name.removeprefix("photos/").removesuffix(".png") for item in images]


def veil(source="rows.csv", values=("P",), **how):
    return sacv.from_table(source, "photos", {"veil": ("veil", list(values))}, **how)


# Which rows


def test_rows_show_a_concept_or_not_or_say_nothing(place):
    table = veil()
    found = table.concepts["veil"]
    assert names(found.images) == ["0", "3"] and names(found.others) == ["1", "4", "5"] and found.missing == 1
    assert names(table.images) == list("012345") and table.missing == {"veil": 1}
    assert names(veil(values=["X", "P"]).concepts["veil"].images) == ["0", "3", "4"]


@settings(deadline=None, max_examples=40)
@given(
    cells=st.lists(st.sampled_from(["P", "A", "b c", "1", "01", "", "NA", "nan"]), min_size=1, max_size=6),
    data=st.data(),
)
def test_each_row_is_in_exactly_one_part_whatever_the_order(tmp_path_factory, cells, data):
    folder = tmp_path_factory.getbasetemp() / "parts"
    if not folder.is_dir():
        make_pictures(folder, 6, 0)
    values = [cell for cell in dict.fromkeys(cells) if cell not in ("", "NA", "nan")]
    if not values:
        return
    chosen = data.draw(st.lists(st.sampled_from(values), min_size=1, unique=True))
    frame = pd.DataFrame({"file": [f"{row}.png" for row in range(len(cells))], "c": cells})
    table = sacv.from_table(frame, folder, {"x": ("c", chosen)})
    found = table.concepts["x"]
    parts = [[item.name for item in side] for side in (found.images, found.others)]
    assert len({*parts[0], *parts[1]}) == len(parts[0]) + len(parts[1]) == len(cells) - found.missing
    assert [cells[int(item.name[-5])] in chosen for item in found.images] == [True] * len(parts[0])
    assert not any(cells[int(item.name[-5])] in chosen for item in found.others)
    shuffled = frame.iloc[data.draw(st.permutations(range(len(cells))))]
    again = sacv.from_table(shuffled, folder, {"x": ("c", chosen)})
    assert [item.name for item in again.images] == [item.name for item in table.images]
    assert [item.name for item in again.concepts["x"].images] == parts[0]


def test_a_missing_value_may_be_named_as_a_value(place):
    (place / "rows.csv").write_text(ROWS.replace("X", "NA"))
    assert veil().missing == {"veil": 2}
    found = veil(values=["NA"])
    assert names(found.concepts["veil"].images) == ["4"] and found.missing == {"veil": 1}


def test_texts_stay_what_they_are(place):
    for value, want in (("1", ["0", "1"]), ("007", ["3"]), ("7", ["4"])):
        assert names(sacv.from_table("rows.csv", "photos", {"c": ("code", [value])}).concepts["c"].images) == want


def test_rows_are_selected_by_all_columns(place):
    table = veil(rows={"site": ["x"], "patient": ["a", "b"]})
    assert names(table.images) == ["0", "3"] and not len(table.concepts["veil"].others)
    assert names(sacv.from_table("rows.csv", "photos", rows={"site": ["y"]}).images) == ["1", "4"]


def test_an_image_has_the_group_and_the_strata_of_its_row(place):
    table = veil(group="patient", strata=["site", "code"])
    assert [item.group for item in table.images] == list("aabbcc")
    assert [item.strata["site"] for item in table.images] == ["x", "y", "", "x", "y", "x"]
    assert table.images.items[0].strata == {"site": "x", "code": "1"}
    assert table.concepts["veil"].others.items[0].group == "a"
    assert veil().images.items[0].group is None and veil().images.items[0].strata == {}


def test_concepts_share_the_images_of_their_rows(place):
    table = sacv.from_table("rows.csv", "photos", {"a": ("veil", ["P"]), "b": ("site", ["x"])})
    (one, *_), (other, *_) = table.concepts["a"].images, table.concepts["b"].images
    assert one is other is table.images.items[0] and not one.hashed
    without_repeats(table.images)
    assert one.hashed


# What holds the table


def test_every_kind_of_table_gives_the_same(place, monkeypatch):
    want = veil()
    frame = pd.read_csv("rows.csv", dtype={"name": str, "code": str})
    (place / "rows.tsv").write_text(ROWS.replace(",", "\t"))
    (place / "semicolons.csv").write_text("\ufeff" + ROWS.replace(",", ";"))
    frame.to_parquet("rows.parquet")
    for source in (frame, "rows.tsv", "semicolons.csv", "rows.parquet", place / "rows.csv"):
        found = veil(source, group="patient")
        for one, other in zip(found.concepts["veil"].images, want.concepts["veil"].images, strict=True):
            assert (one.name, one.digest) == (other.name, other.digest)
        assert found.missing == {"veil": 1} and [item.group for item in found.images] == list("aabbcc")


def test_numbers_and_truths_of_typed_columns(place):
    frame = pd.DataFrame({"name": range(6), "x": [1.0, 0.0, None, 1.0, 0.5, 0.0], "y": [True, False] * 3})
    table = sacv.from_table(frame, "photos", {"x": ("x", [1]), "half": ("x", ["0.5"]), "y": ("y", [True])})
    shown = {name: names(found.images) for name, found in table.concepts.items()}
    assert shown == {"x": ["0", "3"], "half": ["4"], "y": ["0", "2", "4"]} and table.missing["x"] == 1
    frame.to_parquet("typed.parquet")
    assert names(sacv.from_table("typed.parquet", "photos", {"x": ("x", ["1"])}).concepts["x"].images) == ["0", "3"]


def test_a_dataset_holds_its_own_images(place, monkeypatch):
    module = stand_in()
    monkeypatch.setitem(sys.modules, "datasets", module)
    held = stored_table({str(row): (place / "photos" / f"{row}.png").read_bytes() for row in range(6)})
    labels = pa.array([0, 1, None, 0, -1, 1])
    kinds = {"image": module.Image(), "label": types.SimpleNamespace(names=["nevus", "melanoma"])}
    dataset = module.Dataset(held.set_column(1, "label", labels), kinds)
    found = sacv.from_table(dataset, columns={"m": ("label", ["melanoma"])}).concepts["m"]
    files = [place / "photos" / f"{row}.png" for row in (1, 5)]
    for item, file in zip(found.images, files, strict=True):
        np.testing.assert_array_equal(np.asarray(item.load()), np.asarray(Image.open(file)))
    assert len(found.others) == 2 and found.missing == 2
    with pytest.raises(OptionError, match=r"a datasets\.Dataset holds its images"):
        sacv.from_table(dataset, "photos")


# Which image


def test_endings_and_folders_are_found(place):
    (place / "photos" / "deep").mkdir()
    (place / "photos" / "5.png").rename(place / "photos" / "deep" / "5.v2.png")
    for cell in ("5.v2", "5.v2.png", "deep/5.v2", "./deep/5.v2.png"):
        (place / "rows.csv").write_text(ROWS.replace("5,A", f"{cell},A"))
        assert names(veil().images) == [*"01234", "deep/5.v2"]


def test_the_key_is_found_by_its_name(place):
    header, *rest = ROWS.splitlines()
    assert header == "name,veil,code,patient,site"
    turned = "\n".join(",".join(reversed(row.split(","))) for row in [header, *rest])
    (place / "rows.csv").write_text(turned)
    assert names(veil().images) == list("012345")
    (place / "rows.csv").write_text(turned.replace("name", "id"))
    assert names(veil(key="id").images) == list("012345")
    with pytest.raises(ImageSetError, match="the column 'site' names them"):
        veil()


BAD = [
    (lambda: veil("none.csv"), OptionError, "there is no table none.csv"),
    (lambda: veil("rows.txt"), OptionError, "rows.txt does not have the extension of a table; give one of .csv"),
    (lambda: veil("empty.csv"), OptionError, "empty.csv cannot be read as a table"),
    (lambda: veil("bare.csv"), OptionError, "bare.csv has no rows"),
    (lambda: veil("long.csv"), OptionError, "row 7 of long.csv has 6 cells and the header 5"),
    (lambda: veil("short.csv"), OptionError, "row 2 of short.csv has 2 cells and the header 5"),
    (lambda: veil("twice.csv"), OptionError, "twice.csv has 2 columns 'veil'"),
    (lambda: veil("wrong.parquet"), OptionError, "wrong.parquet cannot be read as a table"),
    (lambda: veil("quotes.csv"), OptionError, "quotes.csv cannot be read as a table"),
    (lambda: veil(["rows.csv"]), OptionError, "list is not a table; give a CSV"),
    (lambda: veil(key="id"), OptionError, "rows.csv has no column 'id'; it has name, veil, code, patient, site"),
    (lambda: veil(group="id"), OptionError, "rows.csv has no column 'id'"),
    (lambda: veil(strata=["id"]), OptionError, "rows.csv has no column 'id'"),
    (lambda: veil(rows={"id": ["x"]}), OptionError, "rows.csv has no column 'id'"),
    (lambda: veil(group="site"), OptionError,
     "rows.csv has no 'site', the group of an image, in row 3"),
    (lambda: veil(values=["P", "Q"]), OptionError,
     "concept 'veil': no row of rows.csv has 'Q' in the column 'veil'; its values are A, P, X"),
    (lambda: veil(values=["P", "P"]), OptionError, "the value 'P' of the column 'veil' is given twice"),
    (lambda: veil(values=[]), OptionError, "give a list of one or more values of the column 'veil', not []"),
    (lambda: sacv.from_table("rows.csv", "photos", {"veil": ("veil", "P")}), OptionError, "not 'P'"),
    (lambda: sacv.from_table("rows.csv", "photos", {"veil": "veil"}), OptionError,
     "concept 'veil': give its column and a list of values, such as ('veil', ['P']), not 'veil'"),
    (lambda: veil(rows={"site": ["z"]}), OptionError, "rows 'site': no row of rows.csv has 'z' in the column 'site'"),
    (lambda: veil(rows={"site": ["y"], "patient": ["b"]}), OptionError,
     "rows.csv has no row whose site is y and patient is b"),
    (lambda: veil(rows={"site": ["y"]}), OptionError,
     "concept 'veil': none of the 2 selected rows of rows.csv has veil P"),
    (lambda: sacv.from_table("rows.csv"), OptionError, "give the folder of the images that rows.csv names"),
    (lambda: sacv.from_table("rows.csv", "nowhere"), ImageSetError, "there is no folder nowhere of images"),
    (lambda: veil("more.csv"), ImageSetError, "photos has no image for row 7 (9), row 8 (c.jpg) of more.csv"),
    (lambda: veil("many.csv"), ImageSetError, "row 16 (15) and 4 more of many.csv"),
    (lambda: veil("same.csv"), ImageSetError, "same.csv names an image twice, in row 1 (0) and row 7 (0.png)"),
    (lambda: veil("blank.csv"), ImageSetError, "photos has no image for row 7 () of blank.csv"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "told"), BAD, ids=[told for *_, told in BAD])
def test_one_line_names_what_is_wrong(place, call, kind, told):
    header = ROWS.splitlines()[0]
    for name, text in {
        "rows.txt": ROWS,
        "empty.csv": "",
        "bare.csv": header + "\n",
        "long.csv": ROWS + "6,P,1,a,x,more\n",
        "short.csv": header + "\n0,P,1,a,x\n1,P\n",
        "twice.csv": ROWS.replace("code", "veil"),
        "wrong.parquet": ROWS,
        "quotes.csv": ROWS + '6,"P,1,a,x',
        "more.csv": ROWS + "9,P,1,a,x\nc.jpg,A,1,a,x\n",
        "many.csv": ROWS + "".join(f"{row},P,1,a,x\n" for row in range(6, 20)),
        "same.csv": ROWS + "0.png,P,1,a,x\n",
        "blank.csv": ROWS + ",P,1,a,x\n",
    }.items():
        (place / name).write_text(text)
    with pytest.raises(kind, match=re.escape(told)) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_name_that_means_several_images(place):
    make_pictures(place / "photos" / "deep", 1, 1)
    assert names(veil().images) == list("012345")  # the path within the folder counts first
    (place / "photos" / "5.png").rename(place / "photos" / "deep" / "5.png")
    make_pictures(place / "photos" / "other", 6, 1)
    with pytest.raises(ImageSetError, match=re.escape("row 6 (5): photos/deep/5.png or photos/other/5.png")):
        veil()
    (place / "photos" / "0.jpg").write_bytes(b"")
    (place / "rows.csv").write_text(ROWS.replace("5,A", "deep/5,A"))
    with pytest.raises(ImageSetError, match=re.escape("row 1 (0): photos/0.jpg or photos/0.png")):
        veil()


def test_what_cannot_be_read_is_left_out_where_allowed(place):
    (place / "photos" / "3.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableImageError, match=r"rows.csv: photos/3.png.*--skip-unreadable"):
        veil()
    found = veil(skip_unreadable=True)
    assert names(found.images) == list("01245") and names(found.images.skipped) == ["3"]
    assert names(found.concepts["veil"].images) == ["0"] and names(found.concepts["veil"].images.skipped) == ["3"]
