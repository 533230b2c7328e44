"""`ClassScores`: the scores of a class, with a row for each layer, concept, target and kind, and one for each image.

Saved as a folder:

`scores.json`
    Settings, notes, the bank's model and solver, `format_version`.
`scores.parquet`
    The table.
`images.parquet`
    A row for each image, layer, concept and target.
`index.html`
    The report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from sacv.cav import ConceptBank
from sacv.cav.inside import Counted
from sacv.concepts import Skipped
from sacv.deprecation import RenamedAttribute, old_keywords
from sacv.errors import CorruptFileError, OptionError
from sacv.files import read_json, write_folder, write_json
from sacv.report.display import counted, few, html_table
from sacv.report.provenance import versions
from sacv.scores.image_rows import ImageRows

FORMAT_VERSION = 2
KIND = "class scores"
MARKER = "scores.json"

ORIGIN = ("model", "bank", "solver", "runs", "nulls", "versions")
"""Keys of `scores.json` that record what the scores were computed from."""


@old_keywords
@dataclass(frozen=True, eq=False)
class ClassScores:
    """Scores of one or more classes; computed by `sacv.score`.

    Parameters
    ----------
    table
        A row for each layer, concept, target and score. Columns: `value` of the bank's CAV with its 95 % interval over
        images, `low` to `high`; `run_mean` and `run_sd` over the random runs; `effect`, the distance of `run_mean` from
        no effect in standard deviations of the null; `chance`, the 95 % quantile of the null scores'
        distances from no effect; `p`, two-sided; `p_holm` and `p_bh`, corrected over all rows of the same score;
        `images`; `weak`, whether the CAV is below the quality thresholds.
    rows
        On disk, a row for each image, layer, concept and target; see `images`.
    notes
        Warnings and remarks for the reader.
    bank
        The CAVs used; None for loaded scores.
    skipped
        Files that were left out.
    settings
        Targets, seed and number of images; the command line, if there was one.
    within
        By layer, the share of the locations of an image that count, where the images are scored within masks; else
        empty.
    origin
        Of scores that were loaded: the entries of `scores.json` about the bank.
    """

    table: pd.DataFrame
    rows: ImageRows
    notes: tuple[str, ...]
    bank: ConceptBank | None
    skipped: tuple[Skipped, ...]
    settings: Mapping[str, Any]
    within: Mapping[str, Counted] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None

    made = RenamedAttribute("provenance", keyword="origin")

    def __repr__(self) -> str:
        names = {name: few(list(dict.fromkeys(self.table[name]))) for name in ("target", "concept", "layer")}
        return (
            f"ClassScores({counted(self.settings['images'], 'image')}, targets {names['target']}; concepts "
            f"{names['concept']}; layers {names['layer']}; {counted(len(self.table), 'score')})"
        )

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """Model, bank, solver, runs, nulls and versions that the scores were computed with, as in `scores.json`."""
        if self.origin is not None:
            return self.origin
        if self.bank is None:
            raise OptionError("scores without a bank need `origin`, the entries of scores.json about the bank")
        return {
            "model": {key: self.bank.model[key] for key in ("spec", "kind", "fingerprint")},
            "bank": {"fingerprint": self.bank.fingerprint, "seed": self.bank.seed},
            "solver": dict(self.bank.solver),
            "runs": self.bank.runs,
            "nulls": self.bank.nulls,
            "versions": versions(),
        }

    @cached_property
    def images(self) -> pd.DataFrame:
        """A row for each image, layer, concept and target, read from disk.

        `derivative` of the logit for v tiled over the grid, `smooth`, `sacv_score` and its parts, in logits per unit of
        v; `weak` as in the table.
        """
        return self.rows.frame()

    def to_json(self) -> dict[str, Any]:
        """Return everything but the rows of the images."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict(orient="records")
        return {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "settings": dict(self.settings),
            **self.provenance,
            "scores": rows,
            **({"within": {layer: asdict(each) for layer, each in self.within.items()}} if self.within else {}),
            "notes": list(self.notes),
            "skipped": [asdict(entry) for entry in self.skipped],
        }

    def with_command(self, command: str) -> ClassScores:
        """Return a copy that records the command line for the report."""
        return replace(self, settings={**self.settings, "command": command})

    def save(self, folder: str | Path) -> None:
        """Write the scores as a folder; an existing one survives any failure.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """

        def fill(fresh: Path) -> None:
            write_json(fresh / MARKER, self.to_json())
            self.table.to_parquet(fresh / "scores.parquet", index=False)
            self.rows.copy_to(fresh / "images.parquet")
            self.write_page(fresh / "index.html")

        write_folder(Path(folder), MARKER, fill)

    @classmethod
    def load(cls, folder: str | Path) -> ClassScores:
        """Read scores from their folder; the rows of the images stay there until they are used.

        They have no bank.

        Raises
        ------
        CorruptFileError
            If the folder holds no class scores, or they are damaged, incomplete or of an unknown version.
        """
        folder = Path(folder)
        labels = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)
        try:
            return cls(
                table=pd.read_parquet(folder / "scores.parquet"),
                rows=ImageRows.read(folder / "images.parquet"),
                notes=tuple(labels["notes"]),
                bank=None,
                skipped=tuple(Skipped(**entry) for entry in labels["skipped"]),
                settings=labels["settings"],
                within={layer: Counted(**each) for layer, each in labels.get("within", {}).items()},
                origin={name: labels[name] for name in ORIGIN},
            )
        except (KeyError, TypeError, ValueError, OSError) as error:  # of JSON, of Parquet, of missing files
            raise CorruptFileError(
                f"{folder} holds damaged class scores: {error}; restore the folder, or compute the scores again"
            ) from error

    def write_page(self, file: Path) -> None:
        """Write the report, one HTML file: the result in a sentence, figures, tables and provenance.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from sacv.report.page import write_page
        from sacv.scores.page import page_of

        write_page(file, page_of(self))

    def _repr_html_(self) -> str:
        return html_table(self.table, self.notes)
