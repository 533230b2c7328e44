"""Links that open a page of the viewer on what they name: `#image=..&concept=..&layer=..&target=..&map=..`.

The page reads them in `js/link.js`, and writes what is chosen into its address in the same way.
"""

from __future__ import annotations

from urllib.parse import quote

SAFE = "!'()*"
"""Characters that JavaScript's `encodeURIComponent` leaves as they are, beside those of `quote`."""


def fragment(
    *,
    image: str | None = None,
    concept: str | None = None,
    layer: str | None = None,
    target: str | None = None,
    map: str | None = None,
) -> str:
    """Return the fragment of a link; what is left out is as the page opens.

    Parameters
    ----------
    image
        Its path.
    concept, layer, target
        Their names.
    map
        "relevance", "contribution", "present" or "chance".
    """
    names = {"image": image, "concept": concept, "layer": layer, "target": target, "map": map}
    return "#" + "&".join(f"{part}={quote(name, safe=SAFE)}" for part, name in names.items() if name is not None)
