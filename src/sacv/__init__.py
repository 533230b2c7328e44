"""Which human concepts a vision model uses, where it sees them, and how much each location contributes.

>>> import sacv
>>> model = sacv.load_model("demo")
>>> bank = sacv.fit(model, ["blocks.2"], {"striped": "images/striped"}, ["images/random"])  # doctest: +SKIP
>>> explanation = sacv.explain(model, ["photo.jpg"], bank, target="striped")  # doctest: +SKIP
>>> explanation.save("out")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sacv import errors
from sacv.deprecation import warn_renamed
from sacv.errors import SacvError

if TYPE_CHECKING:
    from sacv import app as app
    from sacv import cav as cav
    from sacv import concepts as concepts
    from sacv import engine as engine
    from sacv import exchange as exchange
    from sacv import files as files
    from sacv import index as index
    from sacv import maps as maps
    from sacv import model as model
    from sacv import optional as optional
    from sacv import report as report
    from sacv import scores as scores
    from sacv import solvers, targets
    from sacv import stats as stats
    from sacv import study as study
    from sacv import trust as trust
    from sacv import viewer as viewer
    from sacv.cav import CAV, ConceptBank, Quality, fit, merge, refit
    from sacv.concepts import Labelled, Region, Table, Within, from_table
    from sacv.engine import LocalEngine, RayEngine, ShardStore
    from sacv.index import Like, SearchResult, search
    from sacv.maps import Explanation, explain, methods
    from sacv.model import ImageTransform, VisionModel, Window, load_model
    from sacv.scores import ClassScores, score, score_images
    from sacv.study import StudyResult, run_study
    from sacv.trust import Audit, audit

__version__ = "0.1.0"

__all__ = [
    "CAV",
    "Audit",
    "ClassScores",
    "ConceptBank",
    "Explanation",
    "ImageTransform",
    "Labelled",
    "Like",
    "LocalEngine",
    "Quality",
    "RayEngine",
    "Region",
    "SacvError",
    "SearchResult",
    "ShardStore",
    "StudyResult",
    "Table",
    "VisionModel",
    "Window",
    "Within",
    "__version__",
    "audit",
    "errors",
    "explain",
    "fit",
    "from_table",
    "load_model",
    "merge",
    "methods",
    "refit",
    "run_study",
    "score",
    "score_images",
    "search",
    "solvers",
    "targets",
]

_ROOMS = {
    "app": (),
    "cav": ("CAV", "ConceptBank", "Quality", "fit", "merge", "refit"),
    "concepts": ("Labelled", "Region", "Table", "Within", "from_table"),
    "engine": ("LocalEngine", "RayEngine", "ShardStore"),
    "exchange": (),
    "files": (),
    "index": ("Like", "SearchResult", "search"),
    "maps": ("Explanation", "explain", "methods"),
    "model": ("ImageTransform", "VisionModel", "Window", "load_model"),
    "optional": (),
    "report": (),
    "scores": ("ClassScores", "score", "score_images"),
    "solvers": (),
    "stats": (),
    "study": ("StudyResult", "run_study"),
    "targets": (),
    "trust": ("Audit", "audit"),
    "viewer": (),
}
"""The packages that load PyTorch, loaded at the first use, and the public names of each."""
_HOMES = {name: room for room, names in _ROOMS.items() for name in names}
_RENAMED = {"Found": "SearchResult"}
"""Deprecated public names, with the new ones."""

if not TYPE_CHECKING:  # for a type checker, `__getattr__` would make every name exist

    def __getattr__(name: str) -> Any:
        """Load a package of sacv, or a public name from its package (PEP 562)."""
        if name in _ROOMS:
            return import_module(f"{__name__}.{name}")
        if name in _RENAMED:
            warn_renamed(f"sacv.{name}", f"sacv.{_RENAMED[name]}")
            return getattr(import_module(__name__), _RENAMED[name])
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_HOMES} - {"Any", "TYPE_CHECKING", "import_module", "warn_renamed"})
