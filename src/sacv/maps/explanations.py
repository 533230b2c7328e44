"""`Explanations`: those of the same images for several targets.

Saved as a folder:

`explanations.json`
    By target, the folder of its explanation; `format_version`.
`index.html`
    A page of all, with the mean SACV scores side by side.
`TARGET/`
    A folder for each target, as `Explanation.save` writes it; named after the target, without what no folder may hold.
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
    """The explanations of the same images for several targets, by the targets' names; made by `sacv.explain`."""

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
        """Return what leads to each explanation."""
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
        """Return what the viewer draws: all targets on one page."""
        return build_viewer_data(self.explanations(), *self.explanations()[0].report_images())

    def with_command(self, command: str) -> Explanations:
        """Return the same, made by a command."""
        return Explanations({target: found.with_command(command) for target, found in self.items()})

    @classmethod
    def load(cls, folder: str | Path) -> Explanations:
        """Read explanations from their folder, as `Explanation.load` does each.

        Raises
        ------
        CorruptFileError
            If they are none, damaged, incomplete or of an unknown version.
        """
        folder = Path(folder)
        labels = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)
        with corrupt_on_error(folder):
            return cls(
                {one["target"]: Explanation.load(folder / Path(one["folder"]).name) for one in labels["targets"]}
            )


def open_saved(folder: str | Path) -> Explanation | Explanations:
    """Read what `explain` saved in a folder, of one target or of several.

    Raises
    ------
    CorruptFileError
        As `Explanation.load`.
    """
    several = (Path(folder) / MARKER).exists()
    return Explanations.load(folder) if several else Explanation.load(folder)
