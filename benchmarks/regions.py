"""How well a concept marked on one photo is found on another, for each solver: leave-one-photo-out.

    python benchmarks/regions.py [--layer features.12]

Needs the real material (SACV_REAL_DATA): a network, two photos with masks of zebras, and other photos. The marked part
of one photo is the concept; the rest of it and the other photos are random; the AUROC is over the cells of the photo
left out, inside the mask against outside.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from sklearn.linear_model import SGDClassifier
from speed.networks import real_data

import sacv
from sacv.cav import RANDOM, Preprocessing
from sacv.cav.draws import inner
from sacv.cav.statistics import SetStatistics
from sacv.concepts import image_set
from sacv.solvers import (
    DEFAULT,
    LDA,
    LinearSVM,
    Logistic,
    MeanDifference,
    MomentSolver,
    Ridge,
    Sklearn,
    Solver,
    UnitLength,
)
from sacv_bench.metrics import auroc, coverage, read_mask

SOLVERS: tuple[Solver, ...] = (
    MeanDifference(),
    LDA(),
    LDA("oas"),
    Ridge(),
    Logistic(),
    LinearSVM(),
    Sklearn(SGDClassifier(alpha=0.01, random_state=0)),
    UnitLength(MeanDifference()),
    UnitLength(LDA()),
    UnitLength(LDA(0.5)),
    UnitLength(Logistic()),
    DEFAULT,
    UnitLength(LDA(), smoothing=1.0),
)


def without(bank: sacv.ConceptBank, layer: str, key: str, photo: str) -> SetStatistics:
    """Give a set's statistics without the fold that holds a photo."""
    found = bank.statistics[layer, key]
    entry = next(one for one in bank.sets if one.key == key)
    fold = found.image_fold[[image.digest for image in entry.images].index(photo)]
    kept = found.image_fold != fold
    folds = tuple(part for number, part in enumerate(found.folds) if number != fold)
    return SetStatistics(folds, found.image_fold, found.images, found.sample.of_images(kept))


def vector_without(bank: sacv.ConceptBank, layer: str, solver: Solver, photo: str) -> np.ndarray:
    """Fit the concept without a photo, and without the random images of its fold, from the bank alone."""
    sides = [without(bank, layer, key, photo) for key in ("concept/zebra", RANDOM)]
    found = inner(solver)
    if isinstance(found, MomentSolver):
        return found.solve(*(side.total() for side in sides)).detector
    return found.solve(*(side.sample for side in sides)).detector  # type: ignore[arg-type]


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layer", default="features.12")
    layer = parser.parse_args().layer
    data = real_data()
    names = json.loads((data / "imagenet_classes.json").read_text())
    model = sacv.load_model(f"{data / 'squeezenet.py'}:load", class_names=names)
    photos = list(image_set("zebra", data / "photos" / "zebra"))
    masks = [read_mask(str(path)) for path in sorted((data / "masks" / "zebra").iterdir())]
    region = sacv.Region(data / "photos" / "zebra", data / "masks" / "zebra")
    inputs = model.inputs([photo.load() for photo in photos])
    cells = model.activations(inputs, [layer])[layer].cells
    print(
        f"Zebras marked on one photo, found on the other, at {layer}; {len(photos)} photos, photos/random as the rest\n"
    )
    print(f"{'solver':<68} {'AUROC on each photo left out':<30} mean")
    banks: dict[Preprocessing, sacv.ConceptBank] = {}
    for solver in SOLVERS:
        preprocessing = Preprocessing.of(solver)
        if preprocessing not in banks:
            plain = MeanDifference()
            banks[preprocessing] = sacv.fit(
                model,
                [layer],
                random=[data / "photos" / "random"],
                regions={"zebra": region},
                rest=True,
                solver=UnitLength(plain, preprocessing.smoothing) if preprocessing.normalised else plain,
                locations=64,
            )
        read = preprocessing(cells).double().numpy()
        areas = []
        for photo, mask, seen in zip(photos, masks, read, strict=True):
            vector = vector_without(banks[preprocessing], layer, solver, photo.digest)
            box = model.seen(photo.load())[1]
            areas.append(auroc(seen @ vector, coverage(mask, (seen.shape[0], seen.shape[1]), box)))
        print(f"{solver!r:<68} {', '.join(f'{area:.3f}' for area in areas):<30} {np.mean(areas):.3f}")


if __name__ == "__main__":
    main()
