"""The data of the viewer as one body of bytes.

The first four bytes are the length of the header, little-endian. The header, JSON, follows, and then each array in the
order of `header["arrays"]`; every part is padded to a multiple of four bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sacv.viewer import ViewerData


def packed(data: ViewerData) -> Iterator[bytes]:
    """Yield the parts of the body."""
    header = json.dumps(data.header, ensure_ascii=False, allow_nan=False).encode()
    header += b" " * (-len(header) % 4)
    yield len(header).to_bytes(4, "little")
    yield header
    for name in data.header["arrays"]:
        content = data.arrays[name].tobytes()
        yield content + b"\0" * (-len(content) % 4)
