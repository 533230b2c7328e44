"""Sums over batches of images at one layer of an explanation."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from sacv.cav import ConceptBank
from sacv.cav.presence_mask import present
from sacv.errors import LayerError
from sacv.files import Array
from sacv.maps.layer_maps import Marks
from sacv.maps.methods import Method, Scene
from sacv.maps.relevance import derivative, evidence, position, relevance
from sacv.maps.significance import NullMaxima
from sacv.maps.slopes import Slopes
from sacv.model import Rest


class ExplainedLayer:
    """Null maxima and derivatives at a layer; their size does not depend on the number of images."""

    def __init__(self, bank: ConceptBank, layer: str) -> None:
        self.bank, self.layer = bank, layer
        self.cavs = [bank.cav(layer, concept) for concept in bank.concepts]
        self.null_maxima = NullMaxima(bank, layer, self.cavs)
        self.slopes = Slopes()

    def require_channels(self, cells: torch.Tensor) -> None:
        """Check that activations `(n, *grid, channels)` have the bank's channels."""
        channels = self.bank.layers[self.layer].channels
        if cells.shape[-1] != channels:
            raise LayerError(
                f"layer {self.layer!r} has {cells.shape[-1]} channels, but the bank was fitted with {channels}"
            )

    def require_grid(self, grid: tuple[int, ...], name: str) -> None:
        """Check that image `name` has the same grid as the images before."""
        before = self.slopes.grid
        if before is not None and before != grid:
            raise LayerError(
                f"layer {self.layer!r} has a grid of {grid} for {name}, but of {before} for the images before; "
                "explain images of one size at a time"
            )

    def scene(self, rest: Rest, values: torch.Tensor, gradients: torch.Tensor) -> Scene:
        """Return the input of methods and checks for a batch, from the explained values `(n,)` and their gradients."""
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
        """Add a batch; return its maps by kind, with the images along the first axis.

        The maps are relevance and contribution; position and derivative if the bank has null CAVs; for each concept, by
        its index, the presence mask and the p-value of each image; and `inside`, bool `(n, *grid)`, the locations that
        count, if given. Null maxima and presence masks are of these locations only.
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
        found = {f"present/{number}": one.mask for number, one in enumerate(masks) if one is not None}
        return found | {f"p_value/{number}": one.p_values for number, one in enumerate(masks) if one is not None}

    def join(self, other: ExplainedLayer, name: str) -> None:
        """Add other images; `name` is the first of them.

        Raises LayerError if they have another grid.
        """
        if other.slopes.grid is not None:
            self.require_grid(other.slopes.grid, name)
        self.slopes.join(other.slopes)
        self.null_maxima.join(other.null_maxima)

    def pack(self) -> dict[str, Array]:
        """Return the sums as arrays."""
        return self.null_maxima.pack() | self.slopes.pack()

    def unpack(self, arrays: Mapping[str, Array]) -> None:
        """Undo `pack`, for a layer without images."""
        self.null_maxima.unpack(arrays)
        self.slopes = Slopes.unpack(arrays)
