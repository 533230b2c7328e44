"""The transform from an image to the network's input, and the region of the image that the input shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image

from sacv.errors import OptionError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the original image."""


@runtime_checkable
class Framed(Protocol):
    """A transform that knows which part of an image the network sees."""

    def region(self, size: tuple[int, int]) -> Box:
        """Return the part of an image of `size` (width, height) that a layer's grid covers."""


@dataclass(frozen=True)
class ImageTransform:
    """Resize, crop the centre (optional), scale to [0, 1] and normalise.

    Parameters
    ----------
    resize
        `(height, width)`: the whole image is resized to this size, ignoring its proportions. A number: the shorter
        side is resized to it, preserving the proportions, and `crop` is required.
    crop
        Side of the square cropped from the centre after resizing, in pixels; None for no crop.
    mean, std
        Mean and standard deviation of the channels red, green and blue in [0, 1]; by default of ImageNet.

    Raises
    ------
    OptionError
        If the sizes are not positive, or `resize` is a number without a crop that fits.
    """

    resize: tuple[int, int] | int = (224, 224)
    crop: int | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        sides = (self.resize,) if isinstance(self.resize, int) else self.resize
        if min(sides) < 1 or (self.crop is not None and not 1 <= self.crop <= min(sides)):
            raise OptionError(f"resize={self.resize} with crop={self.crop}: give sizes of at least 1, crop <= resize")
        if isinstance(self.resize, int) and self.crop is None:
            raise OptionError(
                f"resize={self.resize} preserves the proportions, so that inputs would have many sizes; "
                f"give crop as well, or resize=({self.resize}, {self.resize}) to use the whole image"
            )

    def region(self, size: tuple[int, int]) -> Box:
        """Return the part of an image of `size` (width, height) that the network sees."""
        width, height = size
        if self.crop is None:
            return (0.0, 0.0, float(width), float(height))
        if isinstance(self.resize, int):
            across = down = min(width, height) / self.resize
        else:
            down, across = height / self.resize[0], width / self.resize[1]
        left, top = (width - self.crop * across) / 2, (height - self.crop * down) / 2
        return (left, top, left + self.crop * across, top + self.crop * down)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        if self.crop is not None:
            return (self.crop, self.crop)
        assert not isinstance(self.resize, int)  # checked by the constructor
        return self.resize

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return the input float32 `(3, height, width)` of an RGB image."""
        height, width = self.size
        small = image.resize((width, height), Image.Resampling.BILINEAR, box=self.region(image.size), reducing_gap=None)
        values = torch.from_numpy(np.array(small, dtype=np.uint8)).permute(2, 0, 1).float().div_(255)
        mean, std = torch.tensor(self.mean)[:, None, None], torch.tensor(self.std)[:, None, None]
        return values.sub_(mean).div_(std)

    def to_json(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""
        resize = self.resize if isinstance(self.resize, int) else list(self.resize)
        return {"resize": resize, "crop": self.crop, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> ImageTransform:
        """Create the transform from the fields of a JSON file."""
        resize = fields["resize"]
        red, green, blue = fields["mean"]
        red_std, green_std, blue_std = fields["std"]
        return cls(
            resize if isinstance(resize, int) else (resize[0], resize[1]),
            fields["crop"],
            (red, green, blue),
            (red_std, green_std, blue_std),
        )
