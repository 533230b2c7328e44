"""`sacv layers`: what one can ask a model about, and which layer of a bank to ask first."""

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

COLUMNS = ["", "layer", "kind", "layout", "grid", "channels", "receptive field", "effective", "contribution", "warning"]

BANK_COLUMNS = [
    "rank",
    "for contribution",
    "layer",
    "grid",
    "marks",
    "AUROC",
    "least",
    "run cosine",
    "contribution",
    "effective",
]


def _model_may_be_left_out(command: click.Command) -> click.Command:
    """Let the command decide whether it needs --model, since a bank may name its own."""
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
    help="Folder of a bank: rank its layers instead. --model is then needed only where it is the user's own code.",
)
@click.option(
    "--input",
    "shape",
    metavar="CHANNELSxSIZE",
    help="Shape of an input, such as 3x8x112x112, where it is no picture of the model's own size.",
)
@click.option("--all", "show_all", is_flag=True, help="Show also the layers that cannot be asked about, and why.")
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
    """List the layers of a model that one can ask about, or rank those of a bank by which to ask first."""
    from sacv.cav import ConceptBank
    from sacv.model import contributing, worth_asking

    if bank_folder is not None:
        given = {"--weights": weights, "--resize": resize, "--crop": crop, "--layout": layouts, "--all": show_all}
        unused = [option for option, value in given.items() if value]
        if unused:
            raise OptionError(
                f"{', '.join(unused)}: not with --bank, which says itself which layers it has and how its pictures "
                "become inputs; leave it out"
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
    varies = contributing(model, inputs, usable) if usable else {}
    marked = worth_asking(found, varies)
    effective = model.effective_fields(_noise(inputs), sorted(marked)) if marked else {}
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
    say(
        "\n* worth asking about: the last block of its grid whose contribution varies over places and images; where "
        "there is no block, the last\nconvolution's output, after its activation."
    )
    say("Fields are in pixels of the network's input; the effective one holds 95 % of the gradient's energy.")
    hidden = len(found) - len(usable)
    if hidden and not show_all:
        say(f"{hidden} more cannot be asked about; --all lists them with the reason.")


def _rank(bank: ConceptBank, model: VisionModel, folder: Path, shape: str | None, as_json: bool) -> None:
    """Rank the layers of a bank by held-out quality, and say which is advised."""
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
            "place_auroc": one.place_auroc,
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
    say_table(
        BANK_COLUMNS,
        [
            {
                "rank": row["rank"],
                "for contribution": row["contribution_rank"],
                "layer": row["name"],
                "grid": _sides(row["grid"]),
                "marks": "-" if row["place_auroc"] is None else f"{row['place_auroc']:.3f}",
                "AUROC": f"{row['auroc']:.3f}",
                "least": f"{row['least_auroc']:.3f}",
                "run cosine": "-" if row["run_cosine"] is None else f"{row['run_cosine']:.3f}",
                "contribution": row["contribution"],
                "effective": _sides(row["effective_field"]),
            }
            for row in rows
        ],
    )
    _say_advice(found)


def _say_advice(found: Sequence[LayerAdvice]) -> None:
    from sacv.model import VARIES
    from sacv.trust.advice import PLACE_TOLERANCE, TOLERANCE

    best = min(found, key=lambda one: one.contribution_rank)
    marked = found[0].place_auroc is not None
    why = (
        f"it is the deepest that finds the marks on held-out photos within {PLACE_TOLERANCE:g} of the best"
        if marked
        else f"it is the deepest whose held-out AUROC is within {TOLERANCE:g} of the best"
    )
    say(f"\nTo see where a concept is, take {found[0].layer}: {why}.")
    say(
        f"To see what it contributes, take {best.layer}: "
        + (
            "it is the first of these where a contribution varies."
            if marked
            else f"it is the shallowest whose held-out AUROC is within {TOLERANCE:g} of the best of the layers\nwhere "
            "a contribution varies. On photographs the layer for place often does better; look at both."
        )
    )
    if not marked:
        say("No picture is used beside the concept images; docs/bench.md says how well these rules do on photographs.")
    say(
        "Marks: marked locations over the photo's others, an AUROC on held-out photos. AUROC: concept against random "
        "on held-out\nlocations, the mean and the least over concepts. Effective: pixels of the input that hold 95 % "
        "of the gradient's energy."
    )
    if best.contribution != VARIES:
        say("At no layer of this bank can a contribution vary over places and images; fit it at others, too.")
    if len(found) == 1:
        say("The bank has one layer, so that nothing was compared; fit it with more of --layer.")


def _inputs(model: VisionModel, shape: str | None) -> torch.Tensor:
    """Give an input of the shape asked for, or of the model's own."""
    import torch

    return model.example() if shape is None else torch.zeros(parse_shape(shape)).to(model.device, model.dtype)


def _noise(inputs: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.rand(inputs.shape, generator=torch.Generator().manual_seed(0)).to(inputs)


def _sides(sides: Sequence[int] | None, none: str = "") -> str:
    return none if sides is None else " x ".join(map(str, sides))
