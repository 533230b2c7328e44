"""What the viewer draws, as one body of bytes: arrays travel as they lie in memory.

Four bytes give the length of the header, little-endian; the header, JSON, follows, and then each array in the order of
`header["arrays"]`, every part filled up to a multiple of four bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sacv.viewer import ViewerData


def packed(data: ViewerData) -> Iterator[bytes]:
    """Return the body piece by piece."""
    header = json.dumps(data.header, ensure_ascii=False, allow_nan=False).encode()
    header += b" " * (-len(header) % 4)
    yield len(header).to_bytes(4, "little")
    yield header
    for name in data.header["arrays"]:
        content = data.arrays[name].tobytes()
        yield content + b"\0" * (-len(content) % 4)
