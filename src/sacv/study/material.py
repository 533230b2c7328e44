"""`Material`: the inputs that a study file names: model, table, concepts, classes and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sacv.cli.options import open_model
from sacv.cli.solvers import parse_solver
from sacv.cli.table import open_table, parse_columns
from sacv.cli.targets import parse_targets
from sacv.concepts import ImageItem, ImageSet, Region, Table
from sacv.errors import OptionError, SacvError
from sacv.model import VisionModel
from sacv.solvers import DEFAULT, Solver
from sacv.study.file import Study
from sacv.targets import Given

ALL = "all images"
"""Name of the one class, if the file names no column of classes."""


@dataclass(frozen=True, eq=False)
class Material:
    """The inputs of a study."""

    study: Study
    model: VisionModel
    """The model, with the field of its output that is explained."""
    table: Table
    """Its rows, as images with groups and strata."""
    concept_images: Mapping[str, Any]
    """Images of each concept that is given without masks."""
    regions: Mapping[str, Region]
    """Annotated images of the other concepts."""
    random: Sequence[str]
    """Random images; empty for the table's other rows."""
    within: str | None
    """The masks that limit which locations count; None for all locations."""
    solver: Solver
    """The method that estimates the CAVs."""
    targets: Sequence[Given]
    """What is explained."""
    target_names: tuple[str, ...]
    """Each in words."""
    classes: Mapping[str, ImageSet]
    """The images of each class."""
    unclassed: int
    """How many images have no class."""

    @property
    def concepts(self) -> list[str]:
        """Names of the concepts, in the order of the file."""
        return list(self.study.concepts)


def gather_material(study: Study, device: str) -> Material:
    """Load the model and read the table.

    Raises the errors of the single commands, if a value is missing or not legal; the message names the file.
    """
    try:
        return _material(study, device)
    except SacvError as error:
        raise type(error)(f"{study.path}: {error}") from error


def _material(study: Study, device: str) -> Material:
    spec = study.fit.get("solver")
    solver = DEFAULT if spec is None else parse_solver(spec)
    targets = parse_targets(study.targets, study.against)
    columns = [f"{name}={given.column}" for name, given in study.concepts.items() if given.column is not None]
    parse_columns(columns)  # before a network is loaded
    model = _model(study, device)
    table = open_table(
        Path(study.placed(study.table)),
        Path(study.placed(study.images)),
        key=study.key,
        rows=study.rows,
        columns=columns,
        group=study.group,
        strata=_strata(study),
        skip_unreadable=study.skip_unreadable,
        window=model.window,
    )
    folders = {
        name: [study.placed(path) for path in given.images]
        for name, given in study.concepts.items()
        if given.images and given.masks is None
    }
    concept_images = {
        name: table.concepts[name] if name in table.concepts else folders.get(name) for name in study.concepts
    }
    classes, unclassed = _classes(study, table)
    return Material(
        study=study,
        model=model,
        table=table,
        concept_images={name: given for name, given in concept_images.items() if given is not None},
        regions={
            name: Region(study.placed(given.images[0]), study.placed(given.masks))
            for name, given in study.concepts.items()
            if given.masks is not None
        },
        random=[study.placed(path) for path in study.random],
        within=None if study.within is None else study.placed(study.within),
        solver=solver,
        targets=targets,
        target_names=tuple(
            name if study.against is None else f"{name} rather than {study.against}" for name in study.targets
        ),
        classes=classes,
        unclassed=unclassed,
    )


def _model(study: Study, device: str) -> VisionModel:
    options = study.model
    names = options.get("class_names")
    weights = options.get("weights")
    if weights is not None and Path(study.placed(weights)).exists():  # else the name of a zoo's
        weights = study.placed(weights)
    model = open_model(
        _spec(study),
        weights,
        None if names is None else Path(study.placed(names)),
        None if "resize" not in options else str(options["resize"]),
        options.get("crop"),
        [f"{layer}={layout}" for layer, layout in options.get("layouts", {}).items()],
        device,
        options.get("window"),
    )
    return replace(model, output=options["output"]) if "output" in options else model


def _spec(study: Study) -> str:
    """Return the model's name, with the path of a file of code relative to the working directory."""
    spec = str(study.model["spec"])
    file, colon, function = spec.rpartition(":")
    return f"{study.placed(file)}:{function}" if colon and file.endswith(".py") else spec


def _strata(study: Study) -> list[str]:
    """Return the columns that concepts may be confounded with, including the column of the classes."""
    return list(dict.fromkeys([*study.strata, *([] if study.classes is None else [study.classes])]))


def _classes(study: Study, table: Table) -> tuple[dict[str, ImageSet], int]:
    if study.classes is None:
        return {ALL: table.images}, 0
    found: dict[str, list[ImageItem]] = {}
    for item in table.images:
        found.setdefault(item.strata[study.classes], []).append(item)
    unclassed = len(found.pop("", []))
    known = ", ".join(sorted(found)) or "no value"
    for number, value in enumerate(study.values):
        if value not in found:
            raise OptionError(
                f"questions.values: no row has {value!r} in the column {study.classes!r}; it holds {known}"
            )
        if value in study.values[:number]:
            raise OptionError(f"questions.values: {value!r} is given twice; give it once")
    if not found:
        raise OptionError(f"questions.classes: no row has a value in the column {study.classes!r}; name another")
    return {name: ImageSet(name, tuple(found[name])) for name in study.values or sorted(found)}, unclassed
