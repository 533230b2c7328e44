"""`sacv bench` as a user runs it, with experiments that cost nothing."""

import json
import sys
from dataclasses import dataclass
from types import ModuleType

import pandas as pd
import pytest

from sacv.cli import main
from sacv_bench.localisation import OURS
from sacv_bench.sizes import FULL, QUICK
from sacv_bench.tables import row, table_of


@dataclass(frozen=True)
class Split:
    name: str
    network: str


def tables(names):
    rows = {
        "T2": [
            row(condition, rival, metric, value, 4, (value - 0.01, value + 0.01), 0.5)
            for rival, value in (("edge strength", 0.6), (OURS, 0.97))
            for condition in ("all areas from 2 %", "on noise")
            for metric in ("AUROC", "pointing")
        ],
        "T5": [
            row("50 images", OURS, "cosine between runs", 0.7, 4),
            row("50 images", "TCAV", "mass", float("nan"), 4),
        ],
    }
    return [table_of(name, f"What of {name}?", "So.", rows[name]) for name in names if name in rows]


@pytest.fixture
def runs(monkeypatch):
    """Stand in for the experiments; give the list of what they were asked."""
    asked = []

    def run(names, split, effort, seed, progress):
        asked.append((list(names), split, effort, seed))
        for name in names:
            progress(name)
        return tables(names)

    fake = ModuleType("sacv_bench.run")
    fake.EXPERIMENTS = {"T2": "place", "T5": "stability"}
    fake.SPLITS = {"held-out": Split("held-out", "residual"), "lesions": Split("lesions", "plain")}
    fake.run = run
    monkeypatch.setitem(sys.modules, "sacv_bench.run", fake)
    return asked


@pytest.fixture
def bench(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["bench", *arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


def test_all_tables_are_printed_and_kept(bench, runs, tmp_path):
    status, out, err = bench()
    assert (status, err) == (0, "")
    assert runs == [(["T2", "T5"], "held-out", FULL, 0)]
    assert "T2: What of T2?" in out and "T5: What of T5?" in out
    lines = [line.split() for line in out.splitlines()]
    # Grouped by condition, though the rows come rival by rival; the condition stands once, and a star marks ours.
    begin = next(place for place, words in enumerate(lines) if words[:2] == ["condition", "rival"])
    assert lines[begin][2:] == ["AUROC", "pointing"]
    assert [" ".join(words) for words in lines[begin + 1 : begin + 5]] == [
        "all areas from 2 % edge strength 0.600 [0.59, 0.61] 0.600 [0.59, 0.61]",
        "* SACV, defaults 0.970 [0.96, 0.98] 0.970 [0.96, 0.98]",
        "on noise edge strength 0.600 [0.59, 0.61] 0.600 [0.59, 0.61]",
        "* SACV, defaults 0.970 [0.96, 0.98] 0.970 [0.96, 0.98]",
    ]
    targets = {words[0] + " " + words[1]: " ".join(words) for words in lines if words and words[0] in ("met", "falls")}
    assert "at least 0.95 0.970 all areas from 2 %" in targets["met T2"]
    assert any("T5 cosine between runs" in line and "0.700" in line for line in map(" ".join, lines))
    assert "1 of 4 targets are met" in out
    report = tmp_path / "sacv-bench"
    assert out.rstrip().splitlines()[-1].startswith("The report is sacv-bench/index.html")
    assert (report / "index.html").exists() and len(pd.read_parquet(report / "T2.parquet")) == 8
    settings = json.loads((report / "bench.json").read_text())["settings"]
    assert settings["network"] == "residual" and settings["effort"]["seeds"] == FULL.seeds and not settings["quick"]


def test_choices(bench, runs, tmp_path):
    status, out, err = bench("t5", "T5", "--quick", "--split", "lesions", "--out", "there", "--seed", "7")
    assert (status, err) == (0, "") and runs == [(["T5"], "lesions", QUICK, 7)]
    assert "T2" not in out and "falls short" in out and "yardstick" in out and "none" in out
    assert (tmp_path / "there" / "index.html").exists() and not (tmp_path / "sacv-bench").exists()


def test_json(bench):
    status, out, err = bench("T5", "--json")
    found = json.loads(out)
    assert (status, err) == (0, "") and found["out"] == "sacv-bench" and found["settings"]["split"] == "held-out"
    assert found["rows"]["T5"][0]["value"] == 0.7 and found["rows"]["T5"][1]["value"] is None
    assert found["targets"][0]["met"] is False and found["targets"][0]["value"] == 0.7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["T9"], "there is no table 'T9'; give one of T2, T5"),
        (["T2", "place"], "there is no table 'place'; give one of T2, T5"),
        (["--split", "test"], "there is no split 'test'; give one of held-out, lesions"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_errors_are_one_line_and_nothing_is_run(bench, runs, arguments, words):
    status, out, err = bench(*arguments)
    assert status == 2 and out == "" and runs == []
    assert err.startswith("sacv: error: ") and err.count("\n") == 1 and words in err


def test_a_folder_of_something_else_stays(bench, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    status, _, err = bench("--out", "mine")
    assert status == 2 and "will not be overwritten" in err and err.count("\n") == 1


@pytest.mark.parametrize(("width", "intervals"), [(70, False), (90, True)])
def test_a_narrow_terminal_gets_no_intervals(bench, monkeypatch, width, intervals):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = bench("T2")
    lines = [line for line in out.splitlines() if "SACV, defaults" in line]
    assert len(lines) == 2 and all(("[0.96, 0.98]" in line) is intervals and "0.970" in line for line in lines)


def test_help_names_it(bench, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "bench" in capsys.readouterr().out
    status, out, _ = bench("--help")
    assert status == 0 and "--quick" in out and "lesions" in out
