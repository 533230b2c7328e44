"""Pages and figures, drawn from plain data."""

from sacv.report.page import PageImage, PageMap, PagePatch, PagePlane, PageTrust, render_page

__all__ = ["PageImage", "PageMap", "PagePatch", "PagePlane", "PageTrust", "render_page"]
