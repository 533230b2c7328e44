"""Reports and figures, drawn from plain data."""

from sacv.report.patches import Patch, PatchList, render_patches
from sacv.report.study import StudyImage, render_study

__all__ = ["Patch", "PatchList", "StudyImage", "render_patches", "render_study"]
