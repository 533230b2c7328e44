"""Suggest a few layers to explain, out of many with similar activations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from sacv.model.gradient_locality import VARIES
from sacv.model.roles import ACTIVATION, BLOCK, KERNEL, OTHER
from sacv.model.survey import LayerInfo

LEAST_SIDE = 5
"""Minimum number of locations along an axis of a suggested layer."""


def suggested_layers(found: Sequence[LayerInfo], varies: Mapping[str, str]) -> set[str]:
    """Return for each grid the last block whose contribution varies, or else the output of the last convolution.

    A module at the start of a block that ends at another grid is not a block of its grid, if nothing else in it has
    that grid. Parts of repeated blocks are not chosen: blocks within one of the same grid, convolutions within any. The
    output of a convolution is taken after its activation function, if there is one. There is no layer for a grid that
    is too small, or that only padding, pooling and similar modules have.
    """
    grids = {info.name: info.grid for info in found}
    everywhere = _repeated(found)
    chosen = set()
    for grid in {info.grid for info in found if info.grid and min(info.grid) >= LEAST_SIDE}:
        layers = [info for info in found if info.grid == grid]
        here = _repeated(layers)
        fit = [info for info in layers if varies.get(info.name) == VARIES]
        blocks = [info.name for info in fit if info.role == BLOCK and not _holders(info.name) & here]
        blocks = [name for name in blocks if not _begins_another(name, blocks, grids)] or blocks
        outputs = _outputs(layers, {info.name for info in fit if not _holders(info.name) & everywhere})
        chosen |= set((blocks or outputs)[-1:])
    return chosen


def _repeated(layers: Sequence[LayerInfo]) -> set[str]:
    """Return the blocks with a sibling of the same class, other than `Sequential`."""
    blocks = [info for info in layers if info.role == BLOCK and info.kind != "Sequential"]
    kinds = Counter((info.name.rpartition(".")[0], info.kind) for info in blocks)
    return {info.name for info in blocks if kinds[info.name.rpartition(".")[0], info.kind] > 1}


def _holders(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}


def _outputs(layers: Sequence[LayerInfo], fit: Container[str]) -> list[str]:
    """Return the convolutions in `fit`, or the activation functions after them if there are any, in order.

    Normalisation and identities may lie between the two.
    """
    kernels, activations, after_kernel = [], [], False
    for info in layers:
        if info.role == KERNEL and info.name in fit:
            kernels.append(info.name)
        elif info.role == ACTIVATION and after_kernel and info.name in fit:
            activations.append(info.name)
        after_kernel = info.role in (KERNEL, BLOCK) or (after_kernel and info.role != OTHER)
    return activations or kernels


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
