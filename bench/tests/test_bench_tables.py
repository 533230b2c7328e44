"""The page of the bench's tables holds every figure of the folder that it is written from."""

import importlib.util
from pathlib import Path

import pandas as pd
from click.testing import CliRunner

from sacv_bench.report import write_report
from sacv_bench.tables import COLUMNS, Table

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_bench_tables.py"
SETTINGS = {"split": "held-out", "network": "residual", "seed": 0, "sacv": "0.1.0"}


def script():
    spec = importlib.util.spec_from_file_location("write_bench_tables", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_figure_is_on_the_page(tmp_path):
    rows = [
        ("all areas from 2 %", "SACV, defaults", "AUROC", 0.964, 0.95, 0.97, 0.5, 40),
        ("a | b", "TCAV, pooled", "AUROC", 0.898, float("nan"), float("nan"), 0.5, 40),
    ]
    table = Table("T2", "Is it found?", "Objects of each size.", pd.DataFrame(rows, columns=COLUMNS))
    write_report(tmp_path / "bench", [table], SETTINGS)
    done = CliRunner().invoke(script().main, [str(tmp_path / "bench"), "--out", str(tmp_path / "page.md")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "page.md").read_text()
    assert "| all areas from 2 % | SACV, defaults | 0.964 [0.95, 0.97] |" in text
    assert "| a \\| b | TCAV, pooled | 0.898 |" in text
    assert "## T2: Is it found?\n\nObjects of each size.\n" in text and "## Targets" in text
    widths = {line.replace("\\|", "").count("|") for line in text.split("## T2")[1].splitlines() if line[:1] == "|"}
    assert widths == {4}
