"""Solvers and contribution methods by name: one line registers each.

The command line takes the names, a bank finds the solver that fitted it, and `sacv.solvers` and `sacv.maps.methods`
give the classes. Nothing is imported before it is used, so that `--help` starts at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A registered class.

    Parameters
    ----------
    form
        How it is written on the command line: `NAME`, or `NAME[:VALUE|word]`. The value is the first field of the
        class. A word in lower case is passed as it is; a word in capitals stands for a number.
    place
        `MODULE:CLASS`.
    """

    form: str
    place: str

    @property
    def name(self) -> str:
        """The name on the command line."""
        return self.form.partition("[")[0]

    @property
    def words(self) -> frozenset[str]:
        """Values that are words."""
        return frozenset(re.findall(r"[:|]([a-z]+)", self.form))

    @property
    def takes_value(self) -> bool:
        """Whether a value may follow the name."""
        return "[" in self.form

    @property
    def class_name(self) -> str:
        """Name of the class."""
        return self.place.partition(":")[2]

    def load(self) -> Any:
        """Import the class."""
        return getattr(import_module(self.place.partition(":")[0]), self.class_name)


SOLVERS = (
    Entry("mean-difference[:SHRINKAGE|auto]", "sacv.solvers.mean_difference:MeanDifference"),
    Entry("lda[:SHRINKAGE|oas]", "sacv.solvers.lda:LDA"),
    Entry("ridge[:ALPHA]", "sacv.solvers.ridge:Ridge"),
    Entry("logistic[:C]", "sacv.solvers.logistic:Logistic"),
    Entry("linear-svm[:C]", "sacv.solvers.linear_svm:LinearSVM"),
)
"""Estimators of a direction: classes derived from `sacv.solvers.MomentSolver` or `SampleSolver`."""

METHODS = (
    Entry("gradient", "sacv.maps.methods.gradient:Gradient"),
    Entry("gated", "sacv.maps.methods.gradient:Gated"),
    Entry("gradient-times-concept", "sacv.maps.methods.gradient:GradientTimesConcept"),
    Entry("integrated-gradients[:STEPS]", "sacv.maps.methods.path:IntegratedGradients"),
    Entry("ablation[:WINDOW]", "sacv.maps.methods.ablation:Ablation"),
)
"""Methods of contribution: classes derived from `sacv.maps.methods.Method`."""


def class_named(entries: tuple[Entry, ...], name: str, module: str) -> Any:
    """Import a registered class, for the `__getattr__` of a module.

    Raises
    ------
    AttributeError
        If no entry has a class of this name.
    """
    entry = next((entry for entry in entries if entry.class_name == name), None)
    if entry is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return entry.load()
