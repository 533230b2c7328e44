"""Which layers of a model are worth asking about, of which a network has many that say much the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence

from sacv.model.gradient_locality import VARIES
from sacv.model.roles import ACTIVATION, BLOCK, KERNEL, OTHER
from sacv.model.survey import LayerInfo

LEAST_SIDE = 5
"""Places along an axis below which a layer is not chosen."""


def worth_asking(found: Sequence[LayerInfo], varies: Mapping[str, str]) -> set[str]:
    """Choose for each grid the last block whose contribution varies, or, without one, the last convolution's output.

    What begins a block that goes on to another grid, and is all of this grid in it, is no block of this one. Parts of
    blocks that stand in a row are not chosen: a block within one of this grid, a convolution within one of any. A
    convolution's output is taken after its activation, if there is one. A grid with too few places is passed over, and
    one that only padding, pooling and the like give.
    """
    grids = {info.name: info.grid for info in found}
    everywhere = _in_a_row(found)
    chosen = set()
    for grid in {info.grid for info in found if info.grid and min(info.grid) >= LEAST_SIDE}:
        layers = [info for info in found if info.grid == grid]
        here = _in_a_row(layers)
        fit = [info for info in layers if varies.get(info.name) == VARIES]
        blocks = [info.name for info in fit if info.role == BLOCK and not _holders(info.name) & here]
        blocks = [name for name in blocks if not _begins_another(name, blocks, grids)] or blocks
        outputs = _outputs(layers, {info.name for info in fit if not _holders(info.name) & everywhere})
        chosen |= set((blocks or outputs)[-1:])
    return chosen


def _in_a_row(layers: Sequence[LayerInfo]) -> set[str]:
    """Give the blocks that have another of their kind beside them; a plain `Sequential` is no kind."""
    blocks = [info for info in layers if info.role == BLOCK and info.kind != "Sequential"]
    kinds = Counter((info.name.rpartition(".")[0], info.kind) for info in blocks)
    return {info.name for info in blocks if kinds[info.name.rpartition(".")[0], info.kind] > 1}


def _holders(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}


def _outputs(layers: Sequence[LayerInfo], fit: Container[str]) -> list[str]:
    """Give the convolutions of a grid that are fit, or rather the activations that follow them if any are, as they ran.

    Between the two may stand what scales channels, and what does nothing.
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
