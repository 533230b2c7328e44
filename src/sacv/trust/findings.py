"""`Audit`: the findings of the checks on a bank, with their provenance.

An audit is saved as a folder:

`audit.json`
    The findings, their provenance, `format_version`.
`index.html`
    The report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sacv.deprecation import RenamedAttribute, old_keywords
from sacv.errors import CorruptFileError
from sacv.files import read_json, write_folder, write_json
from sacv.report.display import counted, html_table

FORMAT_VERSION = 2
KIND = "audit"
MARKER = "audit.json"

WORDS = {True: "pass", False: "FAIL", None: "not run"}
"""The outcome of a check in words."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Parameters
    ----------
    check
        Its name.
    layer, concept
        Layer and concept checked; no concept if the check is of the layer.
    passed
        None if the check could not be run.
    reason
        The figure and, if it failed, what to do.
    """

    check: str
    layer: str
    concept: str | None
    passed: bool | None
    reason: str


@old_keywords
@dataclass(frozen=True, eq=False)
class Audit:
    """All findings.

    Parameters
    ----------
    findings
        In the order of the checks.
    provenance
        Model, bank, solver, runs, nulls, target, number of images, seed, versions, and the command line, if there was
        one. Empty if unknown.
    """

    findings: tuple[Finding, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    made = RenamedAttribute("provenance")

    def __repr__(self) -> str:
        passed, failed, other = (sum(one.passed is how for one in self.findings) for how in (True, False, None))
        return f"Audit({counted(len(self.findings), 'check')}: {passed} passed, {failed} failed, {other} not run)"

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(finding.passed is not False for finding in self.findings)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each finding."""
        return pd.DataFrame([asdict(finding) for finding in self.findings])

    def to_json(self) -> dict[str, Any]:
        """Return the findings, whether no check failed, and the provenance."""
        return {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "passed": self.passed,
            "made": dict(self.provenance),
            "findings": [asdict(finding) for finding in self.findings],
        }

    def with_command(self, command: str) -> Audit:
        """Return a copy that records the command line."""
        return replace(self, provenance={**self.provenance, "command": command})

    def save(self, folder: str | Path) -> None:
        """Write the audit as a folder; an existing one survives any failure.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """

        def fill(fresh: Path) -> None:
            write_json(fresh / MARKER, self.to_json())
            self.write_page(fresh / "index.html")

        write_folder(Path(folder), MARKER, fill)

    @classmethod
    def load(cls, folder: str | Path) -> Audit:
        """Read an audit from its folder.

        Raises
        ------
        CorruptFileError
            If the folder holds no audit, or it is damaged or of an unknown version.
        """
        file = Path(folder) / MARKER
        labels = read_json(file, kind=KIND, format_version=FORMAT_VERSION)
        try:
            return cls(tuple(Finding(**finding) for finding in labels["findings"]), dict(labels["made"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFileError(f"{file} is damaged: {error}; restore the file, or run the audit again") from error

    def write_page(self, file: Path) -> None:
        """Write the report, one HTML file: the result in a sentence, every finding and the provenance.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        from sacv.report.page import write_page
        from sacv.trust.page import page_of

        write_page(file, page_of(self))

    def _repr_html_(self) -> str:
        table = self.table.assign(passed=[WORDS[finding.passed] for finding in self.findings])
        return html_table(table.rename(columns={"passed": "result"}))
