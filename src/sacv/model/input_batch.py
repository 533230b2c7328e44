"""A batch of inputs, in the memory that a network reads fastest."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sacv.errors import OptionError


def input_batch(tensors: Sequence[torch.Tensor], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Stack inputs `(channels, *size)` to a batch on a device."""
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) != 1:
        raise OptionError(
            f"the inputs have different shapes, such as {' and '.join(map(str, sorted(shapes)[:2]))}; "
            "give a transform to one size, or, for volumes and other inputs that are not transformed, resample the "
            "files to one shape"
        )
    # Convolutions on a CPU are about twice as fast with the channels last in memory; the shape stays.
    layout = torch.channels_last if tensors[0].ndim == 3 else torch.contiguous_format
    # Pinned memory is copied to a GPU while that computes.
    pinned = device.type == "cuda" and all(tensor.device.type == "cpu" for tensor in tensors)
    batch = torch.empty(
        (len(tensors), *tensors[0].shape),
        dtype=dtype,
        device="cpu" if pinned else device,
        memory_format=layout,
        pin_memory=pinned,
    )
    for row, tensor in enumerate(tensors):
        batch[row].copy_(tensor)
    return batch.to(device, non_blocking=True) if pinned else batch
