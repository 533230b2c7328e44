"""Pages and figures, drawn from plain data."""

from sacv.report.page import PageImage, PageMap, PagePatch, PagePlane, PageTrust, render_page
from sacv.report.patches import Patch, PatchList, render_patches

__all__ = [
    "PageImage",
    "PageMap",
    "PagePatch",
    "PagePlane",
    "PageTrust",
    "Patch",
    "PatchList",
    "render_page",
    "render_patches",
]
