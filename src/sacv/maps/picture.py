"""The picture that maps are drawn on."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from sacv.concepts.item import Loaded
from sacv.model import Box, Framed, VisionModel


def picture_seen(model: VisionModel, image: Loaded, part: float) -> tuple[Image.Image, Box]:
    """Give the picture to draw on, and the part of it that the grid covers; of a volume the slice at `part`."""
    if isinstance(image, Image.Image) and isinstance(model.transform, Framed):
        return image, model.transform.region(image.size)
    # The way back to the original is not known here, so the input itself is drawn, its contrast stretched.
    values = (image if isinstance(image, torch.Tensor) else model.transform(image)).detach().cpu().float()
    if values.ndim == 4:
        values = values[:, min(int(part * values.shape[1]), values.shape[1] - 1)]
    if values.ndim == 2:
        values = values[:, None, :].repeat(1, max(values.shape[1] // 8, 1), 1)
    low, high = float(values.min()), float(values.max())
    scaled = ((values - low) / (high - low or 1.0) * 255).byte().numpy()
    planes = scaled[:3] if len(scaled) >= 3 else np.repeat(scaled[:1], 3, axis=0)
    picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))
    return picture, (0.0, 0.0, float(picture.width), float(picture.height))
