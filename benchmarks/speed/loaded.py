"""A network that is loaded on a device: as sacv gets it, and bare, for the passes written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

import sacv
from speed import passes
from speed.networks import Case
from speed.rows import Row, not_measured

TARGET = 1
"""Number of the class whose logit is explained."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network at a layer.

    Parameters
    ----------
    net
        As sacv gets it.
    bare
        A copy with the channels last in memory, whose weights need no gradient.
    layer
        Name of the layer.
    device
        Where both are.
    """

    net: nn.Module
    bare: nn.Module
    layer: str
    device: str

    @classmethod
    def of(cls, case: Case, device: str) -> Loaded:
        """Load a network."""
        net = case.load().to(device)
        return cls(net, passes.frozen(net), case.layer, device)

    def batches(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Cut inputs into batches as sacv does."""
        return passes.batches(images, sacv.VisionModel(self.net).batch_size(None), self.device)

    def forward(self, parts: list[torch.Tensor]) -> None:
        """Run the bare network up to the layer."""
        passes.forward(self.bare, self.layer, parts)

    def forward_and_backward(self, parts: list[torch.Tensor]) -> None:
        """Run the bare network to the logits, and back to the layer."""
        passes.forward_and_backward(self.bare, self.layer, parts, TARGET)


def measured(name: str, cases: Iterable[Case], measure: Callable[[Case], Iterator[Row]]) -> Iterator[Row]:
    """Measure each network; where one cannot be loaded, give the row of the experiment `name` that says why."""
    for case in cases:
        yield from [not_measured(name, case.title, case.lacks)] if case.lacks else measure(case)
