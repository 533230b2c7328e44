"""Links that open a page of the viewer at a view: `#image=..&concept=..&layer=..&target=..&map=..`.

The page reads them in `js/link.js`, and writes its view into its address in the same way.
"""

from __future__ import annotations

from urllib.parse import quote

SAFE = "!'()*"
"""Characters that JavaScript's `encodeURIComponent` does not escape, besides those of `quote`."""


def fragment(
    *,
    image: str | None = None,
    concept: str | None = None,
    layer: str | None = None,
    target: str | None = None,
    map: str | None = None,
) -> str:
    """Return the fragment of a link; the page chooses the parts that are None.

    Parameters
    ----------
    image
        Path of the image.
    concept, layer, target
        Names.
    map
        "relevance", "contribution", "present" or "chance".
    """
    names = {"image": image, "concept": concept, "layer": layer, "target": target, "map": map}
    return "#" + "&".join(f"{part}={quote(name, safe=SAFE)}" for part, name in names.items() if name is not None)
