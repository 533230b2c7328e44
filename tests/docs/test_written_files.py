"""Every field, column and array of every file that a command writes is documented in docs/reference-files.md."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from docs.pages import ROOT
from docs.running import smaller
from sacv.cli import main

PAGE = (ROOT / "docs" / "reference-files.md").read_text(encoding="utf-8")
TYPES = {"F64": "float64", "F32": "float32", "I64": "int64", "BOOL": "bool"}
MODEL = ("--model", "mine.py:load")
WRITTEN = {
    "scores": ("score", "--bank", "bank", *MODEL, "--target", "zebra", "photos/zebra"),
    "index": ("search", "--bank", "bank", *MODEL, "photos/zebra", "--like", "zebra.jpg:210,140"),
    "audit": ("audit", "--bank", "bank", *MODEL, "--class-names", "classes.json", "--target", "zebra"),
    "both": ("explain", "--bank", "bank", *MODEL, "--target", "zebra", "--target", "cat", "photos/zebra"),
    "study": ("study", "study.toml"),
}


def documented(name: str) -> dict[str, str]:
    """Give the fields of a file and their types, as its tables list them."""
    section = re.search(rf"^### {re.escape(name)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"docs/reference-files.md has no section {name}"
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|", section[1], re.MULTILINE)
    return {field: kind for names, kind in rows for field in re.findall(r"`([^`]+)`", names)}


def fields(content: dict, records: set[str]) -> Iterator[str]:
    """Give the fields of a JSON file, and those of its records that the page lists."""
    for name, value in content.items():
        yield name
        inner = value if isinstance(value, list) else [value]
        mark = f"{name}[]" if isinstance(value, list) else name
        if mark in records:
            yield from {f"{mark}.{key}" for one in inner if isinstance(one, dict) for key in one}


def matches(name: str, pattern: str) -> bool:
    """Tell whether a name is one of those that a pattern with words in capitals stands for."""
    parts = (re.escape(part) if not part.isupper() else ".+" for part in pattern.split("/"))
    return re.fullmatch("/".join(parts), name) is not None


def undocumented(folder: Path, file: str, named: str) -> list[str]:
    """Give what a file has and the page has not."""
    known = documented(named)
    if file.endswith(".json"):
        records = {name.rsplit(".", 1)[0] for name in known if "." in name}
        return [name for name in fields(json.loads((folder / file).read_text()), records) if name not in known]
    if file.endswith(".parquet"):
        found = {field.name: str(field.type) for field in pq.read_schema(folder / file)}
    else:
        with safe_open(folder / file, "np") as opened:
            found = {name: TYPES[opened.get_slice(name).get_dtype()] for name in opened.keys()}
    return [
        f"{name} ({kind})"
        for name, kind in found.items()
        if not any(matches(name, pattern) and kind == said for pattern, said in known.items())
    ]


@pytest.fixture(scope="module")
def written(world, tmp_path_factory):
    """The world with a result of every command."""
    folder = tmp_path_factory.mktemp("written") / "place"
    shutil.copytree(world, folder, copy_function=os.link)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        text = (ROOT / "src" / "sacv" / "study" / "example.toml").read_text(encoding="utf-8")
        Path("study.toml").write_text(text.replace("nulls = 999", "nulls = 19"), encoding="utf-8")
        for out, words in WRITTEN.items():
            with pytest.raises(SystemExit) as left:
                main([*smaller(list(words)), "--out", out])
            assert left.value.code in (0, 1), words
    return folder


@pytest.mark.slow
def test_what_is_written_is_documented(written):
    files = {
        **{f"{out}/{file}": f"bank/{file}" for out in ("bank", "study/bank") for file in BANK},
        **{f"found/{file}": f"found/{file}" for file in EXPLANATION},
        **{f"both/zebra/{file}": f"found/{file}" for file in EXPLANATION},
        **{name: name for name in OTHERS},
    }
    missing = {file: undocumented(written, file, named) for file, named in files.items()}
    for file in (written / "study").rglob("maps.safetensors"):
        for name in EXPLANATION:
            missing[str(file.parent / name)] = undocumented(file.parent, name, f"found/{name}")
    assert {file: names for file, names in missing.items() if names} == {}


@pytest.mark.slow
def test_every_file_is_documented(written):
    known = {name.rsplit("/", 1)[1] for name in re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)}
    folders = [written / name for name in ("bank", "found", *WRITTEN)]
    names = {
        file.name
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in (".json", ".parquet", ".safetensors")
    }
    assert names <= known


BANK = ("bank.json", "cavs.safetensors", "moments.safetensors")
EXPLANATION = ("explanation.json", "images.parquet", "scores.parquet", "maps.safetensors")
OTHERS = (
    *("both/explanations.json", "scores/scores.json", "scores/scores.parquet", "scores/images.parquet"),
    *("index/search.json", "index/locations.parquet", "index/like.parquet", "index/images.parquet"),
    *("audit/audit.json", "study/study.json", "study/steps.json"),
)


def test_a_field_that_is_not_documented_is_found(tmp_path):
    (tmp_path / "audit.json").write_text('{"kind": "audit", "new": 1, "findings": [{"check": "a", "fresh": 2}]}')
    assert undocumented(tmp_path, "audit.json", "audit/audit.json") == ["new", "findings[].fresh"]
