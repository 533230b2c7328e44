"""The required figures of the held-out split, as data, and whether a run reaches them.

Each kind of target is about one table and is judged at its worst condition: a `Target` bounds a figure, a `Lead`
requires that ours is above rivals, a `Fall` limits the decrease from one condition to another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sacv_bench.localisation import ALL, OURS, UNSUPERVISED
from sacv_bench.tables import Table

OURS_PLANTED = "UnitLength(MeanDifference)"
"""Name of our method in T1, which has no images: the direction v alone."""


def ours(table: str) -> str:
    """Return the rival of a table that is this package as a user gets it."""
    return OURS_PLANTED if table == "T1" else OURS


@dataclass(frozen=True)
class Outcome:
    """The outcome of a target in a run.

    Parameters
    ----------
    target
        The target.
    value
        The figure where it does worst; NaN where it was not measured.
    where
        Condition in which that is, and the rival it is compared with, if there is one.
    met
        Whether the target is reached; a NaN does not reach it.
    """

    target: Goal
    value: float
    where: str
    met: bool


@dataclass(frozen=True)
class Target:
    """A figure of a rival that lies between bounds.

    Parameters
    ----------
    table
        Such as "T2".
    condition
        Regular expression that the conditions have to match from end to end; each of them must hold.
    rival, metric
        As in the table.
    text
        The requirement in words.
    least, most
        The bounds, which are legal themselves.
    """

    table: str
    condition: str
    rival: str
    metric: str
    text: str
    least: float = -math.inf
    most: float = math.inf

    @property
    def bound(self) -> str:
        """State what is legal."""
        if math.isinf(self.most):
            return f"at least {self.least:g}"
        return f"at most {self.most:g}" if math.isinf(self.least) else f"{self.least:g} to {self.most:g}"

    def judge(self, table: Table) -> Outcome:
        """Judge the condition that lies furthest out of bounds."""
        found = _values(table, self.condition, self.rival, self.metric)
        if not found:
            return _not_measured(self)
        where, value = max(found.items(), key=lambda item: _badness(max(self.least - item[1], item[1] - self.most)))
        return Outcome(self, value, where, self.least <= value <= self.most)


@dataclass(frozen=True)
class Lead:
    """A figure of ours that lies above each of some rivals.

    Parameters
    ----------
    table, condition, metric, text
        As for `Target`.
    rivals
        Those to be beaten in each condition.
    """

    table: str
    condition: str
    metric: str
    rivals: tuple[str, ...]
    text: str
    bound: str = "above 0"

    def judge(self, table: Table) -> Outcome:
        """Judge the condition and rival with the least lead."""
        own = _values(table, self.condition, ours(self.table), self.metric)
        if not own:
            return _not_measured(self)
        leads = {}
        for rival in self.rivals:
            theirs = _values(table, self.condition, rival, self.metric)
            for condition, value in own.items():
                leads[f"{condition}, {rival}"] = value - theirs.get(condition, math.nan)
        where, lead = max(leads.items(), key=lambda item: _badness(-item[1]))
        return Outcome(self, lead, where, lead > 0)


@dataclass(frozen=True)
class Fall:
    """A figure of ours that falls little from one condition to another.

    Parameters
    ----------
    table, metric, text
        As for `Target`.
    start, end
        The two conditions.
    most
        The greatest legal fall.
    """

    table: str
    start: str
    end: str
    metric: str
    text: str
    most: float

    @property
    def bound(self) -> str:
        """State what is legal."""
        return f"at most {self.most:g}"

    def judge(self, table: Table) -> Outcome:
        """Judge the fall."""
        values = _values(table, ".*", ours(self.table), self.metric)
        fall = values.get(self.start, math.nan) - values.get(self.end, math.nan)
        if math.isnan(fall):
            return _not_measured(self)
        return Outcome(self, fall, f"{self.start} to {self.end}", fall <= self.most)


Goal = Target | Lead | Fall


def _values(table: Table, condition: str, rival: str, metric: str) -> dict[str, float]:
    rows = table.rows
    rows = rows[(rows["rival"] == rival) & (rows["metric"] == metric)]
    return {
        str(name): float(value)
        for name, value in zip(rows["condition"], rows["value"], strict=True)
        if re.fullmatch(condition, str(name))
    }


def _badness(excess: float) -> float:
    """Sort NaN first."""
    return math.inf if math.isnan(excess) else excess


def _not_measured(target: Goal) -> Outcome:
    return Outcome(target, math.nan, "not measured", False)


FROM_2 = "area (?!1-2 ).*"
FROM_5 = "area (?!1-|2-).*"

TARGETS: tuple[Goal, ...] = (
    *(
        Target(
            "T1",
            f"strength {strength}, 50 images",
            OURS_PLANTED,
            "cosine",
            f"cosine with the planted direction, 50 images at strength {strength}",
            least=0.95,
        )
        for strength in ("1", "0.5")
    ),
    Target(
        "T1",
        "strength .*, 50 images",
        "notebook as published",
        "cosine",
        "the notebook's cosine with it, 50 images: about 0",
        least=-0.2,
        most=0.2,
    ),
    Target("T2", ALL, OURS, "AUROC", "mean AUROC of the map, all areas from 2 %", least=0.95),
    Lead(
        "T2",
        FROM_2,
        "average precision",
        UNSUPERVISED,
        "lead in average precision over every rival without concept images, each area from 2 %",
    ),
    Target("T2", FROM_5, OURS, "pointing", "pointing game, each area from 5 %", least=0.95),
    Target(
        "T3", "all elements", OURS, "Spearman", "Spearman's correlation with the true change of the logit", least=0.8
    ),
    Target("T3", "all elements", OURS, "sign accuracy", "accuracy of the contribution's sign", least=0.95),
    Target(
        "T3",
        "unused concepts",
        OURS,
        "unused called contributing",
        "share of unused concepts called contributing",
        most=0.05,
    ),
    Fall(
        "T4",
        "area 20-40 %",
        "area 2-5 %",
        "sign agreement",
        "fall of the sign agreement from large objects to small ones",
        most=0.05,
    ),
    Target("T5", ".*", OURS, "cosine between runs", "cosine between runs with other random images", least=0.8),
    *(
        Target("T6", f"{condition}.*", OURS, "family-wise false positives", f"false positives, {condition}", most=0.05)
        for condition in ("permuted labels", "missing concept")
    ),
)
"""What had to hold, in the order of the tables."""


def check(tables: Sequence[Table]) -> list[Outcome]:
    """Judge every target whose table is there."""
    given = {table.name: table for table in tables}
    return [target.judge(given[target.table]) for target in TARGETS if target.table in given]
