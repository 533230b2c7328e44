"""Registry of solvers and contribution methods: one line registers each.

The command line parses their names, a bank rebuilds its solver, and `sacv.solvers` and `sacv.maps.methods` export the
classes. A class is imported at its first use, so that `--help` starts quickly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A registered class."""

    form: str
    """Syntax on the command line: `NAME`, or `NAME[:VALUE|word]`. The value is the first field of the class. A word in
    lower case is passed unchanged; a word in capitals is a number."""
    reference: str
    """`MODULE:CLASS`."""

    @property
    def name(self) -> str:
        """Name on the command line."""
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
        return self.reference.partition(":")[2]

    def load(self) -> Any:
        """Import the class."""
        return getattr(import_module(self.reference.partition(":")[0]), self.class_name)


SOLVERS = (
    Entry("mean-difference[:SHRINKAGE|auto]", "sacv.solvers.mean_difference:MeanDifference"),
    Entry("lda[:SHRINKAGE|oas]", "sacv.solvers.lda:LDA"),
    Entry("ridge[:ALPHA]", "sacv.solvers.ridge:Ridge"),
    Entry("logistic[:C]", "sacv.solvers.logistic:Logistic"),
    Entry("linear-svm[:C]", "sacv.solvers.linear_svm:LinearSVM"),
)
"""Estimators of a CAV: subclasses of `sacv.solvers.MomentSolver` or `SampleSolver`."""

METHODS = (
    Entry("gradient", "sacv.maps.methods.gradient:Gradient"),
    Entry("gated", "sacv.maps.methods.gradient:Gated"),
    Entry("gradient-times-concept", "sacv.maps.methods.gradient:GradientTimesConcept"),
    Entry("integrated-gradients[:STEPS]", "sacv.maps.methods.path:IntegratedGradients"),
    Entry("ablation[:WINDOW]", "sacv.maps.methods.ablation:Ablation"),
)
"""Contribution methods: subclasses of `sacv.maps.methods.Method`."""


SECTIONS = (
    ("scores", "sacv.scores.page:target_sections"),
    ("scores", "sacv.scores.page:weak_sections"),
    ("scores", "sacv.scores.page:all_figures"),
    ("audit", "sacv.trust.page:checks"),
    ("audit", "sacv.trust.page:reasons"),
)
"""Sections of the reports, in their order: the kind of report, and `MODULE:FUNCTION` from a result to its sections."""


def sections(report: str, result: Any) -> list[Any]:
    """Return the sections of a result's report, each a `sacv.report.page.Section`."""
    found = []
    for kind, reference in SECTIONS:
        if kind == report:
            module, _, function = reference.partition(":")
            found += getattr(import_module(module), function)(result)
    return found


def class_named(entries: tuple[Entry, ...], name: str, module: str) -> Any:
    """Import a registered class. The `__getattr__` of a module calls this function."""
    entry = next((entry for entry in entries if entry.class_name == name), None)
    if entry is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return entry.load()
