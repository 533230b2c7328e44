"""`audit`: checks that try to refute a bank, each with pass or fail and the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from sacv.cav import CAV, ConceptBank, weaknesses
from sacv.cav.draws import inner
from sacv.cav.inside import Counts, counts_of, inside_of
from sacv.cav.random_runs import null_cavs
from sacv.cav.within import without_masks
from sacv.concepts import ImageItem, MaskItem, Source, Within, WithinSource, image_set
from sacv.concepts.sources import Stored, stored_image
from sacv.errors import OptionError, SacvError, UnreadableImageError
from sacv.model import VisionModel
from sacv.report.display import in_groups
from sacv.report.provenance import versions
from sacv.scores.kinds import CENTRES, evaluate, image_terms
from sacv.scores.significance import p_value
from sacv.solvers import SampleSolver, rebuild
from sacv.targets import Aimed, Class, Given, Target, names_of, require_images, target_of
from sacv.trust.findings import Audit, Finding
from sacv.trust.permutation import permute
from sacv.trust.randomised import shuffled, similarity

IMAGES = 24
"""Maximum number of images used."""

RANDOM_CONCEPTS = 400
"""Fresh random concepts whose false alarms are counted."""

LARGEST_ABSENT = 0.1
LARGEST_TRIVIAL = 0.95
LARGEST_COSINE = 0.9
LEAST_CONDITIONAL = 0.6
LARGEST_SIMILARITY = 0.3
"""The thresholds of the checks."""


def audit(
    model: VisionModel,
    bank: ConceptBank,
    images: Source | None = None,
    target: Given | None = None,
    *,
    within: WithinSource | None = None,
    seed: int = 0,
) -> Audit:
    """Try to refute a bank.

    Checks: the quality thresholds; label permutation; whether every concept image shows the concept; whether a trivial
    statistic separates the sets; entanglement with other concepts; false alarms of fresh random concepts; randomised
    weights; layers where the contribution is constant or zero. For a bank fitted within masks, the share of the images
    inside them, and the figures of whole images.

    Parameters
    ----------
    model
        The model that the bank was fitted with.
    bank
        The bank.
    images
        Images to run the last three checks on; by default those of the bank's random set whose files are
        unchanged. At most 24 are taken.
    target
        The class whose logit is explained, or another of `sacv.targets`; by default the class predicted most often on
        these images.
    within
        Masks of the locations that count in these images (`sacv.Within`, or a source of masks).
    seed
        Of all random draws.

    Raises
    ------
    MismatchError
        If the bank was fitted with another model.
    ImageError
        If an image has no mask.
    """
    bank.require(model)
    findings = [finding for cav in bank.cavs for finding in _on_cav(bank, cav, seed)]
    items = _items(model, bank, images)
    masks = None if within is None else Within.taken(within).of(items)
    findings += _on_masks(bank, masks is not None)
    for layer in bank.layers:
        if items:
            findings += _on_images(model, bank, layer, items, masks, target, seed)
        else:
            findings += [
                Finding(
                    name,
                    layer,
                    None,
                    None,
                    "not run: the files of the bank's random images are missing or changed; give images",
                )
                for name in ("random concepts", "randomised weights", "contribution varies")
            ]
    return Audit(tuple(findings), _provenance(bank, items, target, seed))


def _provenance(bank: ConceptBank, items: Sequence[ImageItem], target: Given | None, seed: int) -> dict[str, Any]:
    return {
        "model": {key: bank.model[key] for key in ("spec", "kind", "fingerprint")},
        "bank": {"fingerprint": bank.fingerprint, "seed": bank.seed},
        "solver": dict(bank.solver),
        "runs": bank.runs,
        "nulls": bank.nulls,
        "target": "the class predicted most often" if target is None else str(_target(target)),
        "images": len(items),
        "seed": seed,
        "versions": versions(),
    }


def _on_cav(bank: ConceptBank, cav: CAV, seed: int) -> Iterator[Finding]:
    def finding(check: str, passed: bool, reason: str) -> Finding:
        return Finding(check, cav.layer, cav.concept, passed, reason)

    quality = cav.quality
    weak = weaknesses(cav)
    figures = f"AUROC {quality.auroc:.2f} ({quality.auroc_interval[0]:.2f} to {quality.auroc_interval[1]:.2f})"
    counts = in_groups(quality.images, quality.groups)
    yield finding("quality", not weak, "; ".join(weak) or f"held-out {figures}, {counts}")
    yield _on_permutation(bank, cav, seed)
    what = "image" if quality.groups is None else "group"
    share = len(quality.absent) / (quality.groups or quality.images)
    yield finding(
        "images show the concept",
        share <= LARGEST_ABSENT,
        f"{share:.0%} of the concept's {what}s score below the median random {what}"
        + (
            f" ({', '.join(quality.absent[:5])}): inspect them and remove those that do not show it"
            if quality.absent
            else ""
        ),
    )
    trivial, area = max(quality.statistics_auroc.items(), key=lambda pair: pair[1])
    yield finding(
        "looks",
        area <= LARGEST_TRIVIAL,
        f"{trivial} alone separates concept and random images with AUROC {area:.2f}"
        + ("" if area <= LARGEST_TRIVIAL else _trivial_advice(bank)),
    )
    for other, cosine in quality.cosine.items():
        conditional = quality.conditional_auroc[other]
        apart = abs(cosine) <= LARGEST_COSINE and conditional >= LEAST_CONDITIONAL
        yield finding(
            "entanglement",
            apart,
            f"cosine {cosine:.2f} with {other!r}; distinguished from it with AUROC {conditional:.2f}"
            + ("" if apart else f": add images of {other!r} to the random set to separate the two"),
        )


def _trivial_advice(bank: ConceptBank) -> str:
    advice = ": the CAV may represent lighting, a vignette or a frame; give random images that differ in the concept"
    return f"{advice} alone" if bank.within else f"{advice} alone, or use only locations inside masks (--within)"


def _on_permutation(bank: ConceptBank, cav: CAV, seed: int) -> Finding:
    try:
        sampled = isinstance(inner(rebuild(bank.solver)), SampleSolver)
    except OptionError as error:
        return Finding("label permutation", cav.layer, cav.concept, None, f"not run: {error}")
    found = permute(bank, cav.layer, cav.concept, 9 if sampled else 99, np.random.default_rng([seed, 1]))
    centre, top = float(np.mean(found.permuted)), float(np.quantile(found.permuted, 0.95))
    passed = found.true > top and abs(centre - 0.5) < 0.1
    reason = (
        f"AUROC {found.true:.2f} with the true labels; permuted labels {centre:.2f} on average, 95 % below {top:.2f}"
    )
    return Finding(
        "label permutation",
        cav.layer,
        cav.concept,
        passed,
        reason if passed else f"{reason}: the labels do not matter enough; add images, or use another layer",
    )


def _items(model: VisionModel, bank: ConceptBank, images: Source | None) -> list[ImageItem]:
    if images is not None:
        return list(image_set("the images to audit on", images, window=model.window))[:IMAGES]
    found: list[ImageItem] = []
    for image in bank.sets[-1].images:
        one = stored_image(image.name) if len(found) < IMAGES else None
        if one is not None and _has(one, image.digest):
            found.append(ImageItem(image.name, image.digest, partial(one.load, model.window)))
    return found


def _has(one: Stored, digest: str) -> bool:
    try:
        return one.digest() == digest
    except UnreadableImageError:
        return False


def _on_masks(bank: ConceptBank, within: bool) -> Iterator[Finding]:
    if bank.within is None:
        return
    for layer in bank.layers:
        if not within:
            yield Finding("within masks", layer, None, None, f"not run: {without_masks(bank.within)}")
        else:
            yield Finding("within masks", layer, None, True, f"the fit used {bank.within.description}")
    for one in bank.within.compared:
        yield Finding("outside the masks", one.layer, one.concept, True, str(one))


def _on_images(
    model: VisionModel,
    bank: ConceptBank,
    layer: str,
    items: list[ImageItem],
    masks: Sequence[MaskItem] | None,
    target: Given | None,
    seed: int,
) -> Iterator[Finding]:
    images = [item.load() for item in items]
    inputs = model.inputs(images)
    aim = Class(_likeliest(model, inputs)) if target is None else _target(target)
    aim = aim.named(names_of(model))
    require_images(aim, len(items))
    trace = model.trace(inputs, [layer], [Aimed(aim)])
    gradients, cells = trace.gradients[0][layer], trace.activations[layer].cells
    yield _varies(layer, gradients, str(aim), f"the logit of {aim}" if isinstance(aim, Class) else aim.value)
    counts: Counts | None = None
    if masks is not None:
        insides = [inside_of(model, *pair) for pair in zip(items, images, masks, strict=True)]
        counts = counts_of(insides, tuple(cells.shape[1:-1]), layer)
    yield _false_alarms(bank, layer, bank.preprocessing(cells), gradients, counts, seed)
    cavs = [bank.cav(layer, concept) for concept in bank.concepts]
    try:
        alike = similarity(model, shuffled(model, seed), inputs, layer, cavs, bank.preprocessing, counts)
    except SacvError as error:
        yield Finding("randomised weights", layer, None, None, f"not run: the shuffled network fails ({error})")
        return
    for concept, value in alike.items():
        passed = abs(value) <= LARGEST_SIMILARITY
        follow = "they follow the image" if value > 0 else "they follow the image with the sign reversed"
        yield Finding(
            "randomised weights",
            layer,
            concept,
            passed,
            f"maps of a network with shuffled weights correlate by {value:.2f} with the trained one's"
            + ("" if passed else f": {follow}, not what the network has learnt; use a deeper layer"),
        )


def _likeliest(model: VisionModel, inputs: torch.Tensor) -> int:
    return int(model.logits(inputs).argmax(dim=1).mode().values)


def _target(target: Given) -> Target:
    """Return the target; an audit has a single target, so the predicted class of each image is not one."""
    return Class(target) if isinstance(target, str) else target_of(target, None)


def _varies(layer: str, gradients: torch.Tensor, target: str, value: str) -> Finding:
    flat = gradients.flatten(1, -2)
    largest = float(flat.abs().max())
    if largest == 0:
        return Finding(
            "contribution varies",
            layer,
            None,
            False,
            f"{value} does not change with this layer's locations; ask an earlier layer",
        )
    spread = float((flat - flat[:, :1]).abs().max()) / largest
    passed = spread > 1e-5
    return Finding(
        "contribution varies",
        layer,
        None,
        passed,
        f"the gradient of {target} varies over the locations"
        if passed
        else f"the gradient of {target} is the same at every location (global average pooling and a linear head "
        "follow); use an earlier layer, or the relevance alone",
    )


def _false_alarms(
    bank: ConceptBank,
    layer: str,
    cells: torch.Tensor,
    gradients: torch.Tensor,
    counts: Counts | None,
    seed: int,
) -> Finding:
    """Check how often fresh random concepts are significant against the bank's null."""
    null = bank.cav(layer, bank.concepts[0]).null
    pool = bank.pool(layer, bank.concepts[0])
    name = "random concepts"
    if not len(null):
        return Finding(name, layer, None, None, "not run: the bank has no null; fit with nulls=199")
    try:
        solver = inner(rebuild(bank.solver))
    except OptionError as error:
        return Finding(name, layer, None, None, f"not run: {error}")
    count = 10 if isinstance(solver, SampleSolver) else RANDOM_CONCEPTS
    size = bank.statistics[layer, f"concept/{bank.concepts[0]}"].count
    fresh = null_cavs(solver, pool, None, size, count, np.random.default_rng([seed, 2]))
    sums = [
        image_terms(cells, gradients, drawn.vectors, drawn.thresholds, inside=counts).columns().sum(axis=0)
        for drawn in (fresh, null)
    ]
    shares = {}
    for kind, centre in CENTRES.items():
        values, others = (evaluate(kind, part) for part in sums)
        shares[kind] = float(np.mean([p_value(float(value), others, centre) <= 0.05 for value in values]))
    worst = max(shares, key=shares.__getitem__)
    # The concepts counted and the null are both random draws: allow three standard errors of the share.
    limit = 0.05 + 3 * float(np.sqrt(0.05 * 0.95 * (1 / count + 1 / len(null))))
    passed = shares[worst] <= limit
    return Finding(
        name,
        layer,
        None,
        passed,
        f"of {count} random concepts at most {shares[worst]:.0%} are called significant at 5 % ({worst}; threshold "
        f"{limit:.0%})"
        + ("" if passed else ": the random set is too small or too uneven; add random images and raise nulls"),
    )
