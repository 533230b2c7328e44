"""`Explanations`: those of the same images for several targets.

Saved as a folder:

`explanations.json`
    By target, the folder of its explanation; `format_version`.
`index.html`
    A page that leads to each, with the mean SACV scores side by side.
`TARGET/`
    A folder for each target, as `Explanation.save` writes it; named after the target, without what no folder may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sacv.files import write_folder, write_json
from sacv.maps.explanation import Explanation
from sacv.report import TargetRow, render_targets

FORMAT_VERSION = 1
KIND = "explanations"
MARKER = "explanations.json"


@dataclass(frozen=True, eq=False)
class Explanations(Mapping[str, Explanation]):
    """The explanations of the same images for several targets, by the targets' names; made by `sacv.explain`."""

    by_target: Mapping[str, Explanation]

    def __getitem__(self, target: str) -> Explanation:
        return self.by_target[target]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_target)

    def __len__(self) -> int:
        return len(self.by_target)

    def folders(self) -> dict[str, str]:
        """Give the name of each target's folder."""
        found: dict[str, str] = {}
        for target in self:
            plain = re.sub(r"[^\w.]+", "-", target).strip("-.")[:60] or "target"
            taken = {name.casefold() for name in found.values()}
            numbered = (plain, *(f"{plain}-{number}" for number in range(2, len(self) + 2)))
            found[target] = next(name for name in numbered if name.casefold() not in taken)
        return found

    def to_json(self) -> dict[str, Any]:
        """Give what leads to each explanation."""
        folders = self.folders()
        return {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "targets": [{"target": target, "folder": folders[target]} for target in self],
        }

    def save(self, folder: str | Path) -> None:
        """Write the explanations as a folder; one that was there survives any failure.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """

        def fill(fresh: Path) -> None:
            for target, name in self.folders().items():
                self[target].save(fresh / name)
            write_json(fresh / MARKER, self.to_json())
            (fresh / "index.html").write_text(self._page(), encoding="utf-8")

        write_folder(Path(folder), MARKER, fill)

    def _page(self) -> str:
        first = next(iter(self.values()))
        folders = self.folders()
        return render_targets(
            title=f"{', '.join(first.concepts)}: contributions to {len(self)} targets of {first.bank.model['kind']}",
            measure=f"Mean SACV score of {len(first.images)} images, in {first.settings['method']['unit']}",
            columns=[f"{layer}, {concept}" for layer in first.layers for concept in first.concepts],
            rows=[
                TargetRow(target, f"{folders[target]}/index.html", _means(found), _told(found))
                for target, found in self.items()
            ],
        )


def _means(found: Explanation) -> list[float]:
    """Give the mean SACV score of each layer and concept."""
    table = found.scores().groupby(["layer", "concept"], sort=False)["sacv_score"].mean()
    return [float(table[layer, concept]) for layer in found.layers for concept in found.concepts]


def _told(found: Explanation) -> list[str]:
    return [note.text for note in found.notes if note.kind == "target"]
