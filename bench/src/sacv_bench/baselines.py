"""Maps that use no concept, as baselines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import sobel

from sacv.concepts.coverage import cell_means

Values = NDArray[np.floating]


def edge_strength(
    image: Image.Image, grid: tuple[int, int], region: tuple[float, float, float, float] | None = None
) -> NDArray[np.float64]:
    """Return the mean Sobel gradient of the luminance in each cell of an image, `grid`.

    `region` is the part of the image that the grid divides, as in `sacv_bench.metrics.coverage`.
    """
    grey = np.asarray(image.convert("L"), dtype=np.float64) / 255
    return cell_means(np.hypot(sobel(grey, axis=0), sobel(grey, axis=1)), grid, region)


def activation_norm(activations: Values) -> Values:
    """Return the L2 norm of the activations `(n, *grid, channels)` at each location."""
    norms: Values = np.linalg.norm(activations, axis=-1)
    return norms


def grad_cam(activations: Values, gradients: Values) -> Values:
    """Return Grad-CAM of a class, `(n, *grid)`, from activations and gradients `(n, *grid, channels)`.

    ReLU(sum_c w_c a_c(p)) with w_c the mean of the gradient over all locations (Selvaraju et al., arXiv 1610.02391).
    """
    locations = tuple(range(1, activations.ndim - 1))
    weights = gradients.mean(axis=locations, keepdims=True)
    cam: Values = np.maximum((activations * weights).sum(axis=-1), 0)
    return cam


def gradient_times_input(
    inputs_gradient: Values,
    inputs: Values,
    grid: tuple[int, int],
    region: tuple[float, float, float, float] | None = None,
) -> NDArray[np.float64]:
    """Return gradient times input of a class, averaged over cells, `(n, *grid)`; signed, in logits per pixel.

    The product is summed over colours with its sign (Shrikumar et al., arXiv 1605.01713; Ancona et al., arXiv
    1711.06104): what a pixel adds to the logit may be negative, and only signed parts sum to the whole, which for a
    piecewise linear network without biases is the logit. Sizes alone are for saliency maps, which claim no sum.

    Parameters
    ----------
    inputs_gradient
        Of the logit with respect to the network's inputs, `(n, colours, height, width)`.
    inputs
        As the network gets them, of the same shape.
    grid
        Rows and columns of the map.
    region
        The part of the input that the grid divides, as in `sacv_bench.metrics.coverage`.
    """
    pixels = (inputs_gradient.astype(np.float64) * inputs).sum(axis=1)
    return np.stack([cell_means(one, grid, region) for one in pixels])


def random_map(grid: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Return a map of independent values, uniform in [0, 1), `grid`."""
    return np.random.default_rng(seed).uniform(size=grid)
