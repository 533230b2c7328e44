"""The steps of a study: a bank, scores of each class, an audit, and explanations of the top images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from sacv import __version__
from sacv.cav import ConceptBank, fit, weaknesses
from sacv.concepts import ImageItem, ImageSet, Labelled, image_set
from sacv.engine import Engine, ShardStore
from sacv.files import write_json
from sacv.maps import explain
from sacv.scores import score
from sacv.study.material import Material
from sacv.study.steps import Steps, file_digest, folder_names
from sacv.trust import audit

AUDIT = "audit.json"

Watch = Callable[[str, int, int], None]
"""Called with the step, and the number of batches done and of all."""

Unfinished = Callable[[Path, bool], AbstractContextManager[ShardStore]]


@dataclass(frozen=True)
class TopImage:
    """An image whose SACV score for a concept is among the greatest of its class."""

    item: ImageItem
    concept: str
    layer: str
    labelled: bool | None
    """Whether its row of the table is labelled with the concept; None without a label."""


@dataclass(frozen=True, eq=False)
class Pipeline:
    """The steps of a study, each run unless its result is finished."""

    material: Material
    steps: Steps
    """The finished results."""
    unfinished: Unfinished
    """Gives the store of the finished parts of a result."""
    fresh: bool
    """Begin anew."""
    batch_size: int | None
    engine: Engine | None
    """As of `sacv.fit`."""
    watch: Watch
    """Called with the progress."""

    @property
    def out(self) -> Path:
        """The folder of the results."""
        return self.steps.out

    def bank(self) -> ConceptBank:
        """Fit the bank, or read the finished one."""
        given, settings = self.material, self.material.study.fit
        options = {
            name: settings[name] for name in ("runs", "nulls", "folds", "locations", "match") if name in settings
        }

        def make() -> None:
            with self.unfinished(self.out / "bank", self.fresh) as shards:
                fit(
                    given.model,
                    settings["layers"],
                    given.concept_images,
                    given.random,
                    regions=given.regions,
                    within=given.within,
                    solver=given.solver,
                    seed=given.study.seed,
                    batch_size=self.batch_size,
                    skip_unreadable=given.study.skip_unreadable,
                    engine=self.engine,
                    shards=shards,
                    progress=self._progress("fit"),
                    **options,
                ).save(self.out / "bank")

        inputs = {
            "rows": _rows_of(given.table.images),
            "labels": {
                name: [_names(labelled.images), _names(labelled.others)]
                for name, labelled in given.table.concepts.items()
            },
            "folders": {
                name: _rows_of(image_set(name, folders, skip_unreadable=given.study.skip_unreadable))
                for name, folders in [*given.concept_images.items(), ("", given.random or None)]
                if folders is not None and name not in given.table.concepts
            },
            "regions": {
                name: [_contents(str(region.images)), _contents(str(region.masks))]
                for name, region in given.regions.items()
            },
            "solver": given.solver.describe(),
            "layers": settings["layers"],
            **options,
        }
        self.steps.make_once("bank", self._inputs(inputs), make)
        return ConceptBank.load(self.out / "bank")

    def scores(self, bank: ConceptBank) -> dict[str, Path]:
        """Score every class, and return the folder of each."""
        scored = partial(score, seed=self.material.study.seed)
        return self._by_class("score", "scores", scored, bank, self.material.classes)

    def audit(self, bank: ConceptBank) -> Path:
        """Audit the bank on its own random images, for the first target, and return the file of the findings."""
        given = self.material

        def make() -> None:
            self.watch("audit", 0, 1)
            found = audit(given.model, bank, target=given.targets[0], within=given.within, seed=given.study.seed)
            write_json(
                self.out / AUDIT, {"passed": found.passed, "findings": [asdict(finding) for finding in found.findings]}
            )
            self.watch("audit", 1, 1)

        self.steps.make_once(
            AUDIT, self._inputs({"bank": bank.fingerprint, "rows": _rows_of(given.table.images)}), make
        )
        return self.out / AUDIT

    def explanations(self, bank: ConceptBank, top: Mapping[str, Sequence[TopImage]]) -> dict[str, Path]:
        """Explain the top images of every class, and return the folder of each class that has any."""
        items = {name: tuple(dict.fromkeys(one.item for one in found)) for name, found in top.items() if found}
        images = {name: ImageSet(name, of_class) for name, of_class in items.items()}
        return self._by_class("explain", "explain", explain, bank, images)

    def _by_class(
        self, verb: str, parent: str, compute: Callable[..., Any], bank: ConceptBank, classes: Mapping[str, ImageSet]
    ) -> dict[str, Path]:
        """Compute and save the results of the images of each class, and return their folders, in `parent`."""
        given = self.material
        found = {}
        for name, folder in folder_names(list(given.classes)).items():
            if name not in classes:
                continue
            images, where = classes[name], f"{parent}/{folder}"

            def make(images: ImageSet = images, where: str = where, name: str = name) -> None:
                with self.unfinished(self.out / where, self.fresh) as shards:
                    compute(
                        given.model,
                        images,
                        bank,
                        given.targets,
                        batch_size=self.batch_size,
                        within=given.within,
                        allow_weak=True,
                        engine=self.engine,
                        shards=shards,
                        progress=self._progress(f"{verb} {name}"),
                    ).save(self.out / where)

            self.steps.make_once(where, self._inputs({"bank": bank.fingerprint, "rows": _rows_of(images)}), make)
            found[name] = self.out / where
        return found

    def _inputs(self, own: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._common, **own}

    @cached_property
    def _common(self) -> dict[str, Any]:
        given = self.material
        return {
            "sacv": __version__,
            "model": given.model.describe(),
            "output": given.model.output,
            "targets": [given.study.targets, given.study.against],
            "within": None if given.within is None else _contents(given.within),
            "seed": given.study.seed,
        }

    def _progress(self, step: str) -> Callable[[int, int], None]:
        return lambda done, total: self.watch(step, done, total)


def leading_layers(bank: ConceptBank) -> dict[str, str]:
    """Return for each concept the layer with the greatest held-out AUROC, which the answer uses."""
    return {
        concept: max(bank.layers, key=lambda layer: bank.cav(layer, concept).quality.auroc) for concept in bank.concepts
    }


def top_images(bank: ConceptBank, material: Material, scores: Mapping[str, Path]) -> dict[str, list[TopImage]]:
    """Choose the images of each class whose SACV scores for the first target are greatest, either way.

    The concepts take turns, each at its leading layer; weak ones do so only if all are weak. An image is chosen
    once.
    """
    leading = leading_layers(bank)
    strong = [concept for concept in bank.concepts if not weaknesses(bank.cav(leading[concept], concept))]
    labels = {name: _labels(labelled) for name, labelled in material.table.concepts.items()}
    found: dict[str, list[TopImage]] = {}
    for name, images in material.classes.items():
        rows = pd.read_parquet(scores[name] / "images.parquet")
        rows = rows[rows["target"] == rows["target"].iloc[0]]
        by_name = {item.name: item for item in images}
        orders = {concept: _order(rows, concept, leading[concept]) for concept in strong or bank.concepts}
        chosen: dict[str, TopImage] = {}
        for _ in range(material.study.images_per_class):
            for concept, order in orders.items():
                fresh = next((image for image in order if image not in chosen), None)
                if fresh is not None and len(chosen) < material.study.images_per_class:
                    label = labels.get(concept, {}).get(fresh)
                    chosen[fresh] = TopImage(by_name[fresh], concept, leading[concept], label)
        found[name] = list(chosen.values())
    return found


def _order(rows: pd.DataFrame, concept: str, layer: str) -> list[str]:
    """Return the images by the size of their SACV scores, without those that have none."""
    own = rows[(rows["concept"] == concept) & (rows["layer"] == layer) & (rows["sacv_score"] != 0)]
    order = own["sacv_score"].abs().sort_values(ascending=False, kind="stable").index
    return [str(name) for name in own.loc[order, "image"]]


def _labels(labelled: Labelled) -> dict[str, bool]:
    return {
        item.name: shows for shows, images in ((True, labelled.images), (False, labelled.others)) for item in images
    }


def _names(images: ImageSet) -> list[str]:
    return [item.name for item in images]


def _rows_of(images: ImageSet) -> list[list[Any]]:
    return [
        *([item.name, item.digest, item.group, dict(item.strata)] for item in images),
        *([entry.name, entry.reason] for entry in images.skipped),
    ]


def _contents(address: str) -> Any:
    """Return an address with the SHA-256 of its file, or of each file of its folder; a URL has none."""
    path = Path(address)
    if not path.exists():
        file = Path(address.rpartition(":")[0])  # a category of a COCO file
        return [address, file_digest(file) if file.is_file() else None]
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return [address, [[str(file.relative_to(path)), file_digest(file)] for file in files]]
