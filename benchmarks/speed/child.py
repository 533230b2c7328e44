"""One piece of work in a process of its own; prints its peak memory as JSON: `python -m speed.child fit 500 DIR`."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import sacv
from speed.networks import light

KINDS = ("fit", "score", "explain")
GUIDANCE = 60
"""Images of the small bank that scores and explanations take."""


def peak_mb() -> float:
    """Give the most memory that this process has had, in MB.

    Where Linux tells it: `getrusage` gives a child what its parent had when it was started, if that was more.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def run(kind: str, count: int, folder: Path) -> dict[str, float]:
    """Do it, and give what it took."""
    files = sorted(folder.iterdir())[:count]
    model = light()
    first = min(count if kind == "fit" else GUIDANCE, len(files))

    def fit() -> sacv.ConceptBank:
        return sacv.fit(model, ["layer"], {"concept": files[: first // 2]}, files[first // 2 : first])

    bank = None if kind == "fit" else fit()
    before, start = peak_mb(), time.perf_counter()
    if bank is None:
        bank = fit()
    elif kind == "score":
        sacv.score(model, files, bank, 1, allow_weak=True)
    else:
        sacv.explain(model, files, bank, 1, allow_weak=True)
    found = {"before_mb": before, "peak_mb": peak_mb(), "seconds": time.perf_counter() - start}
    with TemporaryDirectory() as place:
        bank.save(Path(place) / "bank")
        size = sum(file.stat().st_size for file in Path(place).rglob("*") if file.is_file())
    return found | {"bank_mb": size / (1 << 20)}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
