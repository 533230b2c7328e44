"""The naive SACV, written from the equations with loops, in float64.

With a(p) the activation at one layer and one location p, and z_k the logit of class k::

    v    = (m_concept - m_random) / |m_concept - m_random|     m: mean over all locations of all images
    r(p) = v . a(p) - t
    c(p) = v . dz_k / da(p)

It shares no code with the package, and is slow on purpose.
"""

import copy

import numpy as np
import torch


def prepared(net):
    """A copy of the network in eval mode and float64, with in-place operations unchanged."""
    return copy.deepcopy(net).double().eval()


def activation(net, layer, image):
    """The output of a layer for one image `(channels, height, width)`, as `(channels, height, width)`."""
    kept = []
    handle = dict(net.named_modules())[layer].register_forward_hook(lambda m, i, o: kept.append(o.detach().clone()))
    with torch.no_grad():
        net(image[None].double())
    handle.remove()
    return kept[0][0]


def logit_with(net, layer, image, replacement, target):
    """The logit when a layer's output for one image is replaced."""
    handle = dict(net.named_modules())[layer].register_forward_hook(lambda m, i, o: replacement[None].clone())
    with torch.no_grad():
        logit = float(net(image[None].double())[0, target])
    handle.remove()
    return logit


def mean_over_locations(net, layer, images):
    total, count = 0.0, 0
    for image in images:
        values = activation(net, layer, image)
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                total = total + values[:, row, column].numpy()
                count += 1
    return total / count


def direction(net, layer, concept, random):
    """The CAV by the difference of means."""
    net = prepared(net)
    difference = mean_over_locations(net, layer, concept) - mean_over_locations(net, layer, random)
    return difference / np.sqrt(np.sum(difference**2))


def detector(concept, random, shrinkage):
    """The filter beside the direction, from activations `(images, height, width, channels)` of both sets.

    w ~ M^-1 (m_concept - m_random), M = (1 - g) W + g (tr W / channels) I, W the covariance about each set's own mean.
    """
    channels = concept.shape[-1]
    within, count = np.zeros((channels, channels)), 0
    for side in (concept, random):
        places = side.reshape(-1, channels)
        for place in places:
            within += np.outer(place - places.mean(axis=0), place - places.mean(axis=0))
        count += len(places)
    within /= count
    shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / channels * np.eye(channels)
    found = np.linalg.inv(shrunk) @ (concept.mean(axis=(0, 1, 2)) - random.mean(axis=(0, 1, 2)))
    return found / np.sqrt(np.sum(found**2))


def relevance(net, layer, images, vector, threshold):
    """r(p) of each image, `(images, height, width)`."""
    net, maps = prepared(net), []
    for image in images:
        values = activation(net, layer, image).numpy()
        found = np.zeros(values.shape[1:])
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                for channel in range(values.shape[0]):
                    found[row, column] += vector[channel] * values[channel, row, column]
                found[row, column] -= threshold
        maps.append(found)
    return np.stack(maps)


def contribution(net, layer, images, vector, targets, step=1e-5):
    """c(p) of each image by central differences: one location is moved along v and the rest is run again."""
    net, maps = prepared(net), []
    for image, target in zip(images, targets, strict=True):
        values = activation(net, layer, image)
        found = np.zeros(values.shape[1:])
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                sides = []
                for sign in (1, -1):
                    moved = values.clone()
                    moved[:, row, column] += sign * step * torch.from_numpy(vector)
                    sides.append(logit_with(net, layer, image, moved, target))
                found[row, column] = (sides[0] - sides[1]) / (2 * step)
        maps.append(found)
    return np.stack(maps)


def whole_layer_derivative(net, layer, image, vector, target, step=1e-6):
    """The derivative of the logit for v tiled over the grid, by central differences."""
    net = prepared(net)
    values = activation(net, layer, image)
    tiled = torch.from_numpy(vector)[:, None, None].expand_as(values)
    up, down = (logit_with(net, layer, image, values + sign * step * tiled, target) for sign in (1, -1))
    return (up - down) / (2 * step)
