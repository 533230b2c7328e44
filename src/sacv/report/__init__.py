"""Pages and figures, drawn from plain data."""

from sacv.report.patches import Patch, PatchList, render_patches
from sacv.report.study import StudyPicture, render_study

__all__ = ["Patch", "PatchList", "StudyPicture", "render_patches", "render_study"]
