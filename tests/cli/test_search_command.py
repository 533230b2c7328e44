"""`sacv search` as a user runs it, and its tables as the documentation reads them."""

import importlib
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cli.test_trust_commands import run  # noqa: F401
from sacv.cli.search import parse_like

DOCS = Path(__file__).parents[2] / "docs" / "search.md"
SEARCH = ["search", "--bank", "bank", "--model", "net.py:load"]


def test_search(run, tmp_path):  # noqa: F811
    status, out, err = run(*SEARCH, "photos", "bright", "--like", "bright/2.png:7,3", "--out", "found")
    assert (status, err) == (0, "") and "13 images searched. The strongest at 2, the layer advised for locating" in out
    assert "Most similar to bright/2.png:7,3, at 2:" in out and "Presence of 'bright' at '2' is not calibrated" in out
    locations, images, like = (
        pd.read_parquet(tmp_path / "found" / f"{name}.parquet") for name in ("locations", "images", "like")
    )
    assert len(images) == 13 and set(locations["concept"]) == {"bright"} and like["image"][0] == "bright/2.png"
    labels = json.loads((tmp_path / "found" / "search.json").read_text())
    assert labels["command"] == f"sacv {' '.join(SEARCH)} photos bright --like bright/2.png:7,3 --out found"
    status, out, _ = run(*SEARCH, "photos", "--out", "found", "--top", "2", "--json")
    found = json.loads(out)
    assert status == 0 and found["settings"]["top"] == 2 and found["counts"]["images"] == 5


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


KILLED = """
import os, signal, sys
from sacv.cli.main import main
from sacv.index import reducer, search
sys.modules["sacv.index.search"].SHARD_IMAGES = 4
add = reducer.Search.add
def deadly(self, state, loaded):
    if loaded.start == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return add(self, state, loaded)
reducer.Search.add = deadly
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on(run, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(importlib.import_module("sacv.index.search"), "SHARD_IMAGES", 4)
    asked = [*SEARCH, "photos", "bright", "--batch-size", "2", "--out", "found"]
    assert run(*asked)[0] == 0
    whole = content(tmp_path / "found")
    shutil.rmtree(tmp_path / "found")
    killed = subprocess.run([sys.executable, "-c", KILLED, *asked], cwd=tmp_path)
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "found").exists()
    parts = tmp_path / "found.shards"
    (kept := tmp_path / "kept").mkdir()
    shutil.copytree(parts, kept / "found.shards")
    status, _, err = run(*asked)
    assert status == 0 and "Resuming from 2 finished shards in found.shards; --fresh starts again" in err
    assert content(tmp_path / "found") == whole and not parts.exists()
    shutil.copytree(kept / "found.shards", parts)
    status, _, err = run(*asked, "--fresh")
    assert (status, err) == (0, "") and not parts.exists()


def test_errors_are_one_line(run):  # noqa: F811
    for asked, told in (
        (["nowhere"], "no file or folder nowhere"),
        (["photos", "--layer", "2"], "nothing is given as `like`"),
        (["photos", "--like", "photos/0.png:99,0"], "99,0 lies outside"),
        (["photos", "net.py"], "--skip-unreadable"),
    ):
        status, _, err = run(*SEARCH, *asked, "--out", "x")
        assert status == 2 and told in err and err.count("\n") == 1
    status, out, _ = run(*SEARCH, "photos", "net.py", "--skip-unreadable", "--out", "x")
    assert status == 0 and "Left out, unreadable: net.py" in out


def test_places_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:1,2").write_text("")
    for text, image, at in (
        ("a.png", "a.png", None),
        ("a.png:3,4", "a.png", (3, 4)),
        ("c:/a.png:3.5,4", "c:/a.png", (3.5, 4)),
        ("c:/a.png", "c:/a.png", None),
        ("a:1,2", "a:1,2", None),
        ("a.png:3", "a.png:3", None),
    ):
        found = parse_like(text)
        assert (found.image, found.at) == (image, at)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_documented_reading_works(run, tmp_path):  # noqa: F811
    assert run(*SEARCH, "photos", "bright", "--like", "bright/2.png", "--out", "index")[0] == 0
    (code,) = re.findall(r"```python\n(import pandas.*?)```", DOCS.read_text(), re.S)
    (queries,) = re.findall(r"```python\n(import duckdb.*?)```", DOCS.read_text(), re.S)
    code = code.replace("features.12", "2").replace("striped", "bright")
    names: dict = {}
    exec(code, names)
    assert len(names["best"]) and names["best"]["concept"].eq("bright").all()
    assert len(names["strongest"]) == 10 and names["strongest"].iloc[:, 1].is_monotonic_decreasing
    images = pd.read_parquet(tmp_path / "index" / "images.parquet")
    columns = re.findall(r'"(\S+/\S+/\S+)"', queries.replace("features.12", "2").replace("striped", "bright"))
    assert columns and set(columns) <= set(images.columns)
