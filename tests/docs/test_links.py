"""Every relative link of every page names a file that exists, and a heading that it has."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from docs.pages import ROOT, anchors, links, page_files


def broken(file: Path, root: Path = ROOT) -> list[str]:
    found = []
    for line, address in links(file):
        if "://" in address or address.startswith("mailto:"):
            continue
        path, _, anchor = unquote(address).partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or root not in target.parents:
            found.append(f"line {line}: there is no file {address}")
        elif anchor and anchor not in anchors(target):
            found.append(f"line {line}: {target.name} has no heading #{anchor}")
    return found


@pytest.mark.parametrize("file", page_files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_links_of_a_page_exist(file):
    assert broken(file) == []


def test_a_broken_link_is_found(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# A `name`, and more\n\n## A `name`, and more\n")
    page.write_text(
        "[a](other.md#a-name-and-more) [b](other.md#a-name-and-more-1) [c](https://example.org)\n\n"
        "[d](gone.md)\n\n![e](gone.png) [f](other.md#gone)\n"
    )
    assert broken(page, tmp_path) == [
        "line 3: there is no file gone.md",
        "line 5: there is no file gone.png",
        "line 5: other.md has no heading #gone",
    ]
