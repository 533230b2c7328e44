"""Localisation metrics, written from their definitions with loops over cells.

A map and its mask are flat lists of equal length. Where cells tie, the definitions that need an order are averaged over
every order that goes from high to low, so that grids must be tiny.
"""

from itertools import pairwise, permutations
from statistics import fmean


def orders(values):
    """Every order of cells from high to low."""
    for order in permutations(range(len(values))):
        if all(values[first] >= values[second] for first, second in pairwise(order)):
            yield order


def auroc(values, inside):
    pairs = [
        (a, b) for a, i in zip(values, inside, strict=True) if i for b, j in zip(values, inside, strict=True) if not j
    ]
    return fmean(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs)


def average_precision(values, inside):
    precisions = []
    for value, is_inside in zip(values, inside, strict=True):
        if is_inside:
            precisions.append(fmean(j for other, j in zip(values, inside, strict=True) if other >= value))
    return fmean(precisions)


def pointing(values, inside):
    return fmean(inside[order[0]] for order in orders(values))


def rank_accuracy(values, inside):
    k = sum(inside)
    return fmean(sum(inside[cell] for cell in order[:k]) / k for order in orders(values))


def energy_inside(values, shares):
    total = sum(value for value in values if value > 0)
    return (
        sum(value * share for value, share in zip(values, shares, strict=True) if value > 0) / total if total else 0.0
    )


def iou(values, inside, threshold):
    above = {cell for cell, value in enumerate(values) if value > threshold}
    within = {cell for cell, is_inside in enumerate(inside) if is_inside}
    return len(above & within) / len(above | within)
