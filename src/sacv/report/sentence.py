"""Sentences in pieces, which show names in bold and never as markup."""

from __future__ import annotations

from collections.abc import Sequence


class Name(str):
    """A piece of a sentence that is a name."""


Sentence = Sequence[str]
"""Pieces of a sentence, some of them names."""
