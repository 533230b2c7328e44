"""Results in TensorBoard: figures as scalars, maps as images.

The writer is the user's own, so that sacv needs no package for it: `torch.utils.tensorboard.SummaryWriter`, for which
`pip install 'sacv[tensorboard]'` installs what PyTorch lacks.
"""

from __future__ import annotations

from typing import Any, Protocol

from sacv.exchange.logged import IMAGES, Logged, figures_of, pictures_of


class Writer(Protocol):
    """What is used of a `torch.utils.tensorboard.SummaryWriter`."""

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int | None = None) -> Any:
        """Log a number."""

    def add_image(self, tag: str, img_tensor: Any, global_step: int | None = None, *, dataformats: str = ...) -> Any:
        """Log an image."""


def log_tensorboard(writer: Writer, result: Logged, step: int = 0, *, name: str = "sacv", images: int = IMAGES) -> None:
    """Log a bank, an explanation or the scores of a class.

    Parameters
    ----------
    writer
        A `torch.utils.tensorboard.SummaryWriter`.
    result
        What `sacv.fit`, `sacv.explain` or `sacv.score` gave. Its figures are scalars `NAME/auroc/LAYER/CONCEPT`
        and so on (`sacv.exchange.logged.figures_of`); maps of an explanation are images `NAME/relevance/...`.
    step
        Of the training, such as its epoch.
    name
        What the names of all that is logged begin with.
    images
        How many images of an explanation are drawn, of those that it lists.
    """
    for called, value in figures_of(result).items():
        writer.add_scalar(f"{name}/{called}", value, step)
    for called, picture in pictures_of(result, images):
        writer.add_image(f"{name}/{called}", picture, step, dataformats="HWC")
