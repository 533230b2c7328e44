"""Peak memory and size of the bank, by the number of images; each in a process of its own.

Single images are counted up to 1,024 in a set, and in groups beyond, so that memory is level once the sets are that
large: 2,000 images are two sets of 1,000.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from speed import material
from speed.rows import AtMost, Row
from speed.sizes import Sizes

NAME = "memory"
PICTURE = (64, 64)
LEVEL = 2_000
"""Images from which on more should take no more memory."""


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure a fit, scores and explanations."""
    with material.photos(max(sizes.memory), PICTURE) as files, TemporaryDirectory() as place:
        folder, banks = files[0].parent, {count: Path(place) / str(count) for count in sizes.memory}
        small = banks[min(sizes.memory)]
        found = {"fit": {count: _child("fit", count, folder, banks[count]) for count in sizes.memory}}
        for kind in ("score", "explain"):
            found[kind] = {count: _child(kind, count, folder, small) for count in sizes.memory}
    yield from rows(found)
    for count, one in found["fit"].items():
        yield Row(NAME, f"{count:,} images", "size of the bank", one["bank_mb"], "MB")


def rows(found: Mapping[str, Mapping[int, Mapping[str, float]]]) -> Iterator[Row]:
    """Hold the peaks of each kind of work against each other; `found` is what a child gives, by number of images."""
    for kind, by_count in found.items():
        what, peaks = f"{kind}, peak memory", {count: one["peak_mb"] for count, one in by_count.items()}
        for count, one in by_count.items():
            note = f"{one['before_mb']:.0f} MB before it starts; {one['seconds']:.0f} s"
            yield Row(NAME, f"{count:,} images", what, peaks[count], "MB", None, 1, note)
        least, most = min(peaks), max(peaks)
        for count in (count for count in (least, LEVEL) if count in peaks):
            yield Row(NAME, f"{most:,} over {count:,}", what, peaks[most] / peaks[count], "x", AtMost(1.05))


def _child(kind: str, count: int, folder: Path, bank: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "speed.child", kind, str(count), str(folder), str(bank)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=_path())
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _path() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
