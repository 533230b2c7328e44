"""The bars that a CAV must clear before anything is explained with it.

They are low: a CAV below them tells its concept from random hardly better than chance on images that it has not seen,
or turns elsewhere with every random set. Clearing them does not show that a layer answers the question asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from sacv.cav.vector import CAV
from sacv.errors import WeakConceptError

LEAST_IMAGES = 5
LEAST_AUROC = 0.65
LEAST_COSINE = 0.5


def weaknesses(cav: CAV) -> tuple[str, ...]:
    """Tell in which ways a CAV falls below the bars, each with its figure and what to do."""
    quality = cav.quality
    found = []
    if quality.images < LEAST_IMAGES:
        found.append(f"it has {quality.images} images (at least {LEAST_IMAGES}): add images of the concept")
    elif quality.groups is not None and quality.groups < LEAST_IMAGES:
        found.append(
            f"its {quality.images} images are of {quality.groups} groups, such as patients (at least {LEAST_IMAGES}): "
            "add images of other groups"
        )
    if quality.random_groups is not None and quality.random_groups < LEAST_IMAGES:
        found.append(
            f"its {quality.random_images} random images are of {quality.random_groups} groups, such as patients (at "
            f"least {LEAST_IMAGES}): add random images of other groups"
        )
    low = quality.auroc_interval[0]
    if quality.auroc < LEAST_AUROC or low <= 0.5:
        found.append(
            f"its held-out AUROC is {quality.auroc:.2f}, 95 % interval from {low:.2f} (at least {LEAST_AUROC}, and the "
            "interval above 0.5): add images, take random images that differ in the concept alone, or ask another layer"
        )
    if quality.image_score_auroc is not None and quality.image_score_interval is not None:
        low = quality.image_score_interval[0]
        if quality.image_score_auroc < LEAST_AUROC or low <= 0.5:
            found.append(
                "its image score tells held-out pictures with it from those without it with AUROC "
                f"{quality.image_score_auroc:.2f}, 95 % interval from {low:.2f} (at least {LEAST_AUROC}, and the "
                "interval above 0.5): the layer may not hold it, so ask another, or add pictures"
            )
    if quality.run_cosine is not None and quality.run_cosine < LEAST_COSINE:
        found.append(
            f"its direction changes with the random set, mean cosine between runs {quality.run_cosine:.2f} (at least "
            f"{LEAST_COSINE}): add random images, or take a solver that is steadier, such as MeanDifference()"
        )
    return tuple(found)


def require_strong(cavs: Sequence[CAV], *, allow_weak: bool) -> dict[tuple[str, str], tuple[str, ...]]:
    """Give the weaknesses of those CAVs that have any, by layer and concept.

    Raises
    ------
    WeakConceptError
        If there are any and `allow_weak` is not set.
    """
    found = {(cav.layer, cav.concept): told for cav in cavs if (told := weaknesses(cav))}
    if found and not allow_weak:
        listed = "; ".join(
            f"{concept!r} at {layer!r}: {', and '.join(told)}" for (layer, concept), told in found.items()
        )
        raise WeakConceptError(
            f"too weak to explain with: {listed}. To go on all the same, with every output marked, give --allow-weak "
            "(allow_weak=True)"
        )
    return found
