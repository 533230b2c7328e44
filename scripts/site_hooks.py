"""Hooks of the documentation site: pages of the repository's root, links between them, and no request to elsewhere.

A page of `docs/` links to `../ARCHITECTURE.md`, and `README.md` links to `docs/trust.md`, as a reader of the repository
needs it. The site has all of them in one folder, so the links are rewritten here. A link whose text is the file name of
a page gets the page's title as text. A link to any other file of the repository becomes plain text.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
PROJECT = {name: f"{name.lower()}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY")}
"""Files of the repository's root that are pages of the site, and their names there."""
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
FETCHED = {"audio": "src", "embed": "src", "iframe": "src", "img": "src", "link": "href", "script": "src"}
"""Attributes whose address a browser reads by itself."""


def site_links(text: str, folder: Path) -> str:
    """Rewrite the relative links of a page for the site.

    Parameters
    ----------
    text
        Markdown.
    folder
        Of the repository, in which the page lies.
    """

    def rewritten(link: re.Match[str]) -> str:
        shown, path, anchor = link[1], link[2], link[3] or ""
        name = (folder / path).resolve()
        if name.parent == ROOT and name.stem in PROJECT:
            return f"[{shown}]({PROJECT[name.stem]}{anchor})"
        if ROOT / "docs" in name.parents and not name.is_dir():
            if shown == name.name and name.suffix == ".md":
                shown = title(name)
            return f"[{shown}]({name.relative_to(ROOT / 'docs')}{anchor})"
        return shown if ROOT in name.parents else link[0]

    return LINK.sub(rewritten, text)


def title(page: Path) -> str:
    """Return the first heading of a Markdown page, or its file name if it has none."""
    heading = re.search(r"^# (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE) if page.exists() else None
    return heading[1] if heading else page.name


class _Fetched(HTMLParser):
    """Collects the addresses that a browser reads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address of an element."""
        values = dict(attrs)
        if tag in FETCHED and values.get("rel") != "canonical":
            self.found.append(values.get(FETCHED[tag]) or "")


def foreign(page: str) -> list[str]:
    """Give the addresses of other servers that an HTML page reads by itself."""
    parser = _Fetched()
    parser.feed(page)
    return [address for address in parser.found if re.match(r"(https?:)?//", address)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root."""
    from mkdocs.structure.files import File

    for name, page in PROJECT.items():
        text = site_links((ROOT / f"{name}.md").read_text(encoding="utf-8"), ROOT)
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of the pages of docs/."""
    return markdown if page.file.generated_by else site_links(markdown, ROOT / "docs")


def on_post_build(config: MkDocsConfig) -> None:
    """Stop where a page reads something from another server.

    Raises
    ------
    PluginError
        With the page and the addresses.
    """
    from mkdocs.exceptions import PluginError

    for file in sorted(Path(config.site_dir).rglob("*.html")):
        addresses = foreign(file.read_text(encoding="utf-8"))
        if addresses:
            raise PluginError(f"{file.name} reads {', '.join(addresses)}; pages read nothing from elsewhere")
