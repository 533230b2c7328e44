"""The figures of a concept bank, for people and for machines: what `sacv fit` and `sacv bank show` print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sacv.cli.console import say, say_table

if TYPE_CHECKING:
    from sacv.cav import CAV, ConceptBank, Quality
    from sacv.cav.context import BankContext
    from sacv.cav.image_scores import ImageScores
    from sacv.cav.sets import BankSet
    from sacv.cav.within import BankWithin

REMARKABLE_LOOKS = 0.9
REMARKABLE_COSINE = 0.7
REMARKABLE_KIND = 0.75
FEW_GROUPS = 10
SENTENCES = 8
"""CAVs up to which each gets a sentence."""


def summary(bank: ConceptBank) -> dict[str, Any]:
    """Return the figures of a bank as JSON data."""
    sets = (*bank.sets, bank.absent)
    return {
        "cavs": [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "threshold": cav.threshold,
                "presence": {
                    "threshold": cav.presence.threshold,
                    "pictures": len(cav.presence),
                    **({} if cav.presence.shares is None else {"groups": cav.presence.groups}),
                    "negatives": cav.presence.negatives,
                    "kind": cav.presence.kind,
                    "calibrated": cav.calibrated,
                    "told": cav.calibration.description,
                },
                **({} if cav.image_scores is None else {"image_scores": image_scores_summary(cav.image_scores)}),
                "quality": cav.quality.stored(),
                "statistics": dict(cav.statistics),
            }
            for cav in bank.cavs
        ],
        "skipped": [{"name": name, "reason": reason} for entry in sets for name, reason in entry.skipped],
        "repeats": [{"left_out": name, "kept": kept} for entry in sets for name, kept in entry.repeats],
        **({} if bank.context is None else {"context": bank.context.to_json()}),
        **({} if bank.within is None else {"within": bank.within.to_json()}),
        "regions": [
            {
                "concept": entry.concept,
                "marked": entry.count,
                "negatives": entry.negatives,
                "unused": entry.unused,
                "unmatched": entry.unmatched,
            }
            for entry in bank.sets
            if entry.regions
        ],
        "rows": [
            {
                "concept": entry.concept,
                "shown": entry.count,
                "random": entry.negatives,
                "unused": entry.unused,
                "missing": entry.missing,
                **({} if entry.unpaired is None else {"unpaired": entry.unpaired}),
            }
            for entry in bank.sets
            if entry.missing is not None
        ],
    }


def image_scores_summary(scores: ImageScores) -> dict[str, Any]:
    """Return the counts of image scores; their AUROC is part of the quality figures."""
    return {
        "pictures": len(scores),
        "shown": int(scores.shows.sum()),
        "others": scores.others,
        "left_out": scores.left_out,
        "calibrated": scores.calibrated,
    }


def show_bank(bank: ConceptBank) -> None:
    """Print the figures of a bank for people: sentences with the result, a narrow table, then remarks."""
    for text in verdicts(bank):
        say(text)
    say()
    scored = any(cav.image_scores is not None for cav in bank.cavs)
    say_table(
        [
            *("layer", "concept", "images", "random", "accuracy", "AUROC"),
            *(("image score AUROC",) if scored else ()),
            "run cosine",
        ],
        [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "images": _images(cav.quality.images, cav.quality.groups),
                "random": _images(cav.quality.random_images, cav.quality.random_groups),
                "accuracy": f"{cav.quality.accuracy:.3f}",
                "AUROC": _with_interval(cav.quality.auroc, cav.quality.auroc_interval),
                "image score AUROC": _image_score_auroc(cav.quality),
                "run cosine": "-" if cav.quality.run_cosine is None else f"{cav.quality.run_cosine:.3f}",
            }
            for cav in bank.cavs
        ],
    )
    say("\nAccuracy is balanced; chance is 0.5 for accuracy and AUROC.")
    if scored:
        say("The image score is the greatest evidence anywhere in an image.")
    for text, where in presence_calibrations(bank).items():
        say(f"Presence mask, {where}: {text}")
    for cav in bank.cavs:
        for remark in remarks(cav):
            say(f"{cav.layer}, {cav.concept}: {remark}")
    if bank.within is not None:
        say("\n".join(within_remarks(bank.within)))
    if bank.context is not None:
        say("\n".join(context_remarks(bank.context)))
    for entry in (*bank.sets, bank.absent):
        for remark in region_remarks(entry) if entry.missing is None else [rows_summary(entry)]:
            say(f"{entry.concept}: {remark}")
        for _, reason in entry.skipped:
            say(f"Left out, unreadable: {reason}")
        for name, first in entry.repeats:
            say(f"Left out, the same image as {first}: {name}")


def verdicts(bank: ConceptBank) -> Iterator[str]:
    """Yield sentences that state which CAVs meet the quality thresholds: one for each of a few, else for the weak."""
    from sacv.cav import weaknesses

    weak = {(cav.layer, cav.concept): weaknesses(cav) for cav in bank.cavs}
    few = len(bank.cavs) <= SENTENCES
    if not few:
        good = sum(not reasons for reasons in weak.values())
        yield f"{good} of {len(bank.cavs)} CAVs are good enough to explain with."
    for cav in bank.cavs:
        reasons = weak[cav.layer, cav.concept]
        auroc = _with_interval(cav.quality.auroc, cav.quality.auroc_interval)
        judged = f"too weak to explain with: {', and '.join(reasons)}" if reasons else "good enough to explain with"
        if few or reasons:
            yield f"{cav.concept} at {cav.layer}: AUROC {auroc} on held-out images; {judged}."


def presence_calibrations(bank: ConceptBank) -> dict[str, str]:
    """Return what the presence masks are calibrated on, with the layers and concepts; "all" if they are alike."""
    found: dict[str, list[str]] = {}
    for cav in bank.cavs:
        found.setdefault(cav.calibration.description, []).append(f"{cav.layer}, {cav.concept}")
    return {text: "all" if len(found) == 1 else "; ".join(where) for text, where in found.items()}


def within_remarks(within: BankWithin) -> Iterator[str]:
    """Yield the share of the images inside the masks, and a comparison with whole images for each layer and concept."""
    yield f"Within masks: {within.description}"
    for one in within.compared:
        yield f"{one.layer}, {one.concept}: {one}"


def context_remarks(context: BankContext) -> Iterator[str]:
    """Yield the result of pasting textures into context images, for each layer and concept."""
    yield f"In context: {len(context.composites)} composites, textures pasted into {len(context.photos)} photos."
    for entry in context.evidence:
        yield f"{entry.layer}, {entry.concept}: {entry}"
    for name in context.too_few:
        yield f"{name}: learned from full frames only, because too few composites show it; give more images"
    for _, reason in context.skipped:
        yield f"Left out of the context, unreadable: {reason}"


def remarks(cav: CAV) -> Iterator[str]:
    """Yield what is remarkable about a CAV, each with its figure and its meaning."""
    for name, area in cav.quality.statistics_auroc.items():
        if area > REMARKABLE_LOOKS:
            yield (
                f"{name} alone separates concept and random images (AUROC {area:.2f}); the CAV may represent it; "
                "give random images that do not differ in it"
            )
    yield from map(str, cav.quality.strata)
    yield from group_remarks(cav)
    yield from random_remarks(cav)
    absent = cav.quality.absent
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        many = "1 image" if len(absent) == 1 else f"{len(absent)} images"
        score = "scores" if len(absent) == 1 else "score"
        yield f"{many} of {cav.concept!r} {score} below the median random image: {', '.join(absent[:5])}{more}"
    for other, cosine in cav.quality.cosine.items():
        if abs(cosine) > REMARKABLE_COSINE:
            meaning = "hardly separates the two" if cosine > 0 else "represents one as the opposite of the other"
            yield f"the cosine with {other!r} is {cosine:.2f}: this layer {meaning}"


def group_remarks(cav: CAV) -> Iterator[str]:
    """Yield a remark where there are too few groups for reliable figures."""
    for groups, images in (
        (cav.quality.groups, f"{cav.quality.images} images"),
        (cav.quality.random_groups, f"{cav.quality.random_images} random images"),
    ):
        if groups is not None and groups < FEW_GROUPS:
            yield (
                f"the {images} come from only {groups} groups, such as patients; held-out figures and intervals are "
                f"unreliable; give images of {FEW_GROUPS} groups or more"
            )


def random_remarks(cav: CAV) -> Iterator[str]:
    """Yield the weight of random images that are given in addition to annotated images, and their effect."""
    apart = cav.statistics.get("pool_auroc")
    if apart is None:
        return
    kind = "different from" if apart > REMARKABLE_KIND else "similar to"
    weight, cosine = cav.statistics["pool_weight"], cav.statistics["pool_cosine"]
    effect = (
        "they are left out"
        if weight == 0
        else f"their weight is {weight:.2f} of the weight of the rest (cosine with the direction without them "
        f"{cosine:.2f})"
    )
    yield f"the random images are {kind} the rest of the annotated images (held-out AUROC {apart:.2f}): {effect}"


def region_remarks(entry: BankSet) -> Iterator[str]:
    """Yield what happened to annotated images without a region, and to masks without an image."""
    if entry.negatives:
        yield f"{_photos(entry.negatives)} nothing of it: in the random set"
    if entry.unused:
        yield f"{_photos(entry.unused)} nothing of it: left out; with --rest such photos are in the random set"
    if entry.unmatched == 1:
        yield "1 mask or entry of the COCO file has no photo here and was ignored"
    elif entry.unmatched:
        yield f"{entry.unmatched} masks or entries of the COCO file have no photo here and were ignored"


def rows_summary(entry: BankSet) -> str:
    """Return how the rows of a table are used for a concept."""
    parts = [f"{_rows(entry.count)} it"]
    if entry.negatives:
        parts.append(f"{entry.negatives} without it are its random set")
    if entry.unused:
        parts.append(f"{entry.unused} without it are not used, since random images are given")
    if entry.unpaired:
        parts.append(f"{entry.unpaired} are left out, because all or none of the images of their stratum show it")
    parts.append(f"{entry.missing} without a value are left out")
    return "; ".join(parts)


def _images(count: int, groups: int | None) -> int | str:
    return count if groups is None else f"{count} ({groups} groups)"


def _rows(count: int) -> str:
    return "1 row shows" if count == 1 else f"{count} rows show"


def _photos(count: int) -> str:
    return "1 photo shows" if count == 1 else f"{count} photos show"


def _image_score_auroc(quality: Quality) -> str:
    if quality.image_score_auroc is None or quality.image_score_interval is None:
        return "-"
    return _with_interval(quality.image_score_auroc, quality.image_score_interval)


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} ({interval[0]:.2f}-{interval[1]:.2f})"
