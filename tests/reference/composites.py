"""A composite painted pixel by pixel."""

import numpy as np
from PIL import Image


def painted(photo, textures, labels, placements):
    """Paint textures over a photo: `placements` gives each texture's quarter turns, size and shift."""
    pixels = np.array(photo)
    for row in range(pixels.shape[0]):
        for column in range(pixels.shape[1]):
            number = labels[row, column]
            if number >= 0:
                turns, size, (down, right) = placements[number]
                small = np.asarray(Image.fromarray(np.rot90(np.asarray(textures[number]), turns)).resize(size, 2))
                pixels[row, column] = small[there(row + down, size[1]), there(column + right, size[0])]
    return pixels


def there(place, length):
    """Walk to and fro over a line."""
    at, step = 0, 1
    for _ in range(place):
        if not 0 <= at + step < length:
            step = -step  # the end is seen twice
        else:
            at += step
    return at


def coverage(labels, number, grid):
    """Count the pixels of a region in each cell of a grid that divides the image."""
    height, width = labels.shape[0] // grid[0], labels.shape[1] // grid[1]
    found = np.zeros(grid)
    for row in range(labels.shape[0]):
        for column in range(labels.shape[1]):
            found[row // height, column // width] += labels[row, column] == number
    return found / (height * width)
