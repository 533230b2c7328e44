"""`Explanation`: the maps of a batch of images, with what they were made from.

An explanation is saved as a folder:

`explanation.json`
    Images, concepts, layers, target, logits, scores, settings, notes, `format_version`.
`maps.safetensors`
    `LAYER/relevance` and `LAYER/contribution`: float32 `(images, concepts, *grid)`, in the order of the JSON.
`index.html`
    A page with everything inline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.concepts import ImageSet
from sacv.errors import LayerError, OptionError
from sacv.files import write_arrays, write_folder, write_json
from sacv.maps.page import draw
from sacv.model import Box, VisionModel

FORMAT_VERSION = 1
KIND = "explanation"
MARKER = "explanation.json"

Map = NDArray[np.float32]


@dataclass(frozen=True)
class ExplainedImage:
    """One image of an explanation.

    Parameters
    ----------
    path
        Its name: a path, or where it stands among the images given.
    size
        Width and height of the original picture in pixels, or of the input where a tensor was given.
    region
        The part of the picture that the network saw: left, top, right, bottom in pixels. The grid of every map
        divides it evenly. None where the transform does not tell.
    target, target_name
        The class explained.
    logit
        Of the class explained.
    predicted, predicted_name, probability
        The class with the greatest logit, and its softmax probability.
    """

    path: str
    size: tuple[int, int]
    region: Box | None
    target: int
    target_name: str
    logit: float
    predicted: int
    predicted_name: str
    probability: float


@dataclass(frozen=True)
class Note:
    """Something about a layer's maps that the reader must know; `kind` is for machines."""

    layer: str
    kind: str
    text: str


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where images show concepts, and how much each place contributes to a class.

    Made by `sacv.explain`; see there.

    Parameters
    ----------
    images
        What is explained.
    concepts
        Names, in the order of the maps.
    maps
        By layer: relevance and contribution, float32 `(images, concepts, *grid)`.
    notes
        What the reader must know.
    bank
        The CAVs used.
    model
        The model explained.
    pictures
        Where the images came from, to draw them.
    settings
        Target and other arguments.
    """

    images: tuple[ExplainedImage, ...]
    concepts: tuple[str, ...]
    maps: Mapping[str, tuple[Map, Map]]
    notes: tuple[Note, ...]
    bank: ConceptBank
    model: VisionModel
    pictures: ImageSet
    settings: Mapping[str, Any]

    @property
    def layers(self) -> list[str]:
        """Names of the layers."""
        return list(self.maps)

    def relevance(self, layer: str, concept: str) -> Map:
        """Give `v . a(p) - t`, float32 `(images, *grid)`, in units of activation; above 0 the concept is present.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer or concept.
        """
        return self._maps(layer)[0][:, self._number(concept)]

    def contribution(self, layer: str, concept: str) -> Map:
        """Give `v . dz/da(p)`, float32 `(images, *grid)`, in logits per unit of v; signed.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer or concept.
        """
        return self._maps(layer)[1][:, self._number(concept)]

    def _maps(self, layer: str) -> tuple[Map, Map]:
        if layer not in self.maps:
            raise LayerError(f"the explanation has no layer {layer!r}; it has {', '.join(self.maps)}")
        return self.maps[layer]

    def _number(self, concept: str) -> int:
        if concept not in self.concepts:
            raise OptionError(f"the explanation has no concept {concept!r}; it has {', '.join(self.concepts)}")
        return self.concepts.index(concept)

    def scores(self) -> pd.DataFrame:
        """Give a row for each image, layer and concept.

        Columns
        -------
        image, layer, concept, target, logit
        relevant
            Share of the locations where the concept is present (relevance above 0).
        relevance_max, relevance_mean
            Of the relevance map.
        sacv_score
            Sum of the contribution over the relevant locations, in logits per unit of v.
        sacv_positive, sacv_negative
            Its positive and negative parts.
        contribution_sum
            Sum over all locations: the derivative of the logit for v tiled over the grid, as TCAV takes it.
        """
        rows = []
        for layer in self.layers:
            for concept in self.concepts:
                relevance, contribution = self.relevance(layer, concept), self.contribution(layer, concept)
                for image, shown, given in zip(self.images, relevance, contribution, strict=True):
                    gated = np.where(shown > 0, given, 0).astype(np.float64)
                    rows.append(
                        {
                            "image": image.path,
                            "layer": layer,
                            "concept": concept,
                            "target": image.target_name,
                            "logit": image.logit,
                            "relevant": float(np.mean(shown > 0)),
                            "relevance_max": float(shown.max()),
                            "relevance_mean": float(shown.mean(dtype=np.float64)),
                            "sacv_score": float(gated.sum()),
                            "sacv_positive": float(gated.clip(min=0).sum()),
                            "sacv_negative": float(gated.clip(max=0).sum()),
                            "contribution_sum": float(given.sum(dtype=np.float64)),
                        }
                    )
        return pd.DataFrame(rows)

    def to_json(self) -> dict[str, Any]:
        """Give everything but the maps, as the label file holds it."""
        return {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "images": [asdict(image) for image in self.images],
            "concepts": list(self.concepts),
            "layers": {
                name: {
                    "grid": list(self.maps[name][0].shape[2:]),
                    "channels": self.bank.layers[name].channels,
                }
                for name in self.layers
            },
            "cavs": [
                {
                    "layer": layer,
                    "concept": concept,
                    "threshold": self.bank.cav(layer, concept).threshold,
                    "quality": asdict(self.bank.cav(layer, concept).quality),
                }
                for layer in self.layers
                for concept in self.concepts
            ],
            "settings": dict(self.settings),
            "model": {key: self.bank.model[key] for key in ("spec", "kind", "fingerprint")},
            "solver": dict(self.bank.solver),
            "scores": self.scores().to_dict(orient="records"),
            "notes": [asdict(note) for note in self.notes],
            "skipped": [asdict(entry) for entry in self.pictures.skipped],
        }

    def save(self, folder: str | Path) -> None:
        """Write the explanation as a folder; one that was there survives any failure.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """
        arrays = {
            f"{layer}/{kind}": values
            for layer, pair in self.maps.items()
            for kind, values in zip(("relevance", "contribution"), pair, strict=True)
        }

        def fill(fresh: Path) -> None:
            write_json(fresh / MARKER, self.to_json())
            write_arrays(fresh / "maps.safetensors", arrays)
            (fresh / "index.html").write_text(draw(self), encoding="utf-8")

        write_folder(Path(folder), MARKER, fill)
