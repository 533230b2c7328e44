"""`Region`: a class of a segmentation network, over some of its pixels.

The scalar is the mean logit of the class over the region's pixels. A mask of another size is resampled to the size of
the logits; a logit is weighted by the share of its area that the mask covers::

    z = sum over pixels p of cover(p) logit(p) / sum of cover(p)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.errors import TargetError
from sacv.model import describe_output, tensor_of
from sacv.targets.base import Target
from sacv.targets.classes import Class


@dataclass(frozen=True, eq=False, repr=False)
class Region(Target):
    """The mean logit of a class over a region, for networks that give logits `(n, classes, *size)`.

    Parameters
    ----------
    mask
        Bool `(*size)`, over the part of the image that the network sees. For a different region for each image use
        `Each`.
    class_
        The class, by name or index.
    names
        Names of all classes; `sacv` fills in the model's.

    Raises
    ------
    TargetError
        If the mask is not bool or is empty.
    """

    mask: NDArray[np.bool_] | torch.Tensor
    class_: int | str
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        mask = self.mask.detach().cpu().numpy() if isinstance(self.mask, torch.Tensor) else np.asarray(self.mask)
        if mask.dtype != bool or mask.ndim not in (2, 3):
            raise TargetError(
                f"a region's mask must be bool (height, width), not {mask.dtype} {mask.shape}; give mask > 0, say"
            )
        if not mask.any():
            raise TargetError("the region's mask is empty; set at least one pixel")
        object.__setattr__(self, "mask", mask)

    def values(self, output: Any) -> torch.Tensor:
        """Compute the mean logits; see `Target.values`."""
        logits = tensor_of(output)
        if logits is None or logits.ndim not in (4, 5):
            raise TargetError(
                f"the network gives {describe_output(output)}; a region needs logits of each location, (images, "
                "classes, height, width)"
            )
        cover = self._cover(logits)
        chosen = logits[:, self._class.index(logits.shape[1])]
        return (chosen * cover).flatten(1).sum(dim=1) / cover.sum()

    def _cover(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the share of each logit's area that the mask covers, `(*size)`."""
        size, given = tuple(logits.shape[2:]), tuple(self.mask.shape)
        mask = torch.from_numpy(np.array(self.mask)).to(logits)
        if given == size:
            return mask
        if len(given) != len(size) or _uneven(given, size):
            raise TargetError(
                f"the region's mask is {_sides(given)}, but the logits of an image are {_sides(size)}; give a mask of "
                "the same proportions, over the part of the image that the network sees"
            )
        return torch.nn.functional.interpolate(mask[None, None], size, mode="area")[0, 0]

    @property
    def _class(self) -> Class:
        return Class(self.class_, self.names)

    def named(self, names: Sequence[str] | None) -> Region:
        """Return the region for a model whose classes have these names."""
        return self if self.names is not None or names is None else replace(self, names=tuple(map(str, names)))

    @property
    def value(self) -> str:
        """Name of the scalar."""
        return f"the mean logit of {self}"

    @property
    def note(self) -> str:
        """Explanation of the scalar for readers."""
        return (
            f"The target is the mean logit of {self._class} over a region of {self.mask.mean():.0%} of the network's "
            "input; locations outside the region contribute if its logits depend on them."
        )

    def __str__(self) -> str:
        return f"{self._class} over a region"

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(np.packbits(np.array(self.mask)).tobytes()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Region(mask=<bool {_sides(self.mask.shape)}, sha256 {self._digest}>, class_={self.class_!r})"


def _uneven(given: Sequence[int], size: Sequence[int]) -> bool:
    """Return whether the proportions differ by more than a pixel."""
    return any(abs(have * size[0] - given[0] * want) > given[0] for have, want in zip(given, size, strict=True))


def _sides(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
