"""Compressed run lengths of COCO files: text that stands for a list of counts.

Each count is a number in base 32, its lowest digit first: a character stands for its code less 48, of which 5 bits are
the digit and the sixth says that another digit follows. The last digit's highest bit is the sign. From the fourth
count on, what is written is the difference to the count before the last.
"""

from __future__ import annotations

from sacv.errors import ImageSetError

FIRST, DIGIT, MORE, SIGN = 48, 0x1F, 0x20, 0x10
LONGEST = 60
"""Bits of a number beyond which no picture has so many pixels."""


def decompressed(text: str, where: str) -> list[int]:
    """Give the counts.

    Parameters
    ----------
    text
        The compressed counts.
    where
        What they belong to, for people.

    Raises
    ------
    ImageSetError
        If the text is none that compressed counts can be.
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
        f"{where}: counts {text[:20]!r} is not what compressed run lengths look like; export the masks again, as text "
        "of COCO's own encoder, as a list of numbers, or as polygons"
    )
