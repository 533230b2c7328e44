"""What an explanation gathers of one layer, over batches of images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.cav.presence_mask import present
from sacv.errors import LayerError
from sacv.files import Array
from sacv.maps.methods import Method, Scene
from sacv.maps.relevance import derivative, evidence, position, relevance
from sacv.maps.significance import NullMaxima
from sacv.maps.slopes import Slopes
from sacv.model import Rest

Marks = NDArray[np.bool_]


class ExplainedLayer:
    """What chance reaches at a layer, and how the logit depends on it: few numbers, whatever the number of images.

    The maps themselves are given out batch by batch.

    Parameters
    ----------
    bank, layer
        The CAVs, and the layer.
    """

    def __init__(self, bank: ConceptBank, layer: str) -> None:
        self.bank, self.layer = bank, layer
        self.cavs = [bank.cav(layer, concept) for concept in bank.concepts]
        self.null_maxima = NullMaxima(bank, layer, self.cavs)
        self.slopes = Slopes()

    def require_channels(self, cells: torch.Tensor) -> None:
        """Require activations `(n, *grid, channels)` to have the bank's channels.

        Raises
        ------
        LayerError
            If they have others.
        """
        channels = self.bank.layers[self.layer].channels
        if cells.shape[-1] != channels:
            raise LayerError(
                f"layer {self.layer!r} has {cells.shape[-1]} channels, but the bank was fitted with {channels}"
            )

    def require_grid(self, grid: tuple[int, ...], name: str) -> None:
        """Require the grid of image `name` to be that of the images before.

        Raises
        ------
        LayerError
            If it is another.
        """
        before = self.slopes.grid
        if before is not None and before != grid:
            raise LayerError(
                f"layer {self.layer!r} has a grid of {grid} for {name}, but of {before} for the images before; "
                "explain images of one size at a time"
            )

    def scene(self, rest: Rest, values: torch.Tensor, gradients: torch.Tensor) -> Scene:
        """Return a batch as methods and checks see it, from what is explained `(n,)` and its gradients."""
        read = self.bank.preprocessing(rest.record.cells)
        return Scene(
            rest=rest,
            values=values,
            gradients=gradients,
            read=read,
            relevance=relevance(read, self.cavs),
            position=position(read, self.cavs),
            derivative=derivative(gradients, self.cavs),
            cavs=self.cavs,
            bank=self.bank,
        )

    def add(self, scene: Scene, method: Method, inside: Marks | None = None) -> dict[str, Array]:
        """Add a batch, and give its maps by their kind, the images first.

        Where `inside`, bool `(n, *grid)`, marks the locations that count, it is one of them; chance is what is reached
        there, and a concept is present nowhere else.

        These are relevance and contribution; position and derivative, where the bank has null CAVs that they will be
        held against; and for each concept, by its number, where it is present and the p-value of each image.
        """
        given = {"relevance": scene.relevance, "contribution": method.maps(scene)}
        if all(len(cav.null) for cav in self.cavs):
            given |= {"position": scene.position, "derivative": scene.derivative}
        found: dict[str, Array] = {kind: values.cpu().numpy() for kind, values in given.items()}
        slopes, values = scene.derivative.cpu().numpy(), scene.values.double().cpu().numpy()
        self.slopes.add(slopes, found["contribution"], values, self.cavs)
        self.null_maxima.add(scene.read, scene.gradients, inside)
        found |= self._present(scene, inside)
        return found if inside is None else found | {"inside": inside}

    def _present(self, scene: Scene, inside: Marks | None) -> dict[str, Array]:
        evident = evidence(scene.read, self.cavs).cpu().numpy()
        if evident.shape[2:] != self.bank.layers[self.layer].grid:
            return {}
        masks = [present(cav, scene.read, evident[:, number], inside) for number, cav in enumerate(self.cavs)]
        marks = {f"present/{number}": one.mask for number, one in enumerate(masks) if one is not None}
        return marks | {f"p_value/{number}": one.p_values for number, one in enumerate(masks) if one is not None}

    def join(self, other: ExplainedLayer, name: str) -> None:
        """Add other images, the first of which is `name`.

        Raises
        ------
        LayerError
            If they have another grid.
        """
        if other.slopes.grid is not None:
            self.require_grid(other.slopes.grid, name)
        self.slopes.join(other.slopes)
        self.null_maxima.join(other.null_maxima)

    def pack(self) -> dict[str, Array]:
        """Return what was gathered as arrays."""
        return self.null_maxima.pack() | self.slopes.pack()

    def unpack(self, arrays: Mapping[str, Array]) -> None:
        """Invert `pack`, of no image yet."""
        self.null_maxima.unpack(arrays)
        self.slopes = Slopes.unpack(arrays)
