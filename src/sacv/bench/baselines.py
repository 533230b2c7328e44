"""Maps that know no concept, to stand beside those that do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import sobel

from sacv.concepts.coverage import cell_means

Values = NDArray[np.floating]


def edge_strength(
    picture: Image.Image, grid: tuple[int, int], region: tuple[float, float, float, float] | None = None
) -> NDArray[np.float64]:
    """Give the mean Sobel gradient of the luminance in each cell of a picture, `grid`.

    `region` is the part of the picture that the grid divides, as in `sacv.bench.metrics.coverage`.
    """
    grey = np.asarray(picture.convert("L"), dtype=np.float64) / 255
    return cell_means(np.hypot(sobel(grey, axis=0), sobel(grey, axis=1)), grid, region)


def activation_norm(activations: Values) -> Values:
    """Give the L2 norm of the activations `(n, *grid, channels)` at each location."""
    norms: Values = np.linalg.norm(activations, axis=-1)
    return norms


def grad_cam(activations: Values, gradients: Values) -> Values:
    """Give Grad-CAM of a class, `(n, *grid)`, from activations and gradients `(n, *grid, channels)`.

    ReLU(sum_c w_c a_c(p)) with w_c the mean of the gradient over all locations (Selvaraju et al., arXiv 1610.02391).
    """
    places = tuple(range(1, activations.ndim - 1))
    weights = gradients.mean(axis=places, keepdims=True)
    cam: Values = np.maximum((activations * weights).sum(axis=-1), 0)
    return cam
