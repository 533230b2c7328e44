"""The report: tables on the terminal, in Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from speed.rows import Row

HEADS = ("on", "what", "figure", "had to be", "met", "rounds", "note")


def cells(row: Row) -> tuple[str, ...]:
    """Give what a row shows, in the order of the heads."""
    target = "" if row.target is None else str(row.target)
    return (
        row.case,
        row.what,
        row.figure,
        target,
        row.verdict,
        str(row.rounds) if row.value is not None else "",
        row.note,
    )


def show(title: str, rows: Iterable[Row], console: Console) -> None:
    """Print the table of one experiment."""
    table = Table(title=title, title_justify="left")
    for head in HEADS:
        table.add_column(head, justify="right" if head in ("figure", "rounds") else "left", overflow="fold")
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)


def as_json(rows: Iterable[Row], environment: Mapping[str, str], command: str) -> str:
    """Give everything as JSON."""
    entries = [
        {
            "experiment": row.experiment,
            "on": row.case,
            "what": row.what,
            "value": row.value,
            "unit": row.unit,
            "had_to_be": None if row.target is None else str(row.target),
            "met": None if not row.verdict else row.verdict == "yes",
            "rounds": row.rounds,
            "note": row.note,
        }
        for row in rows
    ]
    return json.dumps({"command": command, "environment": dict(environment), "rows": entries}, indent=1) + "\n"


def as_markdown(tables: Mapping[str, Sequence[Row]], environment: Mapping[str, str], command: str) -> str:
    """Give everything as Markdown; `tables` holds the rows of each experiment by its title."""
    judged = [row for rows in tables.values() for row in rows if row.verdict]
    lines = ["# What sacv costs", "", f"`{command}`; medians over the rounds.", ""]
    lines += [f"- {name}: {value}" for name, value in environment.items()]
    lines += ["", f"{sum(row.verdict == 'yes' for row in judged)} of {len(judged)} targets are met.", ""]
    for title, rows in tables.items():
        lines += [f"## {title}", "", _line(HEADS), _line(["---"] * len(HEADS))]
        lines += [_line(cells(row)) for row in rows]
        lines.append("")
    return "\n".join(lines)


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"


def write(folder: Path, tables: Mapping[str, Sequence[Row]], environment: Mapping[str, str], command: str) -> None:
    """Write `speed.md` and `speed.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.md").write_text(as_markdown(tables, environment, command))
    (folder / "speed.json").write_text(as_json([row for rows in tables.values() for row in rows], environment, command))
