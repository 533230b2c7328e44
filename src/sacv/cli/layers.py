"""`sacv layers`: the layers of a model, or the layers of a bank with advice which to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sacv.cli.console import say, say_json, say_table
from sacv.cli.options import device_option, json_option, model_options, open_bank_model, open_model, parse_shape
from sacv.cli.targets import output_option
from sacv.errors import OptionError

if TYPE_CHECKING:
    import torch

    from sacv.cav import ConceptBank
    from sacv.model import VisionModel
    from sacv.trust import LayerAdvice

COLUMNS = ["", "layer", "kind", "layout", "grid", "channels", "receptive field", "contribution", "warning"]


def _model_may_be_left_out(command: click.Command) -> click.Command:
    """Make --model optional, because a bank may name its model."""
    for option in command.params:
        if option.name == "spec":
            option.required = False
    return command


@_model_may_be_left_out
@click.command("layers")
@model_options
@output_option
@device_option
@click.option(
    "--bank",
    "bank_folder",
    type=click.Path(path_type=Path),
    help="Folder of a bank: rank its layers instead. --model is then needed only if it is your own code.",
)
@click.option(
    "--input",
    "shape",
    metavar="CHANNELSxSIZE",
    help="Shape of an input, such as 3x8x112x112, if it is not an image of the model's own size.",
)
@click.option("--all", "show_all", is_flag=True, help="Show also the layers that cannot be explained, and why.")
@json_option
def layers_command(
    spec: str | None,
    weights: str | None,
    class_names: Path | None,
    resize: str | None,
    crop: int | None,
    layouts: tuple[str, ...],
    output: str | None,
    device: str,
    bank_folder: Path | None,
    shape: str | None,
    show_all: bool,
    as_json: bool,
) -> None:
    """List the layers of a model that can be explained, or rank the layers of a bank."""
    from sacv.cav import ConceptBank
    from sacv.model import gradient_kinds, suggested_layers

    if bank_folder is not None:
        given = {"--weights": weights, "--resize": resize, "--crop": crop, "--layout": layouts, "--all": show_all}
        unused = [option for option, value in given.items() if value]
        if unused:
            raise OptionError(
                f"{', '.join(unused)}: not with --bank, which defines its layers and its preprocessing; leave it out"
            )
        bank = ConceptBank.load(bank_folder)
        _rank(bank, open_bank_model(bank, spec, class_names, device, output=output), bank_folder, shape, as_json)
        return
    if spec is None:
        raise OptionError("give --model SPEC to list the layers of a model, or --bank DIR to rank those of a bank")
    model = open_model(spec, weights, class_names, resize, crop, layouts, device)
    model = model if output is None else replace(model, output=output)
    inputs = _inputs(model, shape)
    found = list(model.survey(inputs).values())
    usable = [info.name for info in found if info.usable]
    fields = model.receptive_fields(inputs.shape[1:], usable)
    varies = gradient_kinds(model, inputs, usable) if usable else {}
    advised_names = suggested_layers(found, varies)
    effective = model.effective_fields(_noise(inputs), sorted(advised_names)) if advised_names else {}
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
            "worth_asking": info.name in advised_names,
            "warning": f"{info.warning}; use {info.nearest}" if info.nearest else info.warning,
        }
        for info in found
        if info.usable or show_all
    ]
    if as_json:
        say_json({"model": model.spec, "layers": rows})
        return
    advised = [f"{name} ({_sides(field)})" for name, field in effective.items()]
    say(f"{len(advised)} of {len(found)} layers are advised (*): {', '.join(advised) or 'none'}.")
    say("In brackets: input pixels that hold 95 % of the gradient's energy, the effective receptive field.\n")
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
                "contribution": row["contribution"],
                "warning": row["warning"],
            }
            for row in rows
        ],
    )
    say(
        "\n* advised: the last block of its grid whose contribution varies over locations and images.\n"
        "Where a grid has no block: the last convolution's output, after its activation function."
    )
    hidden = len(found) - len(usable)
    if hidden and not show_all:
        say(f"{hidden} more cannot be explained; --all lists them with the reason.")


def _rank(bank: ConceptBank, model: VisionModel, folder: Path, shape: str | None, as_json: bool) -> None:
    """Rank the layers of a bank by their held-out figures, and print which to take."""
    from sacv.trust import advise

    inputs = _inputs(model, shape)
    found = advise(model, bank, inputs)
    infos = model.usable(inputs, [one.layer for one in found])
    effective = model.effective_fields(_noise(inputs), list(infos))
    rows: list[dict[str, Any]] = [
        {
            "rank": one.rank,
            "contribution_rank": one.contribution_rank,
            "name": one.layer,
            "grid": list(infos[one.layer].grid),
            "place_auroc": one.location_auroc,
            "auroc": one.auroc,
            "least_auroc": one.least_auroc,
            "run_cosine": one.run_cosine,
            "contribution": one.contribution,
            "effective_field": list(effective[one.layer]),
            "near_best": one.near_best,
            "advised": one.rank == 1,
        }
        for one in found
    ]
    if as_json:
        say_json({"bank": str(folder), "model": model.spec, "concepts": bank.concepts, "layers": rows})
        return
    _show_advice(found)
    regions = found[0].location_auroc is not None
    say_table(
        ["rank", "for contribution", "layer", "grid", "AUROC", *(["region AUROC"] if regions else []), "contribution"],
        [
            {
                "rank": row["rank"],
                "for contribution": row["contribution_rank"],
                "layer": row["name"],
                "grid": _sides(row["grid"]),
                "AUROC": f"{row['auroc']:.3f}",
                "region AUROC": "-" if row["place_auroc"] is None else f"{row['place_auroc']:.3f}",
                "contribution": row["contribution"],
            }
            for row in rows
        ],
    )
    say("\nAUROC: concept against random locations on held-out images, mean over concepts.")
    if regions:
        say("Region AUROC: locations inside the regions against the others of the same held-out image.")
    say("--json has also the least AUROC over concepts, the cosine of random runs, and the effective receptive field.")


def _show_advice(found: Sequence[LayerAdvice]) -> None:
    """Print which layer to take, and why."""
    from sacv.model import VARIES
    from sacv.trust.advice import REGION_TOLERANCE, TOLERANCE

    best = min(found, key=lambda one: one.contribution_rank)
    regions = found[0].location_auroc is not None
    why = (
        f"it is the deepest layer whose region AUROC is within {REGION_TOLERANCE:g} of the best"
        if regions
        else f"it is the deepest layer whose held-out AUROC is within {TOLERANCE:g} of the best"
    )
    say(f"To see where a concept is, take {found[0].layer}: {why}.")
    why = (
        "it is the first of these whose contribution varies"
        if regions
        else "it is the shallowest layer with a varying contribution whose held-out AUROC\n"
        f"is within {TOLERANCE:g} of the best"
    )
    say(f"To see what it contributes, take {best.layer}: {why}.")
    if not regions and best.layer != found[0].layer:
        say(f"On photographs {found[0].layer} is often better for both; compare them.")
    if not regions:
        say("These rules use concept images only; docs/bench.md has their results on photographs.")
    if best.contribution != VARIES:
        say("Warning: the contribution varies at no layer of this bank; fit the bank at other layers, too.")
    if len(found) == 1:
        say("Warning: the bank has one layer, so nothing is compared; fit it with several --layer.")
    say()


def _inputs(model: VisionModel, shape: str | None) -> torch.Tensor:
    """Return an input of the given shape, or of the model's own."""
    import torch

    return model.example() if shape is None else torch.zeros(parse_shape(shape)).to(model.device, model.dtype)


def _noise(inputs: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.rand(inputs.shape, generator=torch.Generator().manual_seed(0)).to(inputs)


def _sides(sides: Sequence[int] | None, none: str = "") -> str:
    return none if sides is None else " x ".join(map(str, sides))
