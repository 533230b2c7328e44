"""Which human concepts a vision model uses, where it sees them, and how much each place contributes.

>>> import sacv
>>> model = sacv.load_model("demo")
>>> bank = sacv.fit(model, ["blocks.2"], {"striped": "guidance/striped"}, ["guidance/other"])  # doctest: +SKIP
>>> found = sacv.explain(model, ["photo.jpg"], bank, target="striped")  # doctest: +SKIP
>>> found.save("out")  # doctest: +SKIP
"""

from sacv import errors, solvers
from sacv.cav import CAV, ConceptBank, Quality, fit, merge, refit
from sacv.concepts import Region
from sacv.errors import SacvError
from sacv.maps import Explanation, explain, methods
from sacv.model import ImageTransform, VisionModel, load_model
from sacv.scores import ClassScores, score
from sacv.trust import Audit, audit

__version__ = "0.1.0"

__all__ = [
    "CAV",
    "Audit",
    "ClassScores",
    "ConceptBank",
    "Explanation",
    "ImageTransform",
    "Quality",
    "Region",
    "SacvError",
    "VisionModel",
    "__version__",
    "audit",
    "errors",
    "explain",
    "fit",
    "load_model",
    "merge",
    "methods",
    "refit",
    "score",
    "solvers",
]
