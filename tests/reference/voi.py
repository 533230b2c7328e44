"""The windows of DICOM, value by value as PS3.3 C.11.2.1.2 and C.11.2.1.3 write them, with ymin 0 and ymax 1."""

import math


def linear(x, c, w):
    if x <= c - 0.5 - (w - 1) / 2:
        return 0.0
    if x > c - 0.5 + (w - 1) / 2:
        return 1.0
    return ((x - (c - 0.5)) / (w - 1) + 0.5) * (1 - 0) + 0


def linear_exact(x, c, w):
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 1.0
    return ((x - c) / w + 0.5) * (1 - 0) + 0


def sigmoid(x, c, w):
    try:
        return (1 - 0) / (1 + math.exp(-4 * (x - c) / w)) + 0
    except OverflowError:
        return 0.0


FUNCTIONS = {"LINEAR": linear, "LINEAR_EXACT": linear_exact, "SIGMOID": sigmoid}
