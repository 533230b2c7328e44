"""Pages and figures, drawn from plain data."""

from sacv.report.page import PageImage, PageMap, PagePatch, PagePlane, PageTrust, render_page
from sacv.report.patches import Patch, PatchList, render_patches
from sacv.report.study import StudyPicture, render_study
from sacv.report.targets import TargetRow, render_targets

__all__ = [
    "PageImage",
    "PageMap",
    "PagePatch",
    "PagePlane",
    "PageTrust",
    "Patch",
    "PatchList",
    "StudyPicture",
    "TargetRow",
    "render_page",
    "render_patches",
    "render_study",
    "render_targets",
]
