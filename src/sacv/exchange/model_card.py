"""The model card of a bank: a README.md for the Hugging Face Hub, written from the content of the bank.

Its only judgement is by the quality thresholds of `sacv.cav.quality_thresholds`. It names no image and no
file of the author's machine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from sacv.cav import CAV, ConceptBank, weaknesses
from sacv.model import runs_code
from sacv.report.display import counted

TAGS = ("sacv", "concept-activation-vectors", "interpretability", "explainable-ai")

HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*/[\w.-]+")
"""USER/NAME, as opposed to the path of a folder."""

LIMITS = (
    "A direction means nothing in another network, or in this one with other weights: `sacv` refuses the bank there.",
    "AUROC measures how well the CAV separates held-out concept images from these random images. It may separate other "
    "images less well.",
    "If a trivial image statistic reaches a high AUROC (the column on the right), the CAV may represent it.",
    "A CAV that finds a concept does not show that the network uses it; contribution maps and scores "
    "measure that (docs/contribution.md of sacv).",
    "The files hold the paths and hashes of the images that the bank was fitted on, the names of their groups if there "
    "are any, and samples of their activations.",
)


def card(bank: ConceptBank, repo_id: str = "USER/NAME") -> str:
    """Write the card of a bank as Markdown, with the YAML header of the Hub.

    Parameters
    ----------
    bank
        The bank.
    repo_id
        Its repository, for the example of use.
    """
    parts = (_head(bank), _what(bank), _use(bank, repo_id), _figures(bank), _weak(bank), _made(bank), _limits())
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part) + "\n"


def _head(bank: ConceptBank) -> Iterator[str]:
    yield "---"
    yield "library_name: sacv"
    base = _base_model(bank)
    if base is not None:
        yield f"base_model: {json.dumps(base)}"
    yield "tags:"
    yield from (f"- {tag}" for tag in TAGS)
    yield "---"


def _base_model(bank: ConceptBank) -> str | None:
    """Return the Hub name of the network that the bank was fitted on, if it has its original weights."""
    zoo, _, name = (_public_spec(bank) or "").partition(":")
    if zoo not in ("hf", "timm") or "@" in name:
        return None
    return name if zoo == "hf" else f"timm/{name}"


def _public_spec(bank: ConceptBank) -> str | None:
    """Return the name that loads the model, unless it contains a path of the author's machine."""
    spec = bank.model["spec"]
    if spec is None or runs_code(spec):
        return None
    zoo, _, name = spec.partition(":")
    name, _, weights = name.partition("@")
    if zoo == "hf" and not HUB_NAME.fullmatch(name):
        return None
    return str(spec) if not set(weights) & set("./\\") else None


def _what(bank: ConceptBank) -> Iterator[str]:
    yield f"# Concepts of {_model(bank)}: {', '.join(bank.concepts)}"
    yield ""
    yield (
        f"{counted(len(bank.cavs), 'concept activation vector')} (CAV) of {counted(len(bank.concepts), 'concept')} at "
        f"{counted(len(bank.layers), 'layer')} of the network, from [sacv](https://arxiv.org/abs/2205.11511). A "
        "CAV is a direction of a layer's activations that points to a concept. It gives maps of where an "
        "image shows the concept, and of how much each location contributes to a class."
    )


def _model(bank: ConceptBank) -> str:
    return _public_spec(bank) or str(bank.model["kind"])


def _use(bank: ConceptBank, repo_id: str) -> Iterator[str]:
    yield "## How to use it"
    yield ""
    yield "```python"
    yield "import sacv"
    yield ""
    spec = _public_spec(bank)
    if spec is None:
        yield f"model = sacv.VisionModel(net)  # net: {bank.model['kind']}, with the weights of the bank's network"
    else:
        yield f"model = sacv.load_model({json.dumps(spec)})"
    yield f"bank = sacv.exchange.pull_bank({json.dumps(repo_id)})"
    yield 'found = sacv.explain(model, ["photo.jpg"], bank, target="predicted")'
    yield "```"


def _figures(bank: ConceptBank) -> Iterator[str]:
    yield "## How good each CAV is"
    yield ""
    yield (
        "All figures are held-out. AUROC is 0.5 at chance and 1 for perfect separation; its 95 % interval over images "
        "is in brackets. The last column is the greatest AUROC of brightness, saturation or edge energy alone."
    )
    yield ""
    yield "| layer | concept | AUROC of locations | AUROC of images | images | random images | trivial statistic |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield from map(_row, bank.cavs)


def _row(cav: CAV) -> str:
    quality = cav.quality
    low, high = quality.auroc_interval
    trivial = max(quality.statistics_auroc.items(), key=lambda pair: pair[1], default=None)
    cells = (
        cav.layer,
        cav.concept,
        f"{quality.auroc:.3f} ({low:.2f} to {high:.2f})",
        f"{quality.image_auroc:.3f}",
        quality.images,
        quality.random_images,
        "" if trivial is None else f"{trivial[0]} {trivial[1]:.2f}",
    )
    return f"| {' | '.join(_cell(str(cell)) for cell in cells)} |"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _weak(bank: ConceptBank) -> Iterator[str]:
    weak = [(cav, found) for cav in bank.cavs if (found := weaknesses(cav))]
    if not weak:
        return
    yield "## Too weak to explain with"
    yield ""
    yield "sacv refuses these unless `allow_weak=True` is given, and flags every result."
    yield ""
    for cav, found in weak:
        yield f"- {_cell(cav.concept)} at {_cell(cav.layer)}: {_cell('; '.join(found))}"


def _made(bank: ConceptBank) -> Iterator[str]:
    yield "## Provenance"
    yield ""
    kind, fingerprint = bank.model["kind"], bank.model["fingerprint"]
    yield f"- Network: {_cell(_model(bank))}, of class `{kind}`, fingerprint `{fingerprint}`."
    yield f"- Solver: `{json.dumps(dict(bank.solver), sort_keys=True)}`, in {bank.folds} folds, seed {bank.seed}."
    for entry in bank.sets:
        if not entry.count:  # each concept has its own random set
            continue
        kind = "Random images" if entry.concept is None else f"Images of {_cell(entry.concept)}"
        yield f"- {kind}: {entry.count}."
    yield f"- Null distribution: {_null(bank)}."
    calibrated = sorted({cav.concept for cav in bank.cavs if cav.calibrated})
    yield f"- Presence mask: {_cell(', '.join(calibrated)) if calibrated else 'for no concept'}."


def _null(bank: ConceptBank) -> str:
    if not bank.nulls:
        return "none, so there are no p-values and no significance masks"
    return f"{bank.nulls} CAVs of random images, and {counted(bank.runs, 'random run')}"


def _limits() -> Iterator[str]:
    yield "## Limits"
    yield ""
    yield from (f"- {limit}" for limit in LIMITS)
