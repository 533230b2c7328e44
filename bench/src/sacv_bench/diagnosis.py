"""Properties of a diagnosis on the synthetic clinic: folds by patient, matched strata, a vignette, image scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import kstwobign
from sklearn.metrics import roc_auc_score

from sacv.cav import ConceptBank, fit
from sacv.cav.image_scores import image_scores
from sacv.concepts import Table, from_table
from sacv.solvers import LDA, MeanDifference
from sacv.trust import Audit, audit
from sacv_bench.clinic import Clinic, Photo, load, write_clinic
from sacv_bench.metrics import coverage

LAYER = "blocks.4"
"""Where a veil is seen best inside the lesions."""

EARLY = "blocks.3"
"""Where the skin of a patient is seen well."""

BATCH = 32
FOLDS = 5

Float64 = NDArray[np.float64]
Painted = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""An image and the mask of its lesion."""


def cells_inside(painted: Sequence[Painted], layer: str = LAYER) -> list[tuple[Float64, Float64]]:
    """Yield for each image its activations `(locations, channels)` and the share of each location in the lesion."""
    model, found = load(), []
    for start in range(0, len(painted), BATCH):
        part = painted[start : start + BATCH]
        inputs = model.inputs([Image.fromarray(image) for image, _ in part])
        cells = model.activations(inputs, [layer])[layer].cells.double().numpy()
        for values, (_, mask) in zip(cells, part, strict=True):
            shares = coverage(mask, (values.shape[0], values.shape[1]))
            found.append((values.reshape(-1, values.shape[-1]), shares.ravel()))
    return found


def means_inside(painted: Sequence[Painted], layer: str = LAYER) -> Float64:
    """Return the mean activations inside the lesions, `(count, channels)`."""
    return np.stack([shares @ values / shares.sum() for values, shares in cells_inside(painted, layer)])


def _stored(folder: Path, photos: Sequence[Photo]) -> list[Painted]:
    pairs = [[Image.open(folder / part / f"{photo.name}.png") for part in ("photos", "masks")] for photo in photos]
    return [(np.asarray(image), np.asarray(mask) > 0) for image, mask in pairs]


def planted(photos: Sequence[Photo], layer: str = LAYER) -> Float64:
    """Return the direction of a veil, L2 norm 1: the mean change inside the lesions where one is painted into them."""
    veiled, bare = ([replace(photo, veil=veil, vignette=False).paint() for photo in photos] for veil in (True, False))
    step = means_inside(veiled, layer).mean(axis=0) - means_inside(bare, layer).mean(axis=0)
    found: Float64 = step / np.linalg.norm(step)
    return found


# Folds by patient


def random_labels(
    folder: Path, clinic: Clinic, trials: int, *, patients: int = 8, layer: str = EARLY
) -> dict[str | None, list[float]]:
    """Return held-out AUROCs of images for random labels, with folds by image (None) and by patient.

    In each trial `patients` of the clinic are drawn, and half of them are called sick by chance.
    """
    rows = pd.read_csv(write_clinic(folder, clinic.photos()), dtype=str)
    model, every = load(), rows["patient"].unique()
    found: dict[str | None, list[float]] = {None: [], "patient": []}
    for trial in range(trials):
        drawn = np.random.default_rng([clinic.seed, trial]).permutation(every)[:patients]
        chosen = rows[rows["patient"].isin(drawn)].assign(sick=rows["patient"].isin(drawn[::2]).astype(str))
        for group, areas in found.items():
            table = from_table(chosen, folder / "photos", {"sick": ("sick", ["True"])}, group=group)
            bank = fit(
                model,
                [layer],
                table.concepts,
                solver=LDA(shrinkage=1e-4),
                folds=patients // 2,
                runs=1,
                nulls=0,
                seed=trial,
                batch_size=BATCH,
            )
            areas.append(bank.cavs[0].quality.image_auroc)
    return found


# Strata


@dataclass(frozen=True, eq=False)
class Confounded:
    """Photos of which any confounding of veil and diagnosis can be drawn: each lesion in all four ways.

    Parameters
    ----------
    folder
        Where they are.
    photos
        Of each lesion: benign and malignant, without and with a veil.
    planted
        The direction of a veil.
    """

    folder: Path
    photos: tuple[tuple[Photo, ...], ...]
    planted: Float64

    def table(self, confounding: float, seed: int = 0) -> Table:
        """Draw one photo of each lesion, so that veil and diagnosis go together so strongly."""
        drawn = Clinic(len(self.photos), 1, confounding, seed=seed).photos()
        rows = [ways[2 * one.malignant + one.veil].row for ways, one in zip(self.photos, drawn, strict=True)]
        return from_table(
            pd.DataFrame(rows), self.folder / "photos", {"veil": ("veil", ["P"])}, strata=["diagnosis"], group="patient"
        )

    def cosine(self, confounding: float, *, match: bool, seed: int = 0) -> float:
        """Return the cosine between the direction found, matched within the diagnosis or not, and the planted one."""
        bank = _fit(self.table(confounding, seed), self.folder / "masks", match=match)
        return float(bank.cavs[0].vector @ self.planted)


def confounded(folder: Path, lesions: int, seed: int = 0) -> Confounded:
    """Paint lesions in all four ways."""
    bases = Clinic(lesions, 1, seed=seed).photos()
    photos = tuple(tuple(_way(base, malignant, veil) for malignant in (0, 1) for veil in (0, 1)) for base in bases)
    every = [photo for ways in photos for photo in ways]
    write_clinic(folder, every)
    means = means_inside(_stored(folder, every)).reshape(lesions, 2, 2, -1)
    step = (means[:, :, 1] - means[:, :, 0]).mean(axis=(0, 1))
    return Confounded(folder, photos, step / np.linalg.norm(step))


def _way(photo: Photo, malignant: int, veil: int) -> Photo:
    return replace(photo, name=f"{photo.patient}-{malignant}{veil}", malignant=bool(malignant), veil=bool(veil))


def _fit(table: Table, masks: Path | None, *, match: bool = False) -> ConceptBank:
    return fit(
        load(),
        [LAYER],
        table.concepts,
        solver=MeanDifference(),
        folds=2,
        runs=1,
        nulls=0,
        within=masks,
        match=match,
        batch_size=BATCH,
    )


# A vignette


@dataclass(frozen=True, eq=False)
class Vignetted:
    """Figures of a bank of the veil if only the images without it have a vignette.

    Parameters
    ----------
    cosine
        Between its direction and the planted one.
    auroc
        Of new images, none of which has a vignette: veil against none, by their mean inside the lesions.
    audit
        Of the bank.
    """

    cosine: float
    auroc: float
    audit: Audit

    @property
    def trivial(self) -> tuple[bool | None, str]:
        """Result and reason of the audit's check of trivial image statistics."""
        (found,) = (finding for finding in self.audit.findings if finding.check == "looks")
        return found.passed, found.reason


def vignetted(folder: Path, patients: int, seed: int = 0) -> dict[str, Vignetted]:
    """Return the figures without a vignette, with one, and with one but inside the lesions' masks."""
    clear = Clinic(patients, 1, 0.0, seed=seed)
    new = Clinic(patients, 1, 0.0, seed=seed + 1).photos()
    truth, means, shows = planted(new), means_inside([photo.paint() for photo in new]), [photo.veil for photo in new]
    found = {}
    for name, vignette, within in (
        ("no vignette", False, False),
        ("vignette", True, False),
        ("vignette, within masks", True, True),
    ):
        out = folder / ("dark" if vignette else "clear")
        rows = write_clinic(out, replace(clear, vignette=vignette).photos())
        masks = out / "masks" if within else None
        table = from_table(rows, out / "photos", {"veil": ("veil", ["P"])}, group="patient")
        bank = _fit(table, masks)
        vector = bank.cavs[0].vector
        audited = audit(load(), bank, table.images, 0, within=masks, seed=seed)
        found[name] = Vignetted(float(vector @ truth), float(roc_auc_score(shows, means @ vector)), audited)
    return found


# Image scores


def image_p_values(count: int, new: int, seed: int = 0) -> Float64:
    """Return the p-values of new images without a veil, held against `count` with and as many without one."""
    known = Clinic(2 * count, 1, seed=seed).photos()
    cells = [values[shares >= 0.5] for values, shares in cells_inside([photo.paint() for photo in known])]
    shows, fold = np.array([photo.veil for photo in known]), np.arange(len(known)) % FOLDS
    means = np.stack([values.mean(axis=0) for values in cells])
    steps = np.stack(
        [means[shows & (fold != one)].mean(axis=0) - means[~shows & (fold != one)].mean(axis=0) for one in range(FOLDS)]
    )
    directions = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    scores = image_scores(
        dict(enumerate(directions)), cells, fold.tolist(), shows.tolist(), [photo.patient for photo in known]
    )
    without = [photo.paint() for photo in Clinic(2 * new, 1, seed=seed + 1).photos() if not photo.veil]
    reached = [(values[shares >= 0.5] @ directions.T).max(axis=0) for values, shares in cells_inside(without)]
    found = scores.p_values(np.stack(reached))
    if found is None:
        raise ValueError(f"{count} images without a veil are too few for p-values")
    return found


def uniformity(p_values: Float64, others: int) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov distance of p-values from uniform, and how likely so large a one is by chance.

    The p-values share the images that they are held against, so that they are ranks of one sample among another: the
    distance is that of two samples.
    """
    steps = np.arange(1, others + 2) / (others + 1)
    reached = np.searchsorted(np.sort(p_values), steps + 1e-9, side="right") / len(p_values)
    distance = float(np.abs(reached - steps).max())
    size = len(p_values) * others / (len(p_values) + others)
    return distance, float(kstwobign.sf(np.sqrt(size) * distance))
