"""Viewer data made by hand, whose every value is known."""

import io

import numpy as np
from PIL import Image

from sacv.viewer import Blocks


def jpeg(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def grey(size, level=128):
    return Image.new("RGB", size, (level, level, level))


def made(
    *,
    images=3,
    concepts=("striped", "dotted"),
    layers=2,
    targets=("zebra",),
    grid=(4, 6),
    size=(120, 80),
    region=(0.0, 0.0, 1.0, 1.0),
    names=None,
    relevance=None,
    contribution=None,
    present=None,
    inside=None,
    fields=True,
    line="present",
    unit="logits",
    silent=False,
    doubts=(),
    pictures=None,
):
    """Give viewer data: relevance is `(images, concepts, *grid)` at every layer, and so is contribution."""
    rng = np.random.default_rng(0)
    shape = images, len(concepts), *grid
    relevance = rng.normal(size=shape) if relevance is None else relevance
    contribution = rng.normal(size=shape) if contribution is None else contribution
    present = relevance > 0.5 if present is None else present
    blocks = Blocks()
    for number in range(images):
        blocks.add_bytes(f"pictures/{number}/0", jpeg(grey(size)) if pictures is None else pictures[number])
    for layer in range(layers):
        blocks.add_map(f"maps/{layer}/relevance", relevance)
        blocks.add_marks(f"maps/{layer}/relevance_marks", relevance > 1)
        blocks.add_marks(f"maps/{layer}/present", present)
        for target in range(len(targets)):
            blocks.add_map(f"maps/{layer}/contribution/{target}", contribution * (-1) ** target)
            blocks.add_marks(f"maps/{layer}/contribution_marks/{target}", np.abs(contribution) > 1)
        if inside is not None:
            blocks.add_marks(f"maps/{layer}/inside", inside)
    flat = tuple(range(2, 2 + len(grid)))
    share, score = ((present).mean(axis=flat).T, np.where(relevance > 0, contribution, 0).sum(axis=flat).T)
    every = (len(targets), layers, len(concepts), images)
    for name, values in {
        "present": share,
        "relevant": (relevance > 0).mean(axis=flat).T,
        "relevance_max": relevance.max(axis=flat).T,
        "sacv_score": score,
    }.items():
        blocks.add_figures(f"scores/{name}", np.broadcast_to(values, every))
    means = np.stack([score.mean(axis=1), score.mean(axis=1) - 1, score.mean(axis=1) + 1], axis=-1)
    blocks.add_figures("summary", np.broadcast_to(means, (len(targets), layers, len(concepts), 3)))
    lines = [[[max(at - 1, 0) / side, min(at + 2, side) / side] for at in range(side)] for side in grid[-2:]]
    names = [f"folder/{number}.jpg" for number in range(images)] if names is None else names
    return blocks.data(
        {
            "kind": "explanation",
            "title": "made by hand",
            "subject": "Net",
            "count": images,
            "units": [unit] * len(targets),
            "meaning": "what each place gives",
            "concepts": list(concepts),
            "targets": list(targets),
            "values": ["the logit"] * len(targets),
            "images": [
                {
                    "path": name,
                    "size": list(size),
                    "region": list(region),
                    "planes": [],
                    "predicted": "horse",
                    "probability": 0.71,
                    "targets": [[target, 3.2] for target in targets],
                }
                for name in names
            ],
            "layers": [
                {
                    "name": f"layer{number}",
                    "grid": list(grid),
                    "fields": lines if fields else None,
                    "field": "9 x 9 px of the network's input" if fields else "not known for this layer",
                    "silent": [silent] * len(targets),
                    "notes": [["Beware of the layer."]] * len(targets),
                }
                for number in range(layers)
            ],
            "cards": [
                [
                    {
                        "auroc": 0.91,
                        "interval": [0.85, 0.97],
                        "figures": [["AUROC, locations", "0.910"]],
                        "line": line,
                        "weak": False,
                        "notes": [],
                    }
                    for _ in concepts
                ]
                for _ in range(layers)
            ],
            "sentences": {
                "well": ["It is well.", False],
                **{f"doubt {at}": [text, True] for at, text in enumerate(doubts)},
            },
            "checks": [
                [
                    [
                        [[*([f"doubt {at}", f"exactly {at}.5"] for at in range(len(doubts))), ["well", "at 0.75"]]]
                        * len(names)
                        for _ in concepts
                    ]
                    for _ in range(layers)
                ]
                for _ in targets
            ],
            "warnings": ["Left out: one.txt is no image"],
            "facts": [["model", "demo"], ["seed", "0"]],
        }
    )


def one_cell(row, column, *, grid=(4, 6), images=3, concepts=2):
    """Relevance that is above 0 in one cell alone, strongly."""
    values = np.full((images, concepts, *grid), -1.0)
    values[:, :, row, column] = 1.0
    return values
