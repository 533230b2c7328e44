"""`sacv layers`: what one can ask a model about."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from sacv.cli.console import say, say_json, say_table
from sacv.cli.options import device_option, json_option, model_options, open_model
from sacv.model import survey


@click.command("layers")
@model_options
@device_option
@click.option("--all", "show_all", is_flag=True, help="Show also the layers that cannot be asked about, and why.")
@json_option
def layers_command(
    spec: str,
    class_names: Path | None,
    resize: str | None,
    crop: int | None,
    device: str,
    show_all: bool,
    as_json: bool,
) -> None:
    """List the layers of a model that one can ask about."""
    model = open_model(spec, class_names, resize, crop, device)
    found = survey(model, model.example())
    fields = model.receptive_fields(model.example().shape[1:], [info.name for info in found if info.usable])
    rows = [
        asdict(info) | {"receptive_field": None if (field := fields.get(info.name)) is None else list(field.size)}
        for info in found
        if info.usable or show_all
    ]
    if as_json:
        say_json({"model": spec, "layers": rows})
        return
    say_table(
        ["layer", "kind", "layout", "grid", "channels", "receptive field", "warning"][: 7 if show_all else 6],
        [
            {
                "layer": row["name"],
                "kind": row["kind"],
                "layout": row["layout"],
                "grid": " x ".join(map(str, row["grid"])),
                "channels": row["channels"] or "",
                "receptive field": _field(row["receptive_field"]) if row["grid"] else "",
                "warning": row["warning"],
            }
            for row in rows
        ],
    )
    hidden = sum(not info.usable for info in found)
    if hidden and not show_all:
        say(f"\n{hidden} more cannot be asked about; --all lists them with the reason.")


def _field(size: list[int] | None) -> str:
    return "not known" if size is None else f"{size[0]} x {size[1]} px"
