"""Sentences in pieces, so that names are bold and never read as markup."""

from __future__ import annotations

from collections.abc import Sequence


class Name(str):
    """A piece of a sentence that is a name."""


Sentence = Sequence[str]
"""The pieces of a sentence, some of which are names."""
