"""`--table` in place of folders."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import make_pictures

from cli.test_cli import place, run  # noqa: F401

FIT = ("fit", "--model", "mine.py:net", "--resize", "16x16", "--layer", "2", "--nulls", "19", "--out", "bank")
TABLE = ("--table", "rows.csv", "--images", "photos")
COLUMN = ("--column", "bright=light:1,2")


@pytest.fixture
def rows(place):  # noqa: F811
    """Six bright pictures and nine others, of which one has no value."""
    make_pictures(place / "photos", 9, 2)
    for number, file in enumerate(sorted(make_pictures(place / "more", 6, 1, low=180).iterdir())):
        file.rename(place / "photos" / f"bright{number}.png")
    lines = ["name,light,site,who", *(f"{n},{'' if n == 4 else 0},{'xy'[n % 2]},p{n}" for n in range(9))]
    lines += [f"bright{n},{1 + n % 2},{'xy'[n % 2]},q{n}" for n in range(6)]
    (place / "rows.csv").write_text("\n".join(lines))
    return place


def test_fit_takes_concepts_of_a_table(run, rows):  # noqa: F811
    status, out, err = run(*FIT, *TABLE, *COLUMN, "--column", "x=site:x", "--group", "who", "--strata", "site")
    assert status == 0, err
    assert "bright: 6 rows show it; 8 without it are its random set; 1 without a value are left out" in out
    assert "x: 8 rows show it; 7 without it are its random set; 0 without a value are left out" in out
    shown = json.loads(run("bank", "show", "bank", "--json")[1])
    assert shown["rows"] == [
        {"concept": "bright", "shown": 6, "random": 8, "unused": 0, "missing": 1},
        {"concept": "x", "shown": 8, "random": 7, "unused": 0, "missing": 0},
    ]
    assert [cav["quality"]["random_images"] for cav in shown["cavs"]] == [8, 7]


def test_random_images_stand_in_place_of_the_other_rows(run, rows):  # noqa: F811
    _, out, _ = run(*FIT, *TABLE, *COLUMN, "--random", "elsewhere")
    told = (
        "bright: 6 rows show it; 8 without it are not used, since random images are given; 1 without a value are left"
    )
    assert told in out


def test_a_table_and_folders_stand_in_one_bank(run, rows):  # noqa: F811
    status, out, err = run(*FIT, *TABLE, *COLUMN, "--concept", "other=other")
    assert status == 0 and "bright: 6 rows show it" in out and "other: 6 rows" not in out, err


def test_rows_are_scored_explained_and_audited(run, rows):  # noqa: F811
    assert run(*FIT, *TABLE, *COLUMN)[0] == 0
    of = ("--bank", "bank", "--model", "mine.py:net", "--target", "2", *TABLE, "--rows", "site:y", "--rows", "light:0")
    status, out, err = run("score", *of, "--allow-weak", "--out", "scores")
    assert status == 0 and "Over 4 images" in out, err
    status, out, err = run("explain", *of, "--allow-weak", "--method", "gradient", "--no-checks", "--out", "found")
    assert status == 0 and all(f"\n{n}.png" in out for n in (1, 3, 5, 7)) and "\n0.png" not in out, err
    status, out, err = run("audit", *of)
    assert status in (0, 1) and "contribution varies" in out, err


def test_the_card_and_the_explanation_say_how_much_is_in_a_picture(run, rows):  # noqa: F811
    make_pictures(rows / "photos", 40, 2)
    lines = ["name,light", *(f"{n},0" for n in range(40)), *(f"bright{n},1" for n in range(6))]
    (rows / "rows.csv").write_text("\n".join(lines))
    status, out, err = run(*FIT, *TABLE, "--column", "bright=light:1")
    assert status == 0 and "image score AUROC" in out, err
    assert "cross-conformal on 40 images of the table without it" in out
    status, out, _ = run("bank", "show", "bank", "--json", "--roc", "roc.csv")
    (cav,) = json.loads(out)["cavs"]
    assert cav["image_scores"] == {"pictures": 46, "shown": 6, "others": 40, "left_out": 0, "calibrated": True}
    assert cav["quality"]["image_score_auroc"] > 0.9 and cav["presence"]["calibrated"]
    curve = pd.read_csv(rows / "roc.csv")
    assert list(curve) == ["layer", "concept", "without", "with"] and curve.iloc[-1]["with"] == 1
    assert np.trapezoid(curve["with"], curve["without"]) == pytest.approx(cav["quality"]["image_score_auroc"], abs=1e-9)
    of = ("--bank", "bank", "--model", "mine.py:net", "--target", "2", "--no-checks", "--allow-weak")
    status, out, err = run("explain", *of, "--out", "found", "photos/3.png", "elsewhere/0.png")
    assert status == 0 and "\n3.png *" in out and "\n0.png  " in out, err
    assert "*: the bank was fitted on this image; its figures are too good." in out
    saved = json.loads((rows / "found" / "explanation.json").read_text())
    assert [image["in_fit"] for image in saved["images"]] == [True, False]
    assert "AUROC, image scores" in saved["cavs"][0]["figures"]
    assert [row["image_p"] is None for row in saved["scores"]] == [True, False]


def test_a_bank_without_image_scores_has_no_curve(run, rows):  # noqa: F811
    assert run(*FIT, "--concept", "bright=bright", "--random", "other")[0] == 0
    status, _, err = run("bank", "show", "bank", "--roc", "roc.csv")
    assert status == 2 and "--roc needs image scores, and the bank has none: fit concepts from a table" in err


BAD = [
    ((*FIT, "--random", "other", *COLUMN), "--column needs a table; give --table FILE"),
    ((*FIT, "--random", "other", "--concept", "a=bright", "--rows", "site:x"), "--rows needs a table"),
    ((*FIT, *TABLE), "--table rows.csv: give --column NAME=COLUMN:VALUE"),
    ((*FIT, "--table", "rows.csv", *COLUMN), "--table rows.csv: give the folder of its images with --images DIR"),
    ((*FIT, *TABLE, "--column", "bright"), "--column bright: give NAME=COLUMN:VALUE, such as veil=blue_whitish_veil:P"),
    ((*FIT, *TABLE, "--column", "bright=light:1,,2"), "--column bright=light:1,,2: give NAME=COLUMN:VALUE"),
    ((*FIT, *TABLE, "--column", "=light:1"), "--column =light:1: give the concept a name"),
    ((*FIT, *TABLE, *COLUMN, "--column", "bright=light:1"), "the concept 'bright' is given twice"),
    ((*FIT, *TABLE, *COLUMN, "--concept", "bright=bright"), "'bright' is given with --concept and with --column"),
    ((*FIT, *TABLE, *COLUMN, "--rows", "site"), "--rows site: give COLUMN:VALUE, such as diagnosis:melanoma"),
    ((*FIT, *TABLE, *COLUMN, "--rows", "site:x", "--rows", "site:y"), "the column 'site' is given twice"),
    ((*FIT, *TABLE, "--column", "bright=light:3"), "has '3' in the column 'light'; its values are 0, 1"),
    ((*FIT, *TABLE, "--column", "bright=dark:1"), "rows.csv has no column 'dark'; it has name, light, site, who"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "told"), BAD, ids=[told for _, told in BAD])
def test_one_line_says_what_is_wrong(run, rows, arguments, told):  # noqa: F811
    status, out, err = run(*arguments)
    assert status == 2 and told in err and err.strip().count("\n") == 0 and not out


def test_pictures_come_from_a_table_or_from_folders(run, rows):  # noqa: F811
    assert run(*FIT, *TABLE, *COLUMN)[0] == 0
    of = ("--bank", "bank", "--model", "mine.py:net", "--target", "2", "--out", "found")
    status, _, err = run("score", *of, *TABLE, "bright")
    assert status == 2 and "IMAGES (bright) and --table rows.csv are given; give one of them" in err
    status, _, err = run("explain", *of)
    assert status == 2 and "Missing argument 'IMAGES...', or '--table FILE'." in err
    status, _, err = run("score", *of, "bright", "--key", "name")
    assert status == 2 and "--key needs a table; give --table FILE" in err
