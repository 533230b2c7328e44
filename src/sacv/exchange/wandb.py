"""Results in Weights & Biases: figures, the table, and maps as images, in one step of a run.

It takes `pip install 'sacv[wandb]'`, and works offline as the run does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sacv import optional
from sacv.exchange.logged import IMAGES, Logged, figures_of, pictures_of, table_of


class Run(Protocol):
    """What is used of a run of Weights & Biases."""

    def log(self, data: dict[str, Any], step: int | None = None) -> Any:
        """Log values by name."""


def log_wandb(
    run: Run, result: Logged, step: int | None = None, *, name: str = "sacv", images: int = IMAGES
) -> Mapping[str, Any]:
    """Log a bank, an explanation or the scores of a class, and give what was logged.

    Parameters
    ----------
    run
        What `wandb.init` gives.
    result
        What `sacv.fit`, `sacv.explain` or `sacv.score` gave. Its figures are `NAME/auroc/LAYER/CONCEPT` and so on
        (`sacv.exchange.logged.figures_of`), its table `NAME/quality`, `NAME/scores` or `NAME/class_scores`, and maps of
        an explanation are images `NAME/relevance/...`.
    step
        Of the run; by default its next.
    name
        What the names of all that is logged begin with.
    images
        How many images of an explanation are drawn, of those that it lists.

    Raises
    ------
    MissingExtraError
        If wandb is not installed.
    """
    wandb = optional.require("wandb", extra="wandb")
    found: dict[str, Any] = {f"{name}/{called}": value for called, value in figures_of(result).items()}
    called, table = table_of(result)
    found[f"{name}/{called}"] = wandb.Table(dataframe=table)
    for called, picture in pictures_of(result, images):
        found[f"{name}/{called}"] = wandb.Image(picture, caption=called)
    run.log(found, step=step)
    return found
