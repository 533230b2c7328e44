"""Options that define what is explained, and their translation to targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sacv.targets import Given

against_option = click.option(
    "--against",
    metavar="CLASS",
    help="Explain the difference of the logits of each --target and this class.",
)
output_option = click.option(
    "--output",
    metavar="FIELD",
    help="Field of the network's output to explain, if it is a dict, a tuple or a data class, such as logits or aux.0. "
    " [default: logits, out, or the first of a tuple]",
)


def parse_targets(names: Sequence[str], against: str | None) -> list[Given]:
    """Return the targets.

    Raises TargetError if a target and `against` are the same.
    """
    from sacv.targets import Difference

    return list(names) if against is None else [Difference(name, against) for name in names]
