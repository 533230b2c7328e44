"""`Explanations`: explanations of the same images for several targets, and their folder.

`explanations.json`
    The folder of each target's explanation; `format_version`.
`index.html`
    A report of all targets, with the mean SACV scores side by side.
`TARGET/`
    A folder for each target (`Explanation.save`), named after the target, without characters that are illegal in names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sacv.deprecation import RenamedAttribute
from sacv.files import read_json, write_folder, write_json
from sacv.maps.explanation import Explanation
from sacv.maps.figure import plain_names
from sacv.maps.loaded import corrupt_on_error
from sacv.maps.notebook import NotebookDisplay
from sacv.maps.viewer_data import build_viewer_data
from sacv.report.display import few
from sacv.viewer import ViewerData, write_page

FORMAT_VERSION = 1
KIND = "explanations"
MARKER = "explanations.json"


@dataclass(frozen=True, eq=False)
class Explanations(Mapping[str, Explanation], NotebookDisplay):
    """The explanations of the same images for several targets, by the targets' names; the result of `sacv.explain`."""

    by_target: Mapping[str, Explanation]

    each = RenamedAttribute("explanations")
    page_data = RenamedAttribute("viewer_data")

    def __getitem__(self, target: str) -> Explanation:
        return self.by_target[target]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_target)

    def __len__(self) -> int:
        return len(self.by_target)

    def __repr__(self) -> str:
        return f"Explanations(targets {few(list(self))}; of each {next(iter(self.values()))!r})"

    def explanations(self) -> Sequence[Explanation]:
        """Return the explanations in their order."""
        return list(self.values())

    def folders(self) -> dict[str, str]:
        """Return the name of each target's folder."""
        return dict(zip(self, plain_names(list(self), "target"), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the label file."""
        folders = self.folders()
        return {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "targets": [{"target": target, "folder": folders[target]} for target in self],
        }

    def save(self, folder: str | Path) -> None:
        """Write the explanations as a folder; an existing one survives any failure.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """

        def fill(fresh: Path) -> None:
            for target, name in self.folders().items():
                self[target].save(fresh / name)
            write_json(fresh / MARKER, self.to_json())
            write_page(fresh / "index.html", self.viewer_data())

        write_folder(Path(folder), MARKER, fill)

    def viewer_data(self) -> ViewerData:
        """Return the input of the viewer, with all targets."""
        return build_viewer_data(self.explanations(), *self.explanations()[0].report_images())

    def with_command(self, command: str) -> Explanations:
        """Return a copy that records the command line for the report."""
        return Explanations({target: found.with_command(command) for target, found in self.items()})

    @classmethod
    def load(cls, folder: str | Path) -> Explanations:
        """Read explanations from their folder; see `Explanation.load`.

        Raises
        ------
        CorruptFileError
            If the folder holds none, or they are damaged, incomplete or of an unknown version.
        """
        folder = Path(folder)
        labels = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)
        with corrupt_on_error(folder):
            return cls(
                {one["target"]: Explanation.load(folder / Path(one["folder"]).name) for one in labels["targets"]}
            )


def open_saved(folder: str | Path) -> Explanation | Explanations:
    """Read the result of `explain` from its folder, for one target or several.

    Raises
    ------
    CorruptFileError
        As `Explanation.load`.
    """
    several = (Path(folder) / MARKER).exists()
    return Explanations.load(folder) if several else Explanation.load(folder)
