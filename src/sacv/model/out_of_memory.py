"""What does not fit into the device's memory at once is run in halves."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch

from sacv.errors import OptionError

Found = TypeVar("Found")


def in_halves(run: Callable[[torch.Tensor, range], Found], inputs: torch.Tensor, rows: range | None = None) -> Found:
    """Return what `run` gives for a batch, run in halves, quarters and so on where memory is not enough.

    Parameters
    ----------
    run
        From inputs `(n, ...)`, and which rows of the batch they are, to tensors whose first axis has a row for each, or
        to dataclasses, dicts and lists of such.
    inputs
        The batch.
    rows
        Which rows of a larger batch these are; all of it by default.

    Raises
    ------
    OptionError
        If a single input does not fit.
    """
    rows = range(len(inputs)) if rows is None else rows
    try:
        return run(inputs, rows)
    except torch.OutOfMemoryError as error:
        if len(inputs) == 1:
            raise OptionError(
                f"one input of shape {tuple(inputs.shape[1:])} does not fit into the memory of {inputs.device}; take "
                "fewer layers at a time, or another device"
            ) from error
    # Outside of the handler, whose traceback holds what was computed so far.
    if inputs.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(inputs) // 2
    warnings.warn(
        f"a batch of {len(inputs)} does not fit into the memory of {inputs.device} and is run in halves; "
        f"batch_size={half} (--batch-size {half}) would save the attempts",
        stacklevel=2,
    )
    joined: Found = _joined([in_halves(run, inputs[part], rows[part]) for part in (slice(half), slice(half, None))])
    return joined


def _joined(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(parts)
    if isinstance(first, dict):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, list):
        return [_joined(list(row)) for row in zip(*parts, strict=True)]
    if is_dataclass(first):
        inside = {field.name: _joined([getattr(part, field.name) for part in parts]) for field in fields(first)}
        kind: Any = type(first)
        return kind(**inside)
    return first
