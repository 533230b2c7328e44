"""Results in Weights & Biases: figures, the table, and maps as images, in one step of a run.

It needs `pip install 'sacv[wandb]'`, and works with offline runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sacv import optional
from sacv.exchange.logged import IMAGES, Logged, figures_of, map_images, table_of


class Run(Protocol):
    """The method used of a run of Weights & Biases."""

    def log(self, data: dict[str, Any], step: int | None = None) -> Any:
        """Log values by name."""


def log_wandb(
    run: Run, result: Logged, step: int | None = None, *, name: str = "sacv", images: int = IMAGES
) -> Mapping[str, Any]:
    """Log a bank, an explanation or the scores of a class, and return the logged values.

    Parameters
    ----------
    run
        The result of `wandb.init`.
    result
        The result of `sacv.fit`, `sacv.explain` or `sacv.score`. Its figures are `NAME/auroc/LAYER/CONCEPT` and so on
        (`sacv.exchange.logged.figures_of`), its table `NAME/quality`, `NAME/scores` or `NAME/class_scores`, and maps of
        an explanation are images `NAME/relevance/...`.
    step
        Step of the run; by default its next.
    name
        Prefix of the names.
    images
        Most images of an explanation that are drawn, of those that it lists.

    Raises
    ------
    MissingExtraError
        If wandb is not installed.
    """
    wandb = optional.require("wandb", extra="wandb")
    found: dict[str, Any] = {f"{name}/{called}": value for called, value in figures_of(result).items()}
    called, table = table_of(result)
    found[f"{name}/{called}"] = wandb.Table(dataframe=table)
    for called, pixels in map_images(result, images):
        found[f"{name}/{called}"] = wandb.Image(pixels, caption=called)
    run.log(found, step=step)
    return found
