"""`run_study`: a study from its file to its report, each step resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sacv.deprecation import RenamedAttribute
from sacv.study.file import Study, read_study

if TYPE_CHECKING:
    from sacv.engine import Engine

KIND = "study"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class StudyResult:
    """The result of a study.

    Parameters
    ----------
    folder
        Where its results are: `report.html`, `study.json`, and the folders of the single commands (`bank`, `scores`,
        `explain`).
    content
        The content of `study.json`.
    """

    folder: Path
    content: Mapping[str, Any]

    @property
    def answer(self) -> list[str]:
        """The answer in three lines."""
        return list(self.content["answer"])

    @property
    def warnings(self) -> list[str]:
        """Warnings about the findings, the gravest first."""
        return list(self.content["doubts"])

    doubts = RenamedAttribute("warnings")


def run_study(
    file: str | Path | Study,
    out: str | Path,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    engine: Engine | None = None,
    fresh: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> StudyResult:
    """Run a study: fit a bank, score every class, audit, explain the top images, and write one report.

    A step that is finished is not done again, unless its inputs have changed; one that was interrupted
    resumes. The same file, images and seed give the same `study.json`, byte for byte.

    Parameters
    ----------
    file
        The study file (docs/study.md), or the result of `read_study`.
    out
        Folder of the results; new, empty, or of a study.
    device
        Where the network runs: "auto", "cpu", "cuda" or "mps".
    batch_size, engine
        As of `sacv.fit`.
    fresh
        Discard the finished results.
    progress
        Called with the step, and the number of batches done and of all.

    Raises
    ------
    OptionError
        If the file is not a valid study file.
    StorageError
        If the folder holds something else, or cannot be written.
    SacvError
        As of `fit`, `score`, `audit` and `explain`.
    """
    from sacv.cli.working import unfinished
    from sacv.study.material import gather_material
    from sacv.study.pipeline import Pipeline, top_images
    from sacv.study.steps import Steps
    from sacv.study.writing import write_report

    study = file if isinstance(file, Study) else read_study(file)
    steps = Steps(Path(out), fresh)
    material = gather_material(study, device)
    shop = Pipeline(
        material, steps, unfinished, fresh, batch_size, engine, progress or (lambda step, done, total: None)
    )
    bank = shop.bank()
    scores = shop.scores(bank)
    audited = shop.audit(bank)
    top = top_images(bank, material, scores)
    explained = shop.explanations(bank, top)
    content = write_report(material, Path(out), bank, scores, audited, top, explained)
    return StudyResult(Path(out), content)
