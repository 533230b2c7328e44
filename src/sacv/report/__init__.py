"""Pages and figures, drawn from plain data."""

from sacv.report.patches import Patch, PatchList, render_patches

__all__ = ["Patch", "PatchList", "render_patches"]
