"""One piece of work in its own process; prints its peak memory as JSON: `python -m speed.child fit 500 DIR BANK`."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import sacv
from speed.networks import light

KINDS = ("fit", "score", "explain")


def peak_mb() -> float:
    """Give the most memory that this process has had, in MB.

    Where Linux tells it: `getrusage` gives a child what its parent had when it was started, if that was more.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def run(kind: str, count: int, folder: Path, place: Path) -> dict[str, float]:
    """Do it, and give what it took.

    Parameters
    ----------
    kind
        One of `KINDS`.
    count, folder
        How many of the pictures of a folder are used; a fit takes the second half for random ones.
    place
        The bank that scores and explanations take, and that a fit writes.
    """
    files, model = sorted(folder.iterdir())[:count], light()
    bank = None if kind == "fit" else sacv.ConceptBank.load(place)
    before, start = peak_mb(), time.perf_counter()
    if bank is None:
        bank = sacv.fit(model, ["layer"], {"concept": files[: count // 2]}, files[count // 2 :])
    elif kind == "score":
        sacv.score(model, files, bank, 1, allow_weak=True)
    else:
        sacv.explain(model, files, bank, 1, allow_weak=True)
    found = {"before_mb": before, "peak_mb": peak_mb(), "seconds": time.perf_counter() - start}
    if kind == "fit":
        bank.save(place)
    return found | {"bank_mb": sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / (1 << 20)}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))))
