"""The image that maps are drawn on."""

from __future__ import annotations

import numpy as np
from PIL import Image

from sacv.concepts.item import Loaded
from sacv.maps.planes import as_input, stretched
from sacv.model import Box, Framed, VisionModel


def image_seen(model: VisionModel, image: Loaded, part: float) -> tuple[Image.Image, Box]:
    """Return the image to draw on, and the part that the grid covers; for a volume the slice at `part` of its depth."""
    if isinstance(image, Image.Image) and isinstance(model.transform, Framed):
        return image, model.transform.region(image.size)
    # The transform cannot be inverted: draw the input itself, with its contrast stretched.
    values = as_input(model, image)
    if values.ndim == 4:
        values = values[:, min(int(part * values.shape[1]), values.shape[1] - 1)]
    if values.ndim == 2:
        values = np.repeat(values[:, None, :], max(values.shape[1] // 8, 1), axis=1)
    picture = stretched(values)
    return picture, (0.0, 0.0, float(picture.width), float(picture.height))
