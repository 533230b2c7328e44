"""Run a batch in halves if it does not fit into the device's memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch

from sacv.errors import OptionError

Found = TypeVar("Found")


def in_halves(run: Callable[[torch.Tensor, range], Found], inputs: torch.Tensor, rows: range | None = None) -> Found:
    """Call `run` on a batch; on its halves, quarters and so on if memory is exhausted.

    `run` maps inputs `(n, ...)`, and their rows in the batch, to tensors with a row for each input, or to dataclasses,
    dicts and lists of such tensors. `rows` are those of the inputs in a larger batch; all of it by default.
    """
    rows = range(len(inputs)) if rows is None else rows
    try:
        return run(inputs, rows)
    except torch.OutOfMemoryError as error:
        if len(inputs) == 1:
            raise OptionError(
                f"one input of shape {tuple(inputs.shape[1:])} does not fit into the memory of {inputs.device}; use "
                "fewer layers at a time, or another device"
            ) from error
    # Outside the handler, whose traceback references what was computed so far.
    if inputs.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(inputs) // 2
    warnings.warn(
        f"a batch of {len(inputs)} does not fit into the memory of {inputs.device} and is run in halves; "
        f"set batch_size={half} (--batch-size {half}) to avoid failed attempts",
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
