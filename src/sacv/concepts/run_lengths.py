"""Compressed run lengths of COCO files: text that encodes a list of counts.

Each count is a number in base 32, lowest digit first. The code of a character minus 48 has the digit in its lower 5
bits; its sixth bit is set if another digit follows. The highest bit of the last digit is the sign. From the fourth
count on, the number is the difference to the count two before.
"""

from __future__ import annotations

from sacv.errors import ImageSetError

FIRST, DIGIT, MORE, SIGN = 48, 0x1F, 0x20, 0x10
LONGEST = 60
"""Most bits of a number; no image has more pixels."""


def decompressed(text: str, where: str) -> list[int]:
    """Return the counts.

    `where` names their annotation in messages.
    """
    counts: list[int] = []
    number = shift = 0
    for letter in text:
        code = ord(letter) - FIRST
        if not 0 <= code <= DIGIT | MORE or shift > LONGEST:
            raise ImageSetError(_damaged(text, where))
        number |= (code & DIGIT) << shift
        shift += 5
        if code & MORE:
            continue
        if code & SIGN:
            number -= 1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number = shift = 0
    if shift:
        raise ImageSetError(_damaged(text, where))
    return counts


def _damaged(text: str, where: str) -> str:
    return (
        f"{where}: counts {text[:20]!r} are not valid compressed run lengths; export the masks again, as text from "
        "COCO's own encoder, as a list of numbers, or as polygons"
    )
