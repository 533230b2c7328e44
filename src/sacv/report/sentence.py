"""Sentences in pieces, so that names stand in bold and are never read as markup."""

from __future__ import annotations

from collections.abc import Sequence


class Name(str):
    """A piece of a sentence that is a name."""


Sentence = Sequence[str]
"""Pieces, some of which are names; joined they are the sentence."""
