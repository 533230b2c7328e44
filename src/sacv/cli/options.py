"""Options that several commands share, and their parsers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.cav import ConceptBank
    from sacv.concepts import Region
    from sacv.model import VisionModel, Window

Decorator = Callable[[Any], Any]

OF_URL = re.compile(r"\w[\w+.-]*://[^/:]*(?::\d+(?=/))?|::")
"""Matches the colons of a URL."""


def together(*options: Decorator) -> Decorator:
    """Return a decorator that adds options in their order."""
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


device_option = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where the network runs.",
)
batch_size_option = click.option(
    "--batch-size", type=click.IntRange(min=1), help="Images in a forward pass. [default: 8 on a CPU, else 32]"
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of all random numbers."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print results as JSON.")
skip_option = click.option(
    "--skip-unreadable",
    is_flag=True,
    help="Skip and list files that cannot be read, instead of stopping.",
)
window_option = click.option(
    "--window",
    metavar="LOW:HIGH",
    help="Values of deep images and volumes (DICOM, 16 bits, NIfTI) that are shown as black and white, in the file's "
    "unit. [default: as in the bank, or else as defined in each file]",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    help="Precision of the network: the precision of its parameters, or bfloat16, which is faster on a GPU and less "
    "accurate. [default: as in the bank, or else float32]",
)
group_option = click.option(
    "--group",
    metavar="REGEX|COLUMN",
    help="Groups of images that are not independent, such as those of one patient: a column of --table or, without a "
    "table, a regular expression on file names; its first parentheses, or else the whole match, are the group. Folds, "
    "intervals and calibration are then over groups.",
)
within_option = click.option(
    "--within",
    type=click.Path(),
    metavar="MASKS",
    help="Use only locations inside a mask of each image: a folder of mask images with the same file names, one mask "
    "image for all images, or a COCO file.json; file.json:CATEGORY takes one category.",
)
weak_option = click.option(
    "--allow-weak",
    is_flag=True,
    help="Use weak CAVs, below the quality thresholds, too; every output then names them as weak.",
)
class_names_option = click.option(
    "--class-names",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Names of the classes in the order of the logits: a JSON list, or a text file with one name per line.",
)


model_options = together(
    click.option(
        "--model",
        "spec",
        required=True,
        help="torchvision:NAME, timm:NAME, hf:ORG/NAME, demo, path/to/file.py:function or "
        "package.module:function. The function is executed.",
    ),
    click.option(
        "--weights",
        help="A file of weights (safetensors, or written by torch.save); for models of a zoo also 'random', or the "
        "name of torchvision weights.",
    ),
    class_names_option,
    click.option(
        "--resize",
        help="Size that images are resized to: HEIGHTxWIDTH, or one number for the shorter side (then give --crop). "
        "[default: the model's own, or 224x224]",
    ),
    click.option("--crop", type=click.IntRange(min=1), help="Side of the square that is cropped from the centre."),
    click.option(
        "--layout",
        "layouts",
        multiple=True,
        metavar="LAYER=LAYOUT",
        help="Layout of a layer's activations, if it is not recognised: NCHW, NHWC, NCDHW, NDHWC, NCL, NLC or "
        "'tokens 14x14+1' (a grid, and the number of tokens before it). May be repeated.",
    ),
)
"""The options for a model and its preprocessing."""


def open_model(
    spec: str,
    weights: str | None,
    class_names: Path | None,
    resize: str | None,
    crop: int | None,
    layouts: Sequence[str],
    device: str,
    window: str | None = None,
    precision: str | None = None,
) -> VisionModel:
    """Load the model that the options name."""
    from sacv.model import ImageTransform, load_model

    given = _parse_layouts(layouts)
    model = load_model(spec, weights=weights, class_names=class_names, layouts=given or None, precision=precision)
    if resize is not None or crop is not None:
        base = model.transform if isinstance(model.transform, ImageTransform) else ImageTransform()
        size = base.resize if resize is None else parse_size(resize)
        model = replace(model, transform=replace(base, resize=size, crop=crop))
    if window is not None:
        model = replace(model, window=parse_window(window))
    return to_device(model, device)


def open_bank_model(
    bank: ConceptBank,
    spec: str | None,
    class_names: Path | None,
    device: str,
    window: str | None = None,
    output: str | None = None,
    precision: str | None = None,
) -> VisionModel:
    """Load the model of a bank, with its transform and class names, and its window and precision if none is given.

    `output` names the field of the network's output to explain, instead of the model's own.
    """
    from sacv.model import ImageTransform, load_model, runs_code

    recorded = bank.model["spec"]
    if spec is None:
        if recorded is None or runs_code(recorded):
            named = "a model without a name" if recorded is None else repr(recorded)
            raise OptionError(
                f"the bank was fitted on {named}; sacv does not run code named by a bank: name the model with --model"
            )
        spec = str(recorded)
    model = load_model(spec, class_names=class_names, precision=precision or bank.precision)
    if model.class_names is None and bank.model["class_names"] is not None:
        model = replace(model, class_names=bank.model["class_names"])
    if bank.transform is not None and isinstance(model.transform, ImageTransform):
        model = replace(model, transform=bank.transform)
    if bank.model.get("layouts"):
        model = replace(model, layouts=bank.model["layouts"])
    model = replace(model, window=bank.window if window is None else parse_window(window))
    model = replace(model, output=model.output if output is None else output)
    return to_device(model, device)


def to_device(model: VisionModel, device: str) -> VisionModel:
    """Move the network to a device."""
    import torch

    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if present[name])
    if not present[device]:
        available = ", ".join(name for name, found in present.items() if found)
        raise OptionError(f"--device {device}: not available here; give one of {available}")
    model.net.to(device)
    return model


def parse_shape(text: str) -> tuple[int, ...]:
    """Parse `CHANNELSxSIZE`, such as 3x8x112x112, as the shape of one input."""
    parts = text.lower().split("x")
    if len(parts) < 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise OptionError(f"--input {text}: give the channels and each side, such as 3x224x224 or 3x8x112x112")
    return (1, *map(int, parts))


def parse_size(text: str) -> tuple[int, int] | int:
    """Parse `HEIGHTxWIDTH` or one number."""
    parts = text.lower().split("x")
    if not all(part.isdecimal() for part in parts) or len(parts) > 2:
        raise OptionError(f"--resize {text}: give HEIGHTxWIDTH, such as 224x224, or one number")
    return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


def parse_window(text: str) -> Window:
    """Parse `LOW:HIGH`, such as -160:240."""
    from sacv.model import Window

    try:
        low, high = map(float, text.split(":"))
    except ValueError as error:
        raise OptionError(f"--window {text}: give LOW:HIGH, such as -160:240") from error
    return Window(low, high)


def _parse_layouts(texts: Sequence[str]) -> dict[str, str]:
    """Parse `LAYER=LAYOUT`."""
    found = {}
    for text in texts:
        layer, equals, layout = text.partition("=")
        if not (equals and layer and layout):
            raise OptionError(f"--layout {text}: give LAYER=LAYOUT, such as encoder.3='tokens 14x14+1'")
        found[layer] = layout
    return found


def parse_concepts(texts: Sequence[str]) -> dict[str, list[str]]:
    """Parse `NAME=DIR`; a repeated name adds a folder to the concept. DIR may be a URL."""
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not (equals and name.strip() and folder):
            raise OptionError(f"--concept {text}: give NAME=DIR, such as striped=images/striped")
        found.setdefault(name.strip(), []).append(folder)
    return found


def parse_regions(texts: Sequence[str], unmasked_negative: bool = False) -> dict[str, Region]:
    """Parse `NAME=IMAGES:MASKS`; either path may contain a colon, and IMAGES may be a URL.

    The text is split at the first colon whose left part is an existing path, else at the first colon that is not part
    of a URL (`://`, `host:80/`, or `::` of a chain). So `NAME=photos:file.json:CATEGORY` retains its category.
    """
    from sacv.concepts import Region

    found: dict[str, Region] = {}
    for text in texts:
        name, equals, paths = text.partition("=")
        taken = {end for url in OF_URL.finditer(paths) for end in range(*url.span())} | {0, len(paths) - 1}
        ends = [end for end, letter in enumerate(paths) if letter == ":" and end not in taken]
        if not (equals and name.strip() and ends):
            raise OptionError(f"--region {text}: give NAME=IMAGES:MASKS, such as striped=photos:masks")
        if name.strip() in found:
            raise OptionError(
                f"--region {text}: {name.strip()!r} is given twice; put its images in one folder and its masks in "
                "another, or use different names"
            )
        end = next((end for end in ends if Path(paths[:end]).exists()), ends[0])
        found[name.strip()] = Region(paths[:end], paths[end + 1 :], unmasked_negative)
    return found
