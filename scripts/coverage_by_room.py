"""Print the share of lines that the tests run, a line for each room: `coverage_by_room.py coverage.json`."""

import json
import sys
from collections import Counter
from pathlib import PurePosixPath


def main(report: str) -> None:
    with open(report, encoding="utf-8") as file:
        files = json.load(file)["files"]
    run, lines = Counter[str](), Counter[str]()
    for name, found in files.items():
        parts = PurePosixPath(name).parts
        room = parts[parts.index("sacv") + 1]
        for key in (room, "all"):
            run[key] += found["summary"]["covered_lines"]
            lines[key] += found["summary"]["num_statements"]
    for room in sorted(lines, key=lambda room: (room == "all", room)):
        print(f"{room:14} {run[room] / max(lines[room], 1):6.1%} of {lines[room]} lines")


if __name__ == "__main__":
    main(sys.argv[1])
