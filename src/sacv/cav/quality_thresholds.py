"""Quality thresholds: the minimum quality figures of a CAV that explains anything.

They are low. A CAV below them hardly separates its concept from random on held-out images, or its direction depends on
the random set. A CAV above them need not be meaningful.
"""

from __future__ import annotations

from collections.abc import Sequence

from sacv.cav.vector import CAV
from sacv.errors import WeakConceptError

LEAST_IMAGES = 5
LEAST_AUROC = 0.65
LEAST_COSINE = 0.5


def weaknesses(cav: CAV) -> tuple[str, ...]:
    """Return a message for each quality threshold that a CAV is below, with the figure and what to do."""
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
            "interval above 0.5): add images, use random images that differ only in the concept, or use another layer"
        )
    if quality.image_score_auroc is not None and quality.image_score_interval is not None:
        low = quality.image_score_interval[0]
        if quality.image_score_auroc < LEAST_AUROC or low <= 0.5:
            found.append(
                f"the AUROC of its image score on held-out images is {quality.image_score_auroc:.2f}, 95 % interval "
                f"from {low:.2f} (at least {LEAST_AUROC}, and the interval above 0.5): the layer may not represent the "
                "concept; use another layer, or add images"
            )
    if quality.run_cosine is not None and quality.run_cosine < LEAST_COSINE:
        found.append(
            f"its direction changes with the random set, mean cosine between runs {quality.run_cosine:.2f} (at least "
            f"{LEAST_COSINE}): add random images, or use a solver with less variance, such as MeanDifference()"
        )
    return tuple(found)


def require_strong(cavs: Sequence[CAV], *, allow_weak: bool) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the weaknesses of the weak CAVs, by layer and concept.

    Raises
    ------
    WeakConceptError
        If a CAV is weak and `allow_weak` is False.
    """
    found = {(cav.layer, cav.concept): messages for cav in cavs if (messages := weaknesses(cav))}
    if found and not allow_weak:
        listed = "; ".join(
            f"{concept!r} at {layer!r}: {', and '.join(messages)}" for (layer, concept), messages in found.items()
        )
        raise WeakConceptError(
            f"below the quality thresholds: {listed}. To use these CAVs anyway, with a warning in every output, give "
            "--allow-weak (allow_weak=True)"
        )
    return found
