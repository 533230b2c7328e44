"""The check that activations are finite."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sacv.errors import ActivationError


def require_finite(cells: torch.Tensor, layer: str, names: Sequence[str]) -> None:
    """Check the activations `(n, *grid, channels)` of images."""
    finite = torch.isfinite(cells).flatten(1).all(dim=1)
    if not bool(finite.all()):
        raise ActivationError(
            f"activations of layer {layer!r} are not finite for {names[int((~finite).nonzero()[0])]}; "
            "check the network's weights and the transform, or run it in float32"
        )
