"""The colours of the viewer (`viewer/js/colours.js`) for matplotlib: those with colour-blindness tell them apart."""

from __future__ import annotations

from matplotlib.colors import Colormap, LinearSegmentedColormap

CIVIDIS = [
    (0, 32, 81), (10, 48, 110), (60, 77, 110), (94, 98, 112), (127, 124, 117), (160, 151, 113), (193, 178, 101),
    (228, 207, 82), (253, 234, 69),
]  # fmt: skip
"""Stops, as red, green, blue: cividis, as of Nunez, Anderton and Renslow (2018), from what is least."""

BLUE_ORANGE = [
    (8, 64, 129), (38, 111, 178), (107, 168, 214), (178, 211, 233), (242, 242, 240), (253, 208, 162), (249, 151, 72),
    (217, 95, 14), (140, 45, 4),
]  # fmt: skip
"""From blue over light grey to orange, with zero in the middle."""


def colour_map(*, signed: bool) -> Colormap:
    """Give the colours of contribution, which is signed, or of relevance."""
    stops = [tuple(part / 255 for part in stop) for stop in (BLUE_ORANGE if signed else CIVIDIS)]
    return LinearSegmentedColormap.from_list("sacv-signed" if signed else "sacv", stops)
