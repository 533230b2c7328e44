"""The commands of docs/clinic.md, on a small made clinic, and on real lesions if they are there."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from cli.test_cli import run  # noqa: F401

GUIDE = (Path(__file__).parents[2] / "docs" / "clinic.md").read_text(encoding="utf-8")
REAL = Path(os.environ.get("SACV_REAL_DATA", "../shared/real")).resolve()


def commands(real: bool) -> list[list[str]]:
    """Return the commands of the guide, each as the words after `sacv`."""
    found = [text.replace("\\\n", " ") for text in re.findall(r"^    sacv ((?:.*\\\n)*.*)$", GUIDE, re.MULTILINE)]
    chosen = [text for text in found if ("$SACV_REAL_DATA" in text) is real]
    return [shlex.split(text.replace("$SACV_REAL_DATA", str(REAL))) for text in chosen]


def smaller(words: list[str]) -> list[str]:
    small = ["--patients", "20", "--pictures", "2"] if words[0] == "clinic" else []
    return ["19" if word == "999" else word for word in words] + small


def test_the_guide_runs_on_a_small_clinic(run, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    told = []
    for words in commands(real=False):
        status, out, err = run(*smaller(words))
        refused = words[0] == "score" and "--allow-weak" not in words
        assert status in ((2,) if refused else (0, 1) if words[0] == "audit" else (0,)), (words, err)
        assert not refused or "below the quality thresholds: 'itch'" in err
        told.append((words, out))
    assert [words[0] for words, _ in told] == (
        ["clinic", "fit", "score", "score", "explain", "fit", "audit", "audit", "fit", "fit"]
    )
    assert "40 photos of 20 patients" in told[0][1]
    assert (
        "dots: Cramer's V with diagnosis is 1.00 (1.00-1.00): it cannot be distinguished from diagnosis" in told[1][1]
    )
    whole, inside = (re.search(r"looks +blocks.4 +veil +(\w+)", told[at][1])[1] for at in (6, 7))
    assert (whole, inside) == ("FAIL", "pass")


def test_the_clinic_is_told_to_machines(run, tmp_path):  # noqa: F811
    status, out, _ = run("clinic", "--out", tmp_path / "c", "--patients", 4, "--pictures", 1, "--json")
    told = json.loads(out)
    assert status == 0 and len(list(Path(told["photos"]).iterdir())) == len(list(Path(told["masks"]).iterdir())) == 4
    assert Path(told["table"]).exists() and told["model"] == "sacv_bench.clinic:load"


@pytest.mark.real
@pytest.mark.skipif(not (REAL / "lesions.py").exists(), reason=f"no lesions at SACV_REAL_DATA={REAL}")
def test_the_guide_runs_on_the_real_lesions(run, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    results = [run(*words) for words in commands(real=True)]
    assert [status for status, _, _ in results] == [0, 1, 0, 0], results[-1][2]
    (_, shown, _), _, (_, scores, _), _ = results
    assert "network: Cramer's V with diagnosis is 0.97 (0.93-0.99): it cannot be distinguished from diagnosis" in shown
    assert float(re.search(r"blocks.8 +veil +17 +83 +\S+ +\S+ \S+ +(\S+)", shown)[1]) >= 0.95
    assert all(("weak" in line) == ("dots" in line) for line in scores.splitlines() if line.startswith("blocks.8"))
