"""A study in one file: the same figures as the single commands, resumable, and errors that name the key."""

import json
import tomllib
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape
from PIL import Image

import sacv
from sacv.cli.main import main
from sacv.errors import OptionError, SacvError, StorageError
from sacv.model.demo import DemoNetwork
from sacv.report import render_study
from sacv.study import read_study, steps
from sacv.study.findings import Finding, p_text
from sacv.study.summary import answer, of_layers
from sacv.synthetic.scenes import write_textures

STUDY = """
[report]
title = "Textures <b>"
question = "Do stripes support striped?"
pictures = 1

[model]
spec = "demo"
resize = "64x64"

[data]
table = "rows.csv"
images = "photos"
group = "who"

[concepts]
"striped <i>" = "texture:striped"
odd = "odd:1"

[fit]
layers = ["blocks.4"]
nulls = 19
runs = 3
folds = 3
locations = 8

[targets]
target = ["striped", "dotted"]
against = "plain"

[questions]
classes = "texture"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Eight images of stripes and eight of dots, two of each person, one of which has no texture in its row."""
    folder = tmp_path_factory.mktemp("place")
    lines = ["name,texture,odd,who"]
    for texture in ("striped", "dotted"):
        write_textures(folder / texture, texture, 8, seed=3)
        for number, file in enumerate(sorted((folder / texture).iterdir())):
            target = folder / "photos" / f"{texture}{number}.png"
            target.parent.mkdir(exist_ok=True)
            file.rename(target)
            said = "" if (texture, number) == ("dotted", 7) else texture
            lines.append(f"{target.stem},{said},{number % 2},{texture}-{number % 5}")
    (folder / "rows.csv").write_text("\n".join(lines))
    (folder / "study.toml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def found(place):
    return sacv.run_study(place / "study.toml", place / "out")


@pytest.fixture
def passes(monkeypatch):
    """Count the passes of the network."""
    counted = []
    forward = DemoNetwork.forward

    def counting(self, inputs):
        counted.append(len(inputs))
        return forward(self, inputs)

    monkeypatch.setattr(DemoNetwork, "forward", counting)
    return counted


@pytest.mark.slow
def test_everything_is_there(found):
    out, content = found.folder, found.content
    assert json.loads((out / "study.json").read_text()) == content
    assert {file.name for file in out.iterdir()} == {
        "audit.json", "bank", "explain", "report.html", "scores", "steps.json", "study.json"
    }  # fmt: skip
    assert len(found.answer) == 3 and content["doubts"] == found.warnings
    assert len(content["findings"]) == 2 * 2 * 2 == content["tests"]  # concepts, classes, targets
    assert content["provenance"]["study_file"] == STUDY and content["provenance"]["seed"] == 0
    assert len(content["pictures"]) == 2 * 2  # classes, targets
    page = (out / "report.html").read_text()
    for one in content["pictures"]:
        assert (out / one["page"]).is_file()
        assert escape(f"{quote(one['page'])}{one['fragment']}") in page
        names = dict(part.split("=") for part in one["fragment"][1:].split("&"))
        assert {key: unquote(name) for key, name in names.items()} == {key: one[key] for key in names}
        assert set(names) == {"image", "concept", "layer"}


def test_the_data_are_counted(found):
    data = found.content["data"]
    assert (data["pictures"], data["groups"], data["unclassed"]) == (16, 10, 1)
    assert data["classes"] == [
        {"class": "dotted", "pictures": 7, "groups": 5}, {"class": "striped", "pictures": 8, "groups": 5}
    ]  # fmt: skip
    striped, odd = data["concepts"]
    assert (striped["shown"], striped["others"], striped["missing"]) == (8, 7, 1)
    assert striped["by_class"] == {"dotted": {"shown": 0, "others": 7}, "striped": {"shown": 8, "others": 0}}
    assert odd["by_class"]["striped"] == {"shown": 4, "others": 4}


def test_a_column_that_explains_a_concept_is_named(found):
    striped = next(one for one in found.content["concepts"] if one["concept"] == "striped <i>")
    assert striped["not_told_apart"] == ["texture"]
    assert any("cannot be distinguished from texture" in text for text in found.warnings)
    assert "striped <i> (not distinguished from texture)" in found.answer[2]
    assert "striped <i>" not in found.answer[0]


def test_a_concept_that_is_not_there_is_too_weak(found):
    (card,) = (one for one in found.content["concepts"] if one["concept"] == "odd")
    assert card["weak"] and "odd (too weak to be judged)" in found.answer[2]
    assert {one["verdict"] for one in found.content["findings"] if one["concept"] == "odd"} == {"weak"}
    assert any(text.startswith("odd is too weak to be judged: its held-out AUROC is") for text in found.warnings)


def test_figures_are_those_of_the_single_commands(found, place, capsys):
    alone, table = place / "alone", ["--table", str(place / "rows.csv"), "--images", str(place / "photos")]
    fit = ["fit", "--model", "demo", "--resize", "64x64", "--layer", "blocks.4", "--nulls", "19", "--runs", "3"]
    fit += ["--folds", "3", "--locations", "8", "--column", "striped <i>=texture:striped", "--column", "odd=odd:1"]
    run(*fit, *table, "--group", "who", "--strata", "texture", "--out", str(alone / "bank"))
    bank = sacv.ConceptBank.load(alone / "bank")
    assert bank.fingerprint == found.content["provenance"]["bank_fingerprint"]
    targets = ["--target", "striped", "--target", "dotted", "--against", "plain", "--allow-weak"]
    of = ["--bank", str(alone / "bank"), *table, "--rows", "texture:striped"]
    run("score", *of, *targets, "--group", "who", "--out", str(alone / "scores"))
    mine = pd.read_parquet(found.folder / "scores" / "striped" / "scores.parquet")
    pd.testing.assert_frame_equal(mine, pd.read_parquet(alone / "scores" / "scores.parquet"))
    row = mine[(mine["score"] == "sacv") & (mine["concept"] == "odd") & (mine["layer"] == "blocks.4")].iloc[0]
    one = next(
        each
        for each in found.content["findings"]
        if (each["concept"], each["layer"], each["class"]) == ("odd", "blocks.4", "striped")
    )
    assert (one["value"], one["low"], one["high"], one["p"]) == tuple(row[["value", "low", "high", "p"]])
    assert one["p_holm"] >= row["p_holm"]  # over the tests of all classes
    capsys.readouterr()
    run("audit", "--bank", str(alone / "bank"), "--target", "striped", "--against", "plain", "--json", status=None)
    assert json.loads(capsys.readouterr().out)["findings"] == found.content["audit"]["findings"]


def run(*arguments, status=0):
    with pytest.raises(SystemExit) as left:
        main([str(one) for one in arguments])
    assert status is None or left.value.code == status


def test_p_values_are_corrected_over_all_tests(found):
    values = [one["p"] for one in found.content["findings"]]
    corrected = [one["p_holm"] for one in found.content["findings"]]
    assert min(corrected) == pytest.approx(min(1, min(values) * len(values)))
    assert any("tests can reach 0.05 alone" in text for text in found.warnings)


def test_a_second_run_does_no_work(found, place, passes):
    before = (found.folder / "study.json").read_bytes()
    sacv.run_study(place / "study.toml", place / "out")
    assert not passes and (found.folder / "study.json").read_bytes() == before


@pytest.mark.slow
def test_an_interrupted_study_goes_on_and_gives_the_same(found, place, passes, monkeypatch):
    def fail(*_, **__):
        raise SacvError("the power failed")

    out = place / "interrupted"
    with monkeypatch.context() as patch, pytest.raises(SacvError, match="power"):
        patch.setattr("sacv.study.pipeline.score", fail)
        sacv.run_study(place / "study.toml", out)
    fitted = len(passes)
    assert fitted and set(json.loads((out / "steps.json").read_text())["results"]) == {"bank"}
    with monkeypatch.context() as patch, pytest.raises(SacvError, match="power"):
        patch.setattr("sacv.study.pipeline.fit", fail)  # it is not called again
        patch.setattr("sacv.study.pipeline.explain", fail)
        sacv.run_study(place / "study.toml", out)
    done = len(passes)
    with monkeypatch.context() as patch:
        for name in ("fit", "score", "audit"):
            patch.setattr(f"sacv.study.pipeline.{name}", fail)
        sacv.run_study(place / "study.toml", out, batch_size=3)
    assert len(passes) > done > fitted
    for name in ("study.json", "report.html"):
        assert (out / name).read_bytes() == (found.folder / name).read_bytes()


def test_a_step_is_done_again_where_its_inputs_or_files_changed(tmp_path):
    made = []
    (tmp_path / "out").mkdir()

    def make():
        made.append(1)
        (tmp_path / "out" / "result").write_text("x")

    for key, again in (("a", True), ("a", False), ("b", True), ("b", False)):
        assert steps.Steps(tmp_path / "out", False).make_once("result", {"key": key}, make) is again
    (tmp_path / "out" / "result").write_text("y")
    assert steps.Steps(tmp_path / "out", False).make_once("result", {"key": "b"}, make)
    assert steps.Steps(tmp_path / "out", True).make_once("result", {"key": "b"}, make) and len(made) == 4
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("x")
    with pytest.raises(StorageError, match=r"is not empty and holds no steps\.json"):
        steps.Steps(other, False)


def test_classes_have_folders_of_their_own():
    assert steps.folder_names(["a/b", "A b", "../..", "<i>", "melanoma"]) == {
        "a/b": "a-b", "A b": "A-b-2", "../..": "class", "<i>": "i", "melanoma": "melanoma"
    }  # fmt: skip


def test_names_are_text(found):
    page = (found.folder / "report.html").read_text()
    assert "Textures &lt;b&gt;" in page and "<b>" not in page.split("</header>")[0].split("<header>")[1]
    assert "striped &lt;i&gt;" in page and "striped <i>" not in page
    first = "Do stripes support", "Supports striped rather than plain", "warnings</h2>", "The findings"
    assert [page.index(text) for text in first] == sorted(page.index(text) for text in first)


def test_image_scores_stand_in_the_report_where_there_are_any(found):
    one, other = found.content["concepts"]
    scored = {**one, "image_score": {"auroc": 0.912, "interval": [0.81, 0.973]}}
    page = render_study({**found.content, "concepts": [{**other, "image_score": None}, scored]}, [])
    assert "0.91 (0.81–0.97)" in page and "greatest<br>of image" in page  # noqa: RUF001
    bare = [{**each, "image_score": None} for each in (one, other)]
    assert "greatest<br>of image" not in render_study({**found.content, "concepts": bare}, [])


def test_the_example_is_a_study(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run("study", "--init")
    assert "sacv study study.toml --out DIR" in capsys.readouterr().out
    read_study("study.toml")
    plain = (tmp_path / "study.toml").read_text()
    full = "\n".join(
        line.removeprefix("# ") if " = " in line else line for line in plain.splitlines() if "A study" not in line
    )
    (tmp_path / "full.toml").write_text(full)  # what is commented out is legal too
    study = read_study("full.toml")
    assert set(tomllib.loads(full)["fit"]) == {*study.fit, "seed"} and study.rows == ("split:train",)
    run("study", "--init", status=2)
    assert "study.toml: the file exists already" in capsys.readouterr().err
    run("study", "--init", "mine.toml")
    assert (tmp_path / "mine.toml").read_text() == plain


BAD = [
    ("[model]", "[modell]", "modell is no key of a study; the nearest is 'model'"),
    ('spec = "demo"', 'spec = "demo"\ncropp = 3', "model.cropp is no key of a study; the nearest is 'crop'"),
    ('spec = "demo"', 'spec = "demo"\ncrop = "3"', "model.crop is '3', not a whole number of at least 1"),
    ('spec = "demo"\n', "", "model.spec is missing"),
    ('group = "who"', "group = 3", "data.group is 3, not text"),
    ('table = "rows.csv"\n', "", "data.table is missing"),
    ("folds = 3", "folds = 1", "fit.folds is 1, not a whole number of at least 2"),
    ("folds = 3", "fold = 3", "fit.fold is no key of a study; the nearest is 'folds'"),
    ("folds = 3", 'solver = "ldaa"', "there is no solver 'ldaa'"),
    ('layers = ["blocks.4"]', "layers = []", "fit.layers is [], not a text or a list of texts"),
    ("pictures = 1", "pictures = 25", "report.pictures is 25, not a whole number from 0 to 24"),
    ('odd = "odd:1"', "odd = 1", "concepts.odd is 1, not"),
    ('odd = "odd:1"', 'odd = "odd"', "--column odd=odd: give NAME=COLUMN:VALUE"),
    ('odd = "odd:1"', 'odd = "odd:2"', "no row of"),
    ('odd = "odd:1"', 'odd = { image = "x" }', "concepts.odd.image is no key of a study; the nearest is 'images'"),
    ('against = "plain"', 'agains = "plain"', "targets.agains is no key of a study; the nearest is 'against'"),
    ('against = "plain"', 'against = "dotted"', "the target dotted is compared with itself"),
    ('classes = "texture"', 'classes = "textur"', "no column 'textur'"),
    ('classes = "texture"', 'classes = "texture"\nvalues = ["plaid"]', "no row has 'plaid' in the column 'texture'"),
    ('classes = "texture"\n', "", "questions.classes is missing"),
    ('title = "Textures <b>"', "title =", "is not a TOML file"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), BAD, ids=[message for _, _, message in BAD])
def test_an_error_is_one_line(place, capsys, old, new, message):
    assert STUDY.count(old) == 1
    (place / "bad.toml").write_text(STUDY.replace(old, new))
    run("study", place / "bad.toml", "--out", place / "bad", status=2)
    err = capsys.readouterr().err
    assert message in err and "bad.toml" in err and err.strip().count("\n") == 0
    assert not (place / "bad").exists()


def test_a_file_that_is_not_there_is_named(tmp_path, capsys):
    with pytest.raises(OptionError, match=r"none\.toml cannot be read: .*; write one with sacv study --init"):
        read_study(tmp_path / "none.toml")
    run("study", status=2)
    assert "'sacv study --init' writes an example" in capsys.readouterr().err
    run("study", tmp_path / "none.toml", status=2)
    assert "--out" in capsys.readouterr().err


def test_classes_may_be_left_out_and_concepts_be_folders(place):
    text = STUDY.replace('[questions]\nclasses = "texture"', "").replace('odd = "odd:1"', 'more = { images = "plain" }')
    write_textures(place / "plain", "plain", 6, seed=4)
    (place / "folders.toml").write_text(text.replace("pictures = 1", "pictures = 0"))
    found = sacv.run_study(place / "folders.toml", place / "folders")
    assert {one["class"] for one in found.content["findings"]} == {""}
    assert found.content["data"]["concepts"][1]["by_class"] is None and not found.content["pictures"]
    assert "None are shown" in (found.folder / "report.html").read_text()


@pytest.mark.slow
def test_masks_and_marked_regions(place):
    write_textures(place / "marked", "chequered", 6, seed=5)
    for name, across in (("marks", slice(0, 64)), ("within", slice(16, 112))):
        (place / name).mkdir()
        for file in [*(place / "marked").iterdir(), *(place / "photos").iterdir()]:
            with Image.open(file) as opened:
                mask = np.zeros(opened.size[::-1], np.uint8)
            mask[:, across] = 255
            if name == "within" or file.parent.name == "marked":
                Image.fromarray(mask).save(place / name / file.name)
    text = STUDY.replace('odd = "odd:1"', 'squares = { images = "marked", masks = "marks" }')
    text = text.replace('group = "who"', 'within = "within"').replace('["striped", "dotted"]', '"striped"')
    (place / "masks.toml").write_text(text)
    found = sacv.run_study(place / "masks.toml", place / "masked")
    assert found.content["data"]["within"]["median"] == pytest.approx(0.75)
    assert found.content["data"]["concepts"][1]["given"].startswith("marked, inside marks")
    assert any("no column gives the groups of images" in text for text in found.warnings)
    page = (found.folder / "report.html").read_text()
    assert "Within masks: 75%" in page and "The amber line encloses the locations inside the masks" in page


def test_p_values_are_short():
    assert [p_text(value) for value in (1.0, 0.0123, 0.00004)] == ["1.000", "0.012", "4e-05"]


def finding(**given):
    fields = {"layer": "a", "concept": "veil", "group": "x", "target": "t", "value": 1.0, "low": 0.5, "high": 1.5}
    fields |= {"effect": 3.0, "p": 0.001, "p_holm": 0.01, "images": 9, "groups": None, "verdict": "for"}
    return Finding(**fields | {"entangled": (), "leading": True} | given)


def test_the_answer_is_of_leading_layers_and_leaves_out_what_is_entangled():
    found = [
        finding(),
        finding(group="y", verdict="against", value=-1.0),
        finding(layer="b", verdict="against", leading=False),
        finding(concept="net", entangled=("site",)),
        finding(concept="dots", verdict="weak"),
        finding(concept="red", verdict="none"),
    ]
    assert answer(found, ["t"]) == [
        "Supports t: veil (in images of x).",
        "Opposes t: veil (in images of y).",
        "No conclusion on red (no significant effect); net (not distinguished from site); dots (too weak to be "
        "judged).",
    ]
    assert list(of_layers(found)) == ["veil supports t in images of x at a, and opposes it at b"]


def test_a_finding_is_a_sentence():
    assert finding().sentence == (
        "In images of x, veil supports t: SACV score +1 (95 % interval +0.5 to +1.5), +3.0 standard deviations of "
        "the null distribution, corrected p = 0.010."
    )
    assert finding(verdict="none", group="").sentence.startswith("In all images, veil has no significant effect on t")
    assert "The concept is not distinguished from site." in finding(entangled=("site",)).sentence
    bare = finding(effect=None, p=None, p_holm=None, verdict="none")
    assert bare.sentence.endswith("effect on t: SACV score +1 (95 % interval +0.5 to +1.5).")
