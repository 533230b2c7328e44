"""Results in TensorBoard: figures as scalars, maps as images.

The user creates the writer, a `torch.utils.tensorboard.SummaryWriter`; `pip install 'sacv[tensorboard]'` installs its
dependencies.
"""

from __future__ import annotations

from typing import Any, Protocol

from sacv.exchange.logged import IMAGES, Logged, figures_of, map_images


class Writer(Protocol):
    """The methods used of a `torch.utils.tensorboard.SummaryWriter`."""

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
        The result of `sacv.fit`, `sacv.explain` or `sacv.score`. Its figures are scalars `NAME/auroc/LAYER/CONCEPT`
        and so on (`sacv.exchange.logged.figures_of`); maps of an explanation are images `NAME/relevance/...`.
    step
        Step of the training, such as its epoch.
    name
        Prefix of the names.
    images
        Most images of an explanation that are drawn, of those that it lists.
    """
    for called, value in figures_of(result).items():
        writer.add_scalar(f"{name}/{called}", value, step)
    for called, pixels in map_images(result, images):
        writer.add_image(f"{name}/{called}", pixels, step, dataformats="HWC")
