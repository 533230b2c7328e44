"""`sacv layers`: what one can ask a model about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import torch

from sacv.cli.console import say, say_json, say_table
from sacv.cli.options import device_option, json_option, model_options, open_model, parse_shape
from sacv.model import VARIES, LayerInfo, contributing

COLUMNS = ["", "layer", "kind", "layout", "grid", "channels", "receptive field", "effective", "contribution", "warning"]

LEAST_SIDE = 5
"""Places along an axis below which a layer is not marked."""


@click.command("layers")
@model_options
@device_option
@click.option(
    "--input",
    "shape",
    metavar="CHANNELSxSIZE",
    help="Shape of an input, such as 3x8x112x112, where it is no picture of the model's own size.",
)
@click.option("--all", "show_all", is_flag=True, help="Show also the layers that cannot be asked about, and why.")
@json_option
def layers_command(
    spec: str,
    weights: str | None,
    class_names: Path | None,
    resize: str | None,
    crop: int | None,
    layouts: tuple[str, ...],
    device: str,
    shape: str | None,
    show_all: bool,
    as_json: bool,
) -> None:
    """List the layers of a model that one can ask about."""
    model = open_model(spec, weights, class_names, resize, crop, layouts, device)
    inputs = model.example() if shape is None else torch.zeros(parse_shape(shape)).to(model.device, model.dtype)
    found = list(model.survey(inputs).values())
    usable = [info.name for info in found if info.usable]
    fields = model.receptive_fields(inputs.shape[1:], usable)
    varies = contributing(model, inputs, usable) if usable else {}
    marked = worth_asking(found, varies)
    noise = torch.rand(inputs.shape, generator=torch.Generator().manual_seed(0)).to(inputs)
    effective = model.effective_fields(noise, sorted(marked)) if marked else {}
    rows: list[dict[str, Any]] = [
        {
            "name": info.name,
            "kind": info.kind,
            "layout": "" if info.layout is None else info.layout.name,
            "grid": list(info.grid),
            "channels": info.channels,
            "receptive_field": None if (field := fields.get(info.name)) is None else list(field.size),
            "effective_field": list(effective[info.name]) if info.name in effective else None,
            "contribution": varies.get(info.name, ""),
            "worth_asking": info.name in marked,
            "warning": f"{info.warning}; ask about {info.nearest}" if info.nearest else info.warning,
        }
        for info in found
        if info.usable or show_all
    ]
    if as_json:
        say_json({"model": model.spec, "layers": rows})
        return
    say_table(
        COLUMNS if show_all else COLUMNS[:-1],
        [
            {
                "": "*" if row["worth_asking"] else "",
                "layer": row["name"],
                "kind": row["kind"],
                "layout": row["layout"],
                "grid": _sides(row["grid"]),
                "channels": row["channels"] or "",
                "receptive field": _sides(row["receptive_field"], "not known") if row["contribution"] else "",
                "effective": _sides(row["effective_field"]),
                "contribution": row["contribution"],
                "warning": row["warning"],
            }
            for row in rows
        ],
    )
    say("\n* worth asking about: the last block of its grid whose contribution varies over places and images.")
    say("Fields are in pixels of the network's input; the effective one holds 95 % of the gradient's energy.")
    hidden = len(found) - len(usable)
    if hidden and not show_all:
        say(f"{hidden} more cannot be asked about; --all lists them with the reason.")


def worth_asking(found: Sequence[LayerInfo], varies: Mapping[str, str]) -> set[str]:
    """Choose for each grid the last block whose contribution varies, or the last layer, where no block's does.

    What begins a block that goes on to another grid, and is all of this grid in it, is no block of this one. A grid
    with too few places is passed over.
    """
    fit = [info for info in found if varies.get(info.name) == VARIES and min(info.grid) >= LEAST_SIDE]
    grids = {info.name: info.grid for info in found}
    chosen = set()
    for grid in {info.grid for info in fit}:
        names = [info.name for info in fit if info.grid == grid]
        blocks = [info.name for info in fit if info.grid == grid and not info.leaf] or names
        own = [name for name in blocks if not _begins_another(name, blocks, grids)] or blocks
        chosen.add(own[-1])
    return chosen


def _begins_another(name: str, blocks: Sequence[str], grids: Mapping[str, tuple[int, ...]]) -> bool:
    parts = name.split(".")
    for end in range(1, len(parts)):
        holder = ".".join(parts[:end])
        others = [
            block for block in blocks if block.startswith(f"{holder}.") and not f"{block}.".startswith(f"{name}.")
        ]
        if grids.get(holder) not in (None, (), grids[name]) and not others:
            return True
    return False


def _sides(sides: Sequence[int] | None, none: str = "") -> str:
    return none if sides is None else " x ".join(map(str, sides))
