"""`SearchResult`: the result of `sacv.search`.

Saved as a folder:

`locations.parquet`
    A row for each of the best locations of the best images of each layer and concept.
`images.parquet`
    A row for each image (`sacv.index.rows`).
`like.parquet`
    The same as `locations.parquet` for each query location, if there are any.
`search.json`
    The model's and the bank's fingerprints, the command line, settings, counts, notes, files that were left out,
    `format_version`.
`index.html`
    The report.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sacv.cav import ConceptBank
from sacv.concepts import Skipped
from sacv.files import write_folder, write_json
from sacv.index.boxes import cell_box, field_box
from sacv.index.page import draw
from sacv.index.queries import Query
from sacv.index.rows import AXES
from sacv.index.top import Match, ScoredLocation, Top
from sacv.model import ReceptiveFields, VisionModel

FORMAT_VERSION = 1
KIND = "concept search"
MARKER = "search.json"

SIDES = ("left", "top", "right", "bottom")

_POSITION = [
    ("rank", pa.int32()),
    ("image_rank", pa.int32()),
    ("image", pa.string()),
    ("hash", pa.string()),
    *((axis, pa.int32()) for axis in AXES),
]
_BOXES = [
    *((side, pa.float32()) for side in SIDES),
    *((f"field_{side}", pa.float32()) for side in SIDES),
    ("width", pa.int32()),
    ("height", pa.int32()),
]
LOCATIONS = pa.schema(
    [
        ("layer", pa.string()),
        ("concept", pa.string()),
        *_POSITION,
        ("relevance", pa.float32()),
        ("evidence", pa.float32()),
        ("present", pa.bool_()),
        *_BOXES,
    ]
)
LIKE = pa.schema([("layer", pa.string()), ("like", pa.string()), *_POSITION, ("cosine", pa.float32()), *_BOXES])


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The images and locations that `sacv.search` found.

    Parameters
    ----------
    locations
        A row for each of the best locations of the best images of each layer and concept. Columns:
        `layer`, `concept`; `rank` of the location in its list and `image_rank` of its image, from 1: the first
        `top` locations are the greatest of all; `image`, its name, and `hash`, the
        SHA-256 of its content; `row` and `column`, and `depth` of a volume, else 0; `relevance` `w . a(p) - t` and
        `evidence` `w . a(p)`, in units of activation; `present`, null if the mask is not calibrated; `left`, `top`,
        `right`, `bottom` of the location's cell and `field_left` ... of its receptive field, in the image's own
        pixels, null if unknown; `width` and `height` of the image.
    like
        The same for each query location, with the `cosine`; None without queries.
    rows_folder
        Temporary folder of the rows of the images; removed with this object.
    count
        Number of images read.
    notes
        Warnings and remarks for the reader.
    skipped
        Files that were left out.
    best, alike
        The lists, by layer and concept, and by query.
    ranked
        The layers in the order of the bank's advice for location.
    bank, model
        The CAVs and the network.
    settings
        Lengths of the lists.
    """

    locations: pa.Table
    like: pa.Table | None
    rows_folder: Path
    count: int
    notes: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    best: Mapping[tuple[str, str], Top]
    alike: Mapping[Query, Top]
    ranked: Sequence[str]
    bank: ConceptBank
    model: VisionModel
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        weakref.finalize(self, shutil.rmtree, self.rows_folder, ignore_errors=True)

    @property
    def images(self) -> pa.Table:
        """The rows of all images, read into memory; `sacv.index.rows` documents the columns."""
        return pq.read_table(self.rows_folder / "images.parquet")

    def to_json(self, command: str | None = None) -> dict[str, Any]:
        """Return everything but the tables, as in `search.json`."""
        return {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "command": command,
            "model": {key: self.bank.model[key] for key in ("spec", "kind", "fingerprint")},
            "bank": {
                "fingerprint": self.bank.fingerprint,
                "solver": dict(self.bank.solver),
                "seed": self.bank.seed,
            },
            "settings": dict(self.settings),
            "layers": list(self.ranked),
            "concepts": list(self.bank.concepts),
            "like": [
                {"like": query.name, "layer": query.layer, "location": list(query.location)} for query in self.alike
            ],
            "counts": {"images": self.count, "skipped": len(self.skipped), "locations": len(self.locations)},
            "notes": list(self.notes),
            "skipped": [asdict(entry) for entry in self.skipped],
        }

    def save(self, folder: str | Path, *, command: str | None = None) -> None:
        """Write the result as a folder; an existing one survives any failure.

        Parameters
        ----------
        folder
            Path of the folder.
        command
            The command line to record, if there was one.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """

        def fill(fresh: Path) -> None:
            write_json(fresh / MARKER, self.to_json(command))
            pq.write_table(self.locations, fresh / "locations.parquet")
            if self.like is not None:
                pq.write_table(self.like, fresh / "like.parquet")
            shutil.copyfile(self.rows_folder / "images.parquet", fresh / "images.parquet")
            (fresh / "index.html").write_text(draw(self, command), encoding="utf-8")

        write_folder(Path(folder), MARKER, fill)


def located(best: Mapping[tuple[str, str], Top], model: VisionModel) -> pa.Table:
    """Return the table of the best locations of every layer and concept."""
    rows = [
        {"layer": layer, "concept": concept}
        | row
        | {"relevance": scored.value, "evidence": scored.evidence, "present": scored.present}
        for (layer, concept), top in best.items()
        for scored, row in _rows(top, layer, model)
    ]
    return pa.Table.from_pylist(rows, schema=LOCATIONS)


def resembling(queries: Sequence[Query], alike: Sequence[Top], model: VisionModel) -> pa.Table:
    """Return the table of the locations that are similar to the queries."""
    rows = [
        {"layer": query.layer, "like": query.name} | row | {"cosine": scored.value}
        for query, top in zip(queries, alike, strict=True)
        for scored, row in _rows(top, query.layer, model)
    ]
    return pa.Table.from_pylist(rows, schema=LIKE)


def _rows(top: Top, layer: str, model: VisionModel) -> Iterator[tuple[ScoredLocation, dict[str, Any]]]:
    found = [(number, match, scored) for number, match in enumerate(top.matches, start=1) for scored in match.locations]
    found.sort(key=lambda entry: (-entry[2].value, entry[1].item.digest, entry[2].location))
    for rank, (number, match, scored) in enumerate(found, start=1):
        axes = (0,) * (len(AXES) - len(scored.location)) + scored.location
        yield (
            scored,
            {
                "rank": rank,
                "image_rank": number,
                "image": match.item.name,
                "hash": match.item.digest,
                **dict(zip(AXES, axes, strict=True)),
                **_boxes(match, scored, model.receptive_fields(match.input_shape, [layer])[layer]),
                "width": match.size[0],
                "height": match.size[1],
            },
        )


def _boxes(match: Match, scored: ScoredLocation, fields: ReceptiveFields | None) -> dict[str, float]:
    """Return the two boxes of a location by the names of their sides, if they are known."""
    if match.region is None:
        return {}
    named = dict(zip(SIDES, cell_box(scored.location, match.grid, match.region), strict=True))
    if fields is not None:
        reach = field_box(scored.location, fields, match.input_shape, match.region)
        named |= {f"field_{side}": value for side, value in zip(SIDES, reach, strict=True)}
    return named
