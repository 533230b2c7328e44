r"""The scores of a class, written from the equations image by image, in float64.

With a(p) and g(p) the activation and the gradient of the logit at one layer, v the CAV and t its threshold::

    d = v . sum_p g(p)        s = sum of v . g(p) over the p with v . a(p) > t

    tcav           share of images with d > 0; one with d = 0 counts as half
    magnitude      sum of the d above 0, over the sum of |d|
    smooth         mean of Phi(sqrt(channels) d / |sum_p g(p)|)
    sacv           mean of s
    sacv_density   sum of s over the number of the p that it sums over
"""

import math

import numpy as np
import torch

from reference import naive


def gradient(net, layer, image, target):
    """Activation and gradient of the logit at a layer for one image, `(rows, columns, channels)` each."""
    net, kept = naive.prepared(net).requires_grad_(True), []

    def keep(module, arguments, output):
        kept.append(output)
        return output.clone()

    handle = dict(net.named_modules())[layer].register_forward_hook(keep)
    logit = net(image[None].double())[0, target]
    handle.remove()
    (found,) = torch.autograd.grad(logit, kept[0])
    return kept[0][0].detach().permute(1, 2, 0).numpy(), found[0].permute(1, 2, 0).numpy()


def image_terms(activation, gradients, vector, threshold):
    """What one image adds: d, its smooth sign, s, and the number of locations that s sums over."""
    rows, columns, channels = activation.shape
    whole, score, relevant = np.zeros(channels), 0.0, 0
    for row in range(rows):
        for column in range(columns):
            whole += gradients[row, column]
            if vector @ activation[row, column] > threshold:
                score += vector @ gradients[row, column]
                relevant += 1
    derivative, length = vector @ whole, math.sqrt(whole @ whole)
    argument = math.sqrt(channels) * derivative / length if length else 0.0
    return derivative, 0.5 * (1 + math.erf(argument / math.sqrt(2))), score, relevant


def scores(terms):
    """The five scores from the terms of all images."""
    positive, above, size, smooth, score, relevant = 0.0, 0.0, 0.0, 0.0, 0.0, 0
    for derivative, phi, own, places in terms:
        positive += 1.0 if derivative > 0 else 0.5 if derivative == 0 else 0.0
        above += max(derivative, 0.0)
        size += abs(derivative)
        smooth += phi
        score += own
        relevant += places
    return {
        "tcav": positive / len(terms),
        "magnitude": above / size if size else 0.5,
        "smooth": smooth / len(terms),
        "sacv": score / len(terms),
        "sacv_density": score / relevant if relevant else 0.0,
    }


def holm(values):
    order = sorted(range(len(values)), key=lambda index: values[index])
    found, largest = [0.0] * len(values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, values[index] * (len(values) - place))
        found[index] = min(largest, 1.0)
    return found


def benjamini_hochberg(values):
    """Each value's least n p_(j) / j over the places j from its own on."""
    ordered = sorted(values)
    return [
        min(1.0, *(other * len(values) / (place + 1) for place, other in enumerate(ordered) if other >= value))
        for value in values
    ]
