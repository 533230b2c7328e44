"""The commands as a user runs them; errors give status 2 and one line."""

import json
import re
import sys
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_pictures
from PIL import Image
from torch import nn

import sacv
from sacv.cli import main
from sacv.cli.bank_card import remarks, show_bank
from sacv.cli.explain import explain_command
from sacv.cli.methods import parse_method
from sacv.cli.options import parse_regions
from sacv.errors import OptionError, StorageError
from sacv.maps import methods
from sacv.model import LayerInfo, gradient_kinds, suggested_layers
from sacv.solvers import DEFAULT
from viewer import shown

CODE = """
import torch
from torch import nn
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
"""


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    make_pictures(tmp_path / "bright", 5, 1, low=180)
    make_pictures(tmp_path / "other", 6, 2)
    make_pictures(tmp_path / "elsewhere", 3, 4)
    return tmp_path


FIT = ("fit", "--model", "mine.py:net", "--resize", "16x16", "--layer", "2", "--concept", "bright=bright",
       "--random", "other", "--class-names", "names.txt", "--out", "bank")  # fmt: skip


def test_fit_and_explain(run, place):
    status, out, err = run(*FIT)
    assert (status, err) == (0, "") and "bright" in out and "The bank is in bank" in out
    status, out, err = run("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "bee", "bright",
                           "--out", "found", "--json")  # fmt: skip
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["images"][0]["target_name"] == "bee" and len(found["scores"]) == 5
    assert (place / "found" / "index.html").exists()


def content(folder):
    """What every file of a folder holds, but for the command that made it."""
    command = json.loads((folder / "explanation.json").read_text())["settings"]["command"]
    files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return {name: held.replace(command.encode(), b"COMMAND") for name, held in files.items()}


def test_an_explanation_goes_on_where_it_was_interrupted(run, place, monkeypatch):
    monkeypatch.setattr("sacv.engine.shards.LEAST_IMAGES", 2)
    assert run(*FIT)[0] == 0
    explain = ("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "bee", "--batch-size", "2", "bright",
               "--method", "gradient", "--json", "--out")  # fmt: skip
    assert run(*explain, "whole")[0] == 0 and not (place / "whole.shards").exists()

    def full(self, folder):
        raise StorageError(f"{folder} could not be written: No space left on device")

    for fresh, went_on in (((), True), (("--fresh",), False)):
        with monkeypatch.context() as patch:
            patch.setattr("sacv.maps.Explanation.save", full)
            status, _, err = run(*explain, "found")
        assert status == 2 and "No space left" in err and len(list((place / "found.shards").iterdir())) == 3
        status, out, err = run(*explain, "found", *fresh, "--engine", "local")
        assert status == 0 and json.loads(out)["count"] == 5
        assert ("Resuming from 3 finished shards in found.shards; --fresh starts again" in err) == went_on
        assert not (place / "found.shards").exists()
        assert content(place / "found") == content(place / "whole")


def test_workers_are_of_ray(run, place):
    assert run(*FIT)[0] == 0
    status, _, err = run("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "bee", "bright",
                         "--workers", "2", "--out", "found")  # fmt: skip
    assert status == 2 and "--workers 2 needs --engine ray" in err


def test_of_many_images_the_command_lists_a_choice(run, place, monkeypatch):
    monkeypatch.setattr("sacv.maps.listing.SHOWN", 2)
    assert run(*FIT)[0] == 0
    status, out, _ = run("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "bee", "bright",
                         "--method", "gradient", "--out", "found")  # fmt: skip
    assert status == 0 and len(re.findall(r"^\d\.png", out, re.M)) == 2
    assert "2 of 5 images are listed; scores.parquet has a row for each image" in out


def test_the_defaults_are_those_of_the_package(run, place):
    assert run(*FIT)[0] == 0
    solver = json.loads((place / "bank" / "bank.json").read_text())["solver"]
    assert solver == DEFAULT.describe()
    status, _, _ = run("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "bee", "bright",
                       "--out", "found")  # fmt: skip
    settings = json.loads((place / "found" / "explanation.json").read_text())["settings"]
    assert status == 0 and settings["method"] == methods.DEFAULT.describe()
    (option,) = (option for option in explain_command.params if option.name == "method")
    assert option.default == "default" and parse_method(option.default) == methods.DEFAULT


def test_json_of_fit(run, place):
    status, out, _ = run(*FIT, "--json", "--solver", "logistic", "--seed", "3")
    found = json.loads(out)
    assert status == 0 and found["cavs"][0]["quality"]["images"] == 5
    assert json.loads((place / "bank" / "bank.json").read_text())["solver"]["name"] == "Logistic"


def test_json_of_fit_carries_the_whole_quality(run, place, small_bank):
    found = json.loads(run(*FIT, "--json")[1])["cavs"][0]["quality"]
    assert set(found) == set(small_bank.cavs[0].quality.stored())
    assert found["auroc_interval"][0] <= found["auroc"] <= found["auroc_interval"][1]
    assert set(found["looks_auroc"]) == {"brightness", "saturation", "edge energy"}


def test_groups_of_images(run, place):
    """By their names, in the table, in what is remarked and refused, and in the scores."""
    for name in ("bright", "other"):
        for path in (place / name).iterdir():
            path.rename(place / name / f"{name}-{int(path.stem) // 2}-{path.name}")
    status, out, err = run(*FIT, "--group", r"(\w+-\d)-")
    assert status == 0, err
    head, row = out.splitlines()[2:4]
    assert head.split()[2:4] == ["images", "random"] and "5 (3 groups)  6 (3 groups)" in row
    assert "bright at 2: AUROC" in out.splitlines()[0] and "too weak to explain with: its 5 images are of 3" in out
    assert "2, bright: the 6 random images come from only 3 groups, such as patients" in out
    found = json.loads(run("bank", "show", "bank", "--json")[1])["cavs"][0]["quality"]
    assert (found["groups"], found["random_groups"]) == (3, 3)
    status, _, err = run(*changed("--out", "again"), "--group", r"x(\d)")
    assert status == 2 and "no group is found for" in err and err.count("\n") == 1
    asked = ("score", "--bank", "bank", "--model", "mine.py:net", "--target", "0", "--out", "scores", "other")
    status, _, err = run(*asked)
    assert status == 2 and "its 5 images are of 3 groups, such as patients (at least 5)" in err
    _, out, _ = run(*asked, "--allow-weak", "--group", r"-(\d)-")
    assert "Over 6 images of 3 groups." in out


def test_table_of_fit(run, place):
    _, out, _ = run(*FIT)
    found = json.loads(run(*changed("--out", "again"), "--json")[1])["cavs"][0]["quality"]
    low, high = found["auroc_interval"]
    assert f"{found['auroc']:.3f} ({low:.2f}-{high:.2f})" in out and f"{found['run_cosine']:.3f}" in out
    assert "2, bright: brightness alone separates concept and random images (AUROC 1.00)" in out
    assert out.splitlines()[0].startswith(f"bright at 2: AUROC {found['auroc']:.3f} ({low:.2f}-{high:.2f}) on held-out")
    assert out.splitlines()[0].endswith("good enough to explain with.")
    _, out, _ = run(*changed("--out", "once"), "--runs", "1")
    assert out.splitlines()[3].split()[-1] == "-"


def mark(folder, names, size=(24, 20)):
    """Masks of the left half, width x height."""
    folder.mkdir()
    for name in names:
        mask = np.zeros(size[::-1], np.uint8)
        mask[:, : size[0] // 2] = 255
        Image.fromarray(mask).save(folder / name)


BANK = ("fit", "--model", "mine.py:net", "--resize", "16x16", "--layer", "2", "--out", "bank")


def test_fit_of_marked_regions(run, place):
    mark(place / "masks", [f"{index}.png" for index in range(5)])
    status, out, err = run(*BANK, "--region", "lit=bright:masks", "--nulls", "7", "--runs", "3",
                           "--locations", "6", "--json")  # fmt: skip
    assert (status, err) == (0, "")
    quality = json.loads(out)["cavs"][0]["quality"]
    assert quality["images"] == 5 == quality["random_images"]  # the same photos, marked and not
    assert quality["locations"] < 5 * 12 * 12 * 0.6
    kept = json.loads((place / "bank" / "bank.json").read_text())
    assert (kept["runs"], kept["nulls"], kept["locations"]) == (3, 7, 6)
    status, out, err = run(*changed("--out", "both"), "--region", "lit=bright:masks")
    assert (status, err) == (0, "") and "lit" in out and " 11 " not in out  # the photos stand for 'bright' as a whole


def test_fit_in_context(run, place):
    bright, other, photos = (make_pictures(place / name, count, seed, low=low) for name, count, seed, low in
                             (("light", 30, 11, 150), ("dark", 30, 12, 0), ("photos", 4, 13, 0)))  # fmt: skip
    command = ("fit", "--model", "mine.py:net", "--resize", "16x16", "--layer", "2", "--concept", f"light={bright}",
               "--random", other, "--context", photos, "--nulls", "7", "--runs", "2", "--out", "seen")  # fmt: skip
    status, out, err = run(*command)
    assert (status, err) == (0, "")
    for text in (out, run("bank", "show", "seen")[1]):
        assert "In context: 6 composites, textures pasted into 4 photos." in text
        assert "2, light: fitted on " in text
    found = json.loads(run("bank", "show", "seen", "--json")[1])["context"]
    assert len(found["composites"]) == 6 and len(found["photos"]) == 4
    assert {len(composite["textures"]) for composite in found["composites"]} == {4}
    assert [(entry["layer"], entry["concept"]) for entry in found["evidence"]] == [("2", "light")]
    assert "context" not in json.loads(run(*FIT, "--json")[1])


def test_fit_of_a_category(run, place):
    images = [{"id": index, "file_name": f"{index}.png"} for index in range(5)]
    box = {"bbox": [0, 0, 12, 20]}
    file = {
        "images": images,
        "annotations": [{**box, "image_id": index, "category_id": 1 + index // 5} for index in range(5)],
        "categories": [{"id": 1, "name": "left: lit"}, {"id": 2, "name": "none"}],
    }
    (place / "marks.json").write_text(json.dumps(file))
    status, _, err = run(*BANK, "--region", "lit=bright:marks.json:left: lit", "--random", "other")
    assert (status, err) == (0, "")
    status, _, err = run(*BANK, "--region", "lit=bright:marks.json:none", "--random", "other")
    assert status == 2 and "the masks of marks.json:none are empty for all 5 images" in err


def test_fit_of_a_coco_file_as_it_comes(run, place):
    """Entries of other photos, and photos without an annotation of the category."""
    file = {
        "images": [{"id": index, "file_name": f"{index}.png"} for index in range(9)],
        "annotations": [{"bbox": [0, 0, 12, 20], "image_id": index} for index in (0, 2, 4, 7)],
    }
    (place / "marks.json").write_text(json.dumps(file))
    status, out, err = run(*BANK, "--region", "lit=bright:marks.json", "--random", "other", "--no-rest")
    assert (status, err) == (0, "")
    assert "lit: 2 photos show nothing of it: left out; with --rest such photos are in the random set" in out
    assert "lit: 4 masks or entries of the COCO file have no photo here and were ignored" in out
    for random in ((), ("--random", "other"), ("--rest",)):
        status, out, err = run(*BANK, "--region", "lit=bright:marks.json", *random)
        assert (status, err) == (0, "") and "lit: 2 photos show nothing of it: in the random set" in out
        regions = json.loads(run("bank", "show", "bank", "--json")[1])["regions"]
        assert regions == [{"concept": "lit", "marked": 3, "negatives": 2, "unused": 0, "unmatched": 4}]


def test_the_random_images_beside_marked_photos_are_told_of(run, place):
    """Bright photos and others: every one is told, so that they are left out; with --no-rest, they are all there is."""
    mark(place / "masks", [f"{index}.png" for index in range(5)])
    region = ("--region", "lit=bright:masks", "--random", "other")
    status, out, err = run(*BANK, *region)
    assert (status, err) == (0, "")
    words = "the random images are different from the rest of the annotated images (held-out AUROC 1.00)"
    assert f"2, lit: {words}: they are left out" in out
    (cav,) = json.loads(run("bank", "show", "bank", "--json")[1])["cavs"]
    assert cav["statistics"]["pool_weight"] == 0 and cav["quality"]["random_images"] == 5
    assert 0 <= cav["quality"]["place_auroc"] <= 1
    status, out, err = run(*BANK, *region, "--no-rest")
    assert (status, err) == (0, "") and "the random images are" not in out
    (cav,) = json.loads(run("bank", "show", "bank", "--json")[1])["cavs"]
    assert "pool_weight" not in cav["statistics"] and cav["quality"]["random_images"] == 6
    assert cav["quality"]["place_auroc"] is None and 0.8 <= cav["statistics"]["detector_shrinkage"] <= 0.9
    run(*BANK, "--region", "lit=bright:masks")
    assert "the random images are" not in run("bank", "show", "bank")[1]


def test_random_images_of_the_photos_kind_are_told_of(small_bank):
    (cav,) = small_bank.cavs
    figures = {"pool_auroc": 0.6, "pool_weight": 0.64, "pool_cosine": 0.93}
    plain = replace(cav, quality=replace(cav.quality, statistics_auroc={}, absent=()))
    (one,) = remarks(replace(plain, statistics=figures))
    assert one == (
        "the random images are similar to the rest of the annotated images (held-out AUROC 0.60): their weight is 0.64 "
        "of the weight of the rest (cosine with the direction without them 0.93)"
    )
    (one,) = remarks(replace(plain, statistics=figures | {"pool_auroc": 0.75}))
    assert "similar to" in one
    (one,) = remarks(replace(plain, statistics=figures | {"pool_auroc": 0.76}))
    assert "different from" in one and "their weight is 0.64" in one
    assert list(remarks(plain)) == []


def test_fit_with_photos_without_a_mask(run, place):
    mark(place / "masks", ["0.png", "1.png", "2.png", "3.png"])
    region = ("--region", "lit=bright:masks", "--random", "other")
    status, _, err = run(*BANK, *region)
    assert status == 2 and "4.png" in err and "--unmasked-negative" in err
    status, out, err = run(*BANK, *region, "--unmasked-negative", "--no-rest")
    assert (status, err) == (0, "") and "lit: 1 photo shows nothing of it: left out" in out
    status, out, err = run(*BANK, *region, "--unmasked-negative")
    assert (status, err) == (0, "") and "lit: 1 photo shows nothing of it: in the random set" in out


def test_defaults_of_draws_follow_the_solver(run, place):
    for solver, wanted in (
        ("unit-length/lda:oas", (20, 199, 32)),
        ("smooth/ridge", (20, 199, 32)),
        ("linear-svm", (5, 19, 32)),
    ):
        status, _, err = run(*changed("--out", solver.partition("/")[0]), "--solver", solver)
        assert (status, err) == (0, "")
        kept = json.loads((place / solver.partition("/")[0] / "bank.json").read_text())
        assert (kept["runs"], kept["nulls"], kept["locations"]) == wanted


def test_regions_are_split_where_a_path_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "D:x").mkdir()
    wanted = {
        "a=photos:masks": ("photos", "masks"),
        "b=photos:file.json:cat: tabby": ("photos", "file.json:cat: tabby"),
        "c=D:x:masks": ("D:x", "masks"),
        "d=gone:file.json:cat": ("gone", "file.json:cat"),
        " e =photos:odd=name": ("photos", "odd=name"),
        "f=s3://bucket/photos:masks": ("s3://bucket/photos", "masks"),
        "g=http://host:8080/photos/:2024/file.json:cat": ("http://host:8080/photos/", "2024/file.json:cat"),
        "h=zip://photos::s3://bucket/all.zip:masks": ("zip://photos::s3://bucket/all.zip", "masks"),
        "i=gone:2024/masks": ("gone", "2024/masks"),
        "j=shards/{00..03}.tar:masks": ("shards/{00..03}.tar", "masks"),
    }
    found = parse_regions(list(wanted))
    assert "".join(found) == "abcdefghij"
    assert [(region.images, region.masks) for region in found.values()] == list(wanted.values())
    for text in ("a", "a=photos", "a=photos:", "a=:masks", "=photos:masks", "photos:masks"):
        with pytest.raises(OptionError, match=r"give NAME=IMAGES:MASKS"):
            parse_regions([text])
    with pytest.raises(OptionError, match="'a' is given twice"):
        parse_regions(["a=photos:masks", "a=photos:others"])


def test_remarks(small_bank):
    (cav,) = small_bank.cavs
    plain = replace(cav.quality, statistics_auroc={"brightness": 0.9}, absent=(), cosine={"dark": -0.7})
    assert list(remarks(replace(cav, quality=plain))) == []
    names = tuple(f"{index}.png" for index in range(7))
    looks = {"brightness": 0.967, "saturation": 0.5, "edge energy": 0.91}
    striking = replace(plain, statistics_auroc=looks, absent=names, cosine={"dark": -0.71, "light": 0.8, "red": 0.2})
    first, second, third, fourth, fifth = remarks(replace(cav, quality=striking))
    assert first.startswith("brightness alone separates concept and random images (AUROC 0.97)")
    assert second.startswith("edge energy alone separates concept and random images (AUROC 0.91)")
    assert third == (
        "7 images of 'bright' score below the median random image: 0.png, 1.png, 2.png, 3.png, 4.png and 2 more"
    )
    assert fourth.startswith("the cosine with 'dark' is -0.71") and "opposite" in fourth
    assert fifth.startswith("the cosine with 'light' is 0.80") and "opposite" not in fifth
    (only,) = remarks(replace(cav, quality=replace(plain, absent=names[:1])))
    assert only == "1 image of 'bright' scores below the median random image: 0.png"


def test_remarks_stand_below_the_table(small_bank, capsys):
    (cav,) = small_bank.cavs
    plain = replace(cav.quality, statistics_auroc={}, absent=())
    show_bank(replace(small_bank, cavs=(replace(cav, quality=plain),)))
    without = capsys.readouterr().out
    show_bank(replace(small_bank, cavs=(replace(cav, quality=replace(plain, absent=("a.png",))),)))
    assert capsys.readouterr().out == (
        f"{without}features.2, bright: 1 image of 'bright' scores below the median random image: a.png\n"
    )


def test_layers(run, place):
    status, out, _ = run("layers", "--model", "mine.py:net", "--resize", "16x16")
    assert (
        status == 0
        and "5 x 5" in out
        and "14 x 14" in out
        and re.match(r"\d of \d+ layers are advised \(\*\): ", out)
        and "cannot be explained; --all lists them" in out
    )
    rows = json.loads(run("layers", "--model", "mine.py:net", "--resize", "16x16", "--json", "--all")[1])["layers"]
    assert {row["name"]: bool(row["warning"]) for row in rows}["5"] is True


def test_skipped_files_are_told(run, place):
    (place / "bright" / "notes.txt").write_text("no image")
    status, out, err = run(*FIT)
    assert status == 2 and "notes.txt" in err and "--skip-unreadable" in err
    status, out, _ = run(*FIT, "--skip-unreadable")
    assert status == 0 and "Left out, unreadable: " in out and "notes.txt" in out


def changed(option, value):
    arguments = list(FIT)
    arguments[arguments.index(option) + 1] = value
    return arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (changed("--layer", "22"), "no layer '22'"),
        (changed("--concept", "bright"), "give NAME=DIR"),
        (changed("--concept", "bright=gone"), "no file or folder gone"),
        (changed("--random", "bright"), "share 5 images"),
        (changed("--model", "mine.py:nett"), "no function 'nett'"),
        (changed("--resize", "16by16"), "give HEIGHTxWIDTH"),
        (changed("--class-names", "gone.txt"), "cannot be read"),
        (changed("--out", "bright"), "will not be overwritten"),
        ((*FIT, "--device", "cuda"), "--device cuda: not available here; give one of cpu"),
        ((*FIT, "--batch-size", "0"), "--batch-size"),
        ((*FIT, "--solver", "magic"), "--solver magic: there is no solver 'magic'"),
        ((*FIT, "--solver", "ridge:0"), "--solver ridge:0: alpha must be a finite number above 0"),
        ((*FIT, "--runs", "0"), "--runs"),
        ((*FIT, "--nulls", "-1"), "--nulls"),
        ((*FIT, "--locations", "0"), "--locations"),
        ((*FIT, "--context", "gone"), "context: there is no file or folder gone"),
        ((*FIT, "--context", "other"), "the context and the random set share 6 images"),
        ((*FIT, "--context", "elsewhere"), "11 images give 1; at least 5 are needed"),
        ((*FIT, "--unmasked-negative"), "--unmasked-negative needs images with regions; give --region"),
        ((*FIT, "--region", "lit=other"), "--region lit=other: give NAME=IMAGES:MASKS"),
        ((*FIT, "--region", "lit=other:gone"), "no file or folder gone of masks"),
        ((*FIT, "--region", "bright=other:gone"), "'bright' is given with whole images and with regions"),
        ((*BANK, "--random", "other"), "give --concept NAME=DIR, --region NAME=IMAGES:MASKS, or --table FILE"),
        ((*BANK, "--concept", "bright=bright"), "no random images are given; give --random DIR"),
        ((*BANK, "--concept", "bright=bright", "--no-rest"), "no random images are given; give --random DIR"),
        (
            (*BANK, "--region", "lit=bright:masks", "--no-rest"),
            "give --random DIR, or leave out --no-rest, so that the rest of the annotated images is the random set",
        ),
        (FIT[:-2], "--out"),
        (("explain", "--bank", "gone", "--target", "0", "x.png", "--out", "o"), "is not a sacv concept bank"),
        (("no-such-command",), "no-such-command"),
    ],
)
def test_errors_are_one_line_and_status_2(run, place, arguments, words):
    status, out, err = run(*arguments)
    assert status == 2 and out == ""
    assert err.startswith("sacv: error: ") and err.count("\n") == 1 and words in err


def test_a_bank_runs_no_code(run, place):
    run(*FIT)
    status, _, err = run("explain", "--bank", "bank", "--target", "0", "bright", "--out", "found")
    assert status == 2 and "name the model with --model" in err


def test_other_weights_are_refused(run, place):
    run(*FIT)
    (place / "mine.py").write_text(CODE.replace("manual_seed(0)", "manual_seed(1)"))
    status, _, err = run("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "0", "bright",
                         "--out", "found")  # fmt: skip
    assert status == 2 and "other weights" in err


def test_help_and_version(run):
    assert run("--help")[0] == 0
    status, out, _ = run("--version")
    assert status == 0 and "sacv" in out


def test_demo_finds_the_concept(run, tmp_path):
    status, out, err = run("demo", "--out", tmp_path / "demo", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert np.mean(found["auroc"]) > 0.9 and min(found["auroc"]) > 0.75
    rows = found["explanation"]["scores"]
    assert len(rows) == 8 and min(row["contribution_sum"] for row in rows) > 0
    # Averaged over neighbours, the smallest object, 4 % of its picture, does not reach the threshold.
    seen = [row for row in rows if row["relevant"] > 0]
    assert len(seen) >= 7 and min(row["sacv_score"] for row in seen) > 0
    page = shown.header(tmp_path / "demo" / "explanation")
    assert len(page["images"]) == 8 and page["concepts"] == ["striped"]
    with Image.open(next((tmp_path / "demo" / "masks").iterdir())) as mask:
        assert mask.size == (128, 128)


def test_methods_layouts_and_weights_by_name(run, place):
    torch.save(torch.nn.Sequential(*[torch.nn.Identity()]).state_dict(), place / "empty.pth")
    status, _, err = run(*FIT, "--weights", "empty.pth")
    assert status == 2 and "do not fit this network" in err
    status, _, err = run(*FIT, "--layout", "2=HWC")
    assert status == 2 and "there is no layout 'HWC'" in err
    assert run(*FIT, "--layout", "2=NCHW")[0] == 0
    assert json.loads((place / "bank" / "bank.json").read_text())["model"]["layouts"] == {"2": "NCHW"}
    explain = ("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "1", "bright", "--out", "found")
    for method, name in (("gated", "Gated"), ("ablation:3", "Ablation"), ("integrated-gradients:4", "IntegratedGrad")):
        status, out, err = run(*explain, "--method", method)
        assert (status, err) == (
            0,
            "",
        ) and "SACV score: sum of the contribution where relevance is above 0, in logits" in out
        found = json.loads((place / "found" / "explanation.json").read_text())
        assert found["settings"]["method"]["name"].startswith(name)
    for wrong in ("saliency", "gradient:3", "ablation:x"):
        status, _, err = run(*explain, "--method", wrong)
        assert status == 2 and f"--method {wrong}: give one of default, gradient, gated" in err
    status, _, err = run(*explain, "--method", "ablation:2")
    assert status == 2 and "window must be odd" in err


def test_layers_of_another_input(run, place):
    rows = json.loads(run("layers", "--model", "mine.py:net", "--input", "3x20x24", "--json")[1])["layers"]
    assert rows[0]["grid"] == [18, 22] and rows[0]["layout"] == "NCHW"
    assert [row["name"] for row in rows if row["worth_asking"]]
    assert all(row["effective_field"] for row in rows if row["worth_asking"])
    status, _, err = run("layers", "--model", "mine.py:net", "--input", "3x20xa")
    assert status == 2 and "such as 3x224x224" in err


LAYERS = (*BANK, "--layer", "0", "--layer", "3", "--concept", "bright=bright", "--random", "other", "--nulls", "0")
"""A bank of three layers; at the last, the contribution is the same everywhere."""


def table(out):
    """The words of the lines of the table of ranked layers."""
    lines = [line.split() for line in out.splitlines()]
    return lines[next(number for number, words in enumerate(lines) if words[:1] == ["rank"]) :]


RANK = ("layers", "--bank", "bank", "--model", "mine.py:net")


def test_layers_of_a_bank_are_ranked(run, place):
    assert run(*LAYERS)[0] == 0
    status, out, err = run(*RANK, "--json")
    found = json.loads(out)
    assert (status, err) == (0, "") and found["bank"] == "bank" and found["concepts"] == ["bright"]
    rows = {row["name"]: row for row in found["layers"]}
    # As the quality cards of the bank say.
    cavs = {cav["layer"]: cav["quality"] for cav in json.loads((place / "bank" / "bank.json").read_text())["cavs"]}
    assert set(rows) == set(cavs) == {"0", "2", "3"}
    for name, row in rows.items():
        assert row["auroc"] == row["least_auroc"] == cavs[name]["auroc"]
        assert row["run_cosine"] == cavs[name]["run_cosine"]
        assert row["place_auroc"] is cavs[name]["place_auroc"] is None
    assert [row["rank"] for row in found["layers"]] == sorted(row["contribution_rank"] for row in rows.values())
    assert [row["rank"] for row in found["layers"]] == [1, 2, 3] and rows["3"]["contribution_rank"] == 3
    assert [row["advised"] for row in found["layers"]] == [True, False, False]
    assert {name: row["contribution"] for name, row in rows.items()} == {"0": "varies", "2": "varies", "3": "constant"}
    assert (rows["0"]["grid"], rows["2"]["grid"]) == ([14, 14], [12, 12])
    assert (rows["0"]["effective_field"], rows["2"]["effective_field"]) == ([3, 3], [5, 5])


def test_the_table_of_ranked_layers(run, place):
    assert run(*LAYERS)[0] == 0
    first = json.loads(run(*RANK, "--json")[1])["layers"][0]
    status, out, err = run(*RANK)
    assert (status, err) == (0, "")
    lines = table(out)
    assert lines[1][:3] == ["1", str(first["contribution_rank"]), first["name"]]
    assert f"{first['auroc']:.3f}" in lines[1] and "region AUROC" not in out
    assert [words[0] for words in lines[1:4]] == ["1", "2", "3"]
    (last,) = (words for words in lines[1:4] if words[2] == "3")
    assert last[1] == "3" and "constant" in last
    rows = json.loads(run(*RANK, "--json")[1])["layers"]
    (contributing,) = (row["name"] for row in rows if row["contribution_rank"] == 1)
    assert f"To see where a concept is, take {first['name']}: it is the deepest layer whose held-out AUROC is wi" in out
    assert f"To see what it contributes, take {contributing}: it is the shallowest layer with a varying" in out
    assert "These rules use concept images only; docs/bench.md has" in out
    assert "the bank has one layer" not in out and "varies at no layer" not in out
    # Inputs of another size are asked for as they are without a bank.
    rows = json.loads(run(*RANK, "--input", "3x20x24", "--json")[1])["layers"]
    assert {row["name"]: row["grid"] for row in rows} == {"0": [18, 22], "2": [16, 20], "3": [16, 20]}


def test_where_photos_are_marked_the_ranking_is_by_the_marks(run, place):
    mark(place / "masks", [f"{index}.png" for index in range(5)])
    arguments = (*BANK, "--layer", "0", "--layer", "3", "--region", "lit=bright:masks", "--nulls", "0")
    assert run(*arguments)[0] == 0
    rows = json.loads(run(*RANK, "--json")[1])["layers"]
    cavs = {cav["layer"]: cav["quality"] for cav in json.loads((place / "bank" / "bank.json").read_text())["cavs"]}
    assert {row["name"]: row["place_auroc"] for row in rows} == {name: cav["place_auroc"] for name, cav in cavs.items()}
    figures = [row["place_auroc"] for row in rows]
    assert figures[0] >= max(figures) - 0.01 and min(figures) > 0
    out = run(*RANK)[1]
    assert f"{figures[0]:.3f}" in table(out)[1] and "region AUROC" in out
    assert f"take {rows[0]['name']}: it is the deepest layer whose region AUROC is within 0.01 of the best" in out
    assert "These rules use concept images only" not in out


def test_a_bank_in_which_nothing_can_be_chosen(run, place):
    arguments = changed("--layer", "3")
    assert run(*arguments, "--runs", "1", "--nulls", "0")[0] == 0
    status, out, _ = run(*RANK)
    assert status == 0 and "the contribution varies at no layer of this bank" in out
    assert "the bank has one layer" in out
    assert json.loads(run(*RANK, "--json")[1])["layers"][0]["run_cosine"] is None


def test_a_bank_names_its_model(run, place):
    """As for the other commands: one that runs no code of the user may be left out."""
    fit = ("fit", "--model", "demo", "--layer", "blocks.3", "--concept", "bright=bright", "--random", "other",
           "--nulls", "0", "--runs", "2", "--out", "bank")  # fmt: skip
    assert run(*fit)[0] == 0
    status, out, err = run("layers", "--bank", "bank", "--json")
    assert (status, err) == (0, "") and json.loads(out)["model"] == "demo"
    assert json.loads(out)["layers"][0]["grid"] == [16, 16]
    assert run(*FIT)[0] == 0
    status, out, err = run("layers", "--bank", "bank")
    assert (status, out) == (2, "") and "name the model with --model" in err and err.count("\n") == 1
    (place / "mine.py").write_text(CODE.replace("manual_seed(0)", "manual_seed(1)"))
    status, out, err = run(*RANK)
    assert (status, out) == (2, "") and "other weights" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --model SPEC to list the layers of a model, or --bank DIR"),
        (("--bank", "gone"), "is not a sacv concept bank"),
        (("--bank", "bank", "--resize", "16x16"), "--resize: not with --bank"),
        (("--bank", "bank", "--weights", "x.pth", "--all", "--layout", "2=NCHW"), "--weights, --layout, --all: not"),
        (("--bank", "bank", "--crop", "9"), "--crop: not with --bank"),
    ],
)
def test_layers_asks_for_a_model_or_a_bank(run, place, arguments, words):
    status, out, err = run("layers", *arguments)
    assert status == 2 and out == ""
    assert err.startswith("sacv: error: ") and err.count("\n") == 1 and words in err


def test_fit_still_needs_a_model(run, place):
    status, _, err = run(*FIT[:1], *FIT[3:])
    assert status == 2 and "--model" in err


@pytest.mark.parametrize("zoo", ["torchvision", "timm", "hf"])
def test_a_zoo_that_is_not_installed(run, place, zoo, monkeypatch):
    package = {"torchvision": "torchvision", "timm": "timm", "hf": "transformers"}[zoo]
    for name in (package, f"{package}.models"):
        monkeypatch.setitem(sys.modules, name, None)
    status, _, err = run("layers", "--model", f"{zoo}:resnet50")
    assert status == 2 and f"pip install 'sacv[{package}]'" in err


def test_a_bank_may_name_a_zoo(run, place):
    """A zoo's models run no code of their authors, so that a bank may ask for them."""
    assert run(*FIT)[0] == 0
    labels = json.loads((place / "bank" / "bank.json").read_text())
    labels["model"]["spec"] = "torchvision:resnet55@random"
    del labels["checksums"]
    (place / "bank" / "bank.json").write_text(json.dumps(labels))
    status, _, err = run("explain", "--bank", "bank", "--target", "0", "bright", "--out", "found")
    assert status == 2 and "runs no code" not in err and "torchvision" in err


def test_which_layers_are_worth_asking():
    def info(name, side, leaf=False):
        return LayerInfo(name, "Block", grid=(side, side), leaf=leaf, role="kernel" if leaf else "block")

    found = [info("stem", 28, leaf=True), info("stage.0", 14), info("stage.1.act", 14, leaf=True), info("stage.1", 14),
             info("next.0.expand", 14), info("next.0", 7), info("next.1", 7), info("next", 7),
             info("tiny", 3)]  # fmt: skip
    varies = {one.name: "varies" for one in found} | {"next.1": "constant", "next": "constant"}
    assert suggested_layers(found, varies) == {"stem", "stage.1", "next.0"}


def test_parts_of_repeated_blocks_are_not_worth_asking():
    def info(name, kind, role="block"):
        return LayerInfo(name, kind, grid=(7, 7), leaf=role != "block", role=role)

    parts = [info("x.0.conv", "Conv2d", "kernel"), info("x.0", "Unit"), info("x.1.conv", "Conv2d", "kernel"),
             info("x.1.act", "ReLU", "activation"), info("x.1.attention", "Attention"), info("x.1", "Unit"),
             info("x", "Sequential")]  # fmt: skip
    varies = {one.name: "varies" for one in parts} | {"x.1": "constant", "x": "constant"}
    assert suggested_layers(parts, varies) == {"x.0"}
    alone = [one for one in parts if one.name not in ("x.0.conv", "x.0", "x.1.attention")]
    assert suggested_layers(alone, varies) == {"x.1.act"}
    before = replace(info("x.0", "Unit"), grid=(14, 14))  # a unit then, though alone on its grid
    assert suggested_layers([before, *alone], varies) == {"x.0"}


class Swish(nn.Module):
    """An activation that torch does not know, and no parameter tells."""

    def forward(self, x):
        return x * x.sigmoid()


class Same(nn.Module):
    """Does nothing when a network is asked, as stochastic depth."""

    def forward(self, x):
        return x


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.act = nn.Conv2d(width, width, 3, padding=1), nn.ReLU()

    def forward(self, x):
        return self.act(x + self.conv(x))


class Padded(nn.Conv2d):
    """A convolution that holds its padding, as some copies of TensorFlow's do."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.static_padding = nn.ZeroPad2d((0, 1, 0, 1))

    def forward(self, x):
        return super().forward(self.static_padding(x))


def named(**layers):
    return nn.Sequential(OrderedDict(layers))


def conv(width=4, stride=1, given=4, bias=True):
    return nn.Conv2d(given, width, 3, stride, padding=1, bias=bias)


WORTH = {
    "activation after a convolution": (dict(conv=conv(), act=nn.ReLU()), {"act"}),
    "in place": (dict(conv=conv(), act=nn.ReLU(inplace=True)), {"act"}),
    "with a norm and nothing between": (
        dict(conv=conv(), norm=nn.BatchNorm2d(4), drop=nn.Dropout2d(), same=Same(), act=nn.GELU(), more=nn.Identity()),
        {"act"},
    ),
    "an activation of the user's own": (dict(conv=conv(bias=False), act=Swish(), drop=Same()), {"act"}),
    "no activation as a layer": (dict(conv=conv(), norm=nn.BatchNorm2d(4), drop=nn.Dropout()), {"conv"}),
    "the last of two": (dict(a=conv(), b=nn.ReLU(), c=conv(), d=nn.ReLU()), {"d"}),
    "pooling begins a grid": (
        dict(conv=conv(), act=nn.ReLU(), pool=nn.MaxPool2d(2), lone=nn.ReLU(), drop=nn.Dropout()),
        {"act"},
    ),
    "pooling that keeps the grid": (dict(conv=conv(), act=nn.ReLU(), pool=nn.MaxPool2d(3, 1, 1)), {"act"}),
    "padding": (dict(pad=nn.ZeroPad2d((0, 1, 0, 1)), conv=nn.Conv2d(4, 4, 2), act=nn.ReLU()), {"act"}),
    "padding of a convolution": (dict(stem=Padded(4, 4, 3, 2), act=nn.SiLU()), {"act"}),
    "lone activation": (dict(act=nn.ReLU(), pool=nn.AvgPool2d(2), conv=conv(), end=nn.Tanh()), {"end"}),
    "blocks": (dict(conv=conv(), act=nn.ReLU(), one=Residual(4), two=Residual(4), after=nn.ReLU()), {"two"}),
    "blocks and stages": (
        dict(stem=conv(), act=nn.ReLU(), down=conv(8, 2), stage=nn.Sequential(Residual(8), Residual(8))),
        {"act", "stage"},
    ),
    "a container without a convolution": (
        dict(conv=conv(), act=nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), end=nn.Sequential(nn.Dropout(), Same())),
        {"act"},
    ),
}


@pytest.mark.parametrize("make", [torch.rand, torch.zeros])
@pytest.mark.parametrize("case", WORTH)
def test_layers_worth_asking_of_small_networks(case, make):
    body, wanted = WORTH[case]
    inputs = make(1, 4, 16, 16)
    tail = {"shrink": nn.AvgPool2d(4), "mix": nn.LazyConv2d(4, 1), "bend": nn.Softplus(),
            "mean": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "head": nn.Linear(4, 3)}  # fmt: skip
    torch.manual_seed(0)
    net = named(**body, **tail)
    net(torch.rand(1, 4, 16, 16))
    model = sacv.VisionModel(net.eval())
    found = list(model.survey(inputs).values())
    varies = gradient_kinds(model, inputs, [info.name for info in found if info.usable])
    assert suggested_layers(found, varies) == wanted
