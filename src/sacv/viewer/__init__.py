"""The viewer: an explanation as plain data, and the page that draws it."""

from sacv.viewer.data import Blocks, ViewerData
from sacv.viewer.link import fragment
from sacv.viewer.page import page_text, read_page, write_page

__all__ = ["Blocks", "ViewerData", "fragment", "page_text", "read_page", "write_page"]
