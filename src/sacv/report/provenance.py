"""Provenance at the end of every report: what a result was computed from, so that it can be reproduced."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "pillow")
"""Packages whose versions may change a figure."""

NAMED = 100
"""Maximum number of files left out that a report names."""


@dataclass(frozen=True)
class Provenance:
    """The provenance of a result."""

    facts: Mapping[str, str]
    """Facts by label, such as "model", "command" and "versions"."""
    skipped: Sequence[str] = field(default=())
    """For each file that was left out, its name and the reason."""
    file: str = ""
    """The file of the result that names all files left out."""

    @property
    def named(self) -> list[str]:
        """The files left out that the report names, and the number of the others."""
        more = len(self.skipped) - NAMED
        return [*self.skipped[:NAMED], *([f"{more} more, named in {self.file}"] if more > 0 else [])]


def versions() -> dict[str, str]:
    """Return the versions of sacv, Python and the packages that may change a figure."""
    return {
        "sacv": version("sacv"),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def versions_text(given: Mapping[str, str]) -> str:
    """Return versions as a line of text."""
    return ", ".join(f"{name} {number}" for name, number in given.items())


def model_text(model: Mapping[str, Any]) -> str:
    """Return the name from which a model is loaded, and its class."""
    return f"{model['spec']} ({model['kind']})" if model["spec"] else str(model["kind"])


def solver_text(solver: Mapping[str, Any]) -> str:
    """Return a solver as Python code."""
    inside = {key: solver_text(value) if key == "solver" else value for key, value in solver["parameters"].items()}
    return f"{solver['name']}({', '.join(f'{key}={value}' for key, value in inside.items())})"
