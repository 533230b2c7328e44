"""Options that say what is explained, and the one place where names on the command line become targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sacv.targets import Given

against_option = click.option(
    "--against",
    metavar="CLASS",
    help="Explain why a target rather than this class: the difference of their logits, for each --target.",
)
output_option = click.option(
    "--output",
    metavar="FIELD",
    help="Field of the network's output that is explained, where it gives a dict, a tuple or a data class: such as "
    "logits or aux.0. [default: logits, out, or the first of a tuple]",
)


def parse_targets(names: Sequence[str], against: str | None) -> list[Given]:
    """Give what is explained.

    Raises
    ------
    TargetError
        If a target is held against itself.
    """
    from sacv.targets import Difference

    return list(names) if against is None else [Difference(name, against) for name in names]
