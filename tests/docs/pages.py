"""The pages of the documentation as data: their code blocks, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
COMMANDS = ("sacv", "pip", "make", "open", "git", "cd", "python", "eval", "uv", "conda", "export", "cp", "curl")
"""First words by which an indented block is one of shell commands."""
REMARK = re.compile(r"<!-- (not run|fails): (.+?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A code block of a page.

    Parameters
    ----------
    page
        Its file, from the repository's root.
    line
        Of its first line, from 1.
    language
        "shell", "python", or what the fence says.
    text
        What it holds.
    not_run
        Why it is not run; none if it is.
    fails
        What its error says, of a command that is to fail.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str | None = None
    fails: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def page_files() -> list[Path]:
    """Give every page: those of the root and of docs/, and the bench's."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")]
    return sorted(found)


@cache
def tokens(file: Path) -> tuple[Token, ...]:
    """Parse a page."""
    return tuple(MarkdownIt().enable("table").parse(file.read_text(encoding="utf-8")))


def blocks(file: Path) -> Iterator[Block]:
    """Give the code blocks of a page, in their order."""
    remarks: dict[str, str] = {}
    for token in tokens(file):
        if token.type == "html_block" and (said := REMARK.search(token.content)):
            remarks[said[1].replace(" ", "_")] = " ".join(said[2].split())
        elif token.type in ("fence", "code_block"):
            assert token.map is not None
            page = str(file.relative_to(ROOT))
            yield Block(page, token.map[0] + 1, _language(token), token.content, **remarks)
            remarks = {}


def _language(token: Token) -> str:
    named = token.info.split()[0] if token.info.strip() else ""
    if named in ("sh", "bash", "console", "shell"):
        return "shell"
    first = token.content.split(maxsplit=1)[:1]
    return "shell" if not named and first and first[0] in COMMANDS else named or "text"


def links(file: Path) -> Iterator[tuple[int, str]]:
    """Give the line and the address of each link and picture of a page."""
    for token in tokens(file):
        for child in token.children or ():
            address = child.attrGet("href") or child.attrGet("src")
            if address and token.map is not None:
                yield token.map[0] + 1, str(address)


@cache
def anchors(file: Path) -> frozenset[str]:
    """Give the anchors of a page's headings, as a repository's page names them."""
    found: list[str] = []
    for opened, inline in zip(tokens(file), tokens(file)[1:], strict=False):
        if opened.type == "heading_open":
            text = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            repeats = sum(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other) is not None for other in found)
            found.append(f"{slug}-{repeats}" if repeats else slug)
    return frozenset(found)


def commands(block: Block) -> list[str]:
    """Give the commands of a shell block: lines joined where they end with a backslash, without comments."""
    joined = re.sub(r"\\\n\s*", " ", block.text)
    lines = (line.removeprefix("$ ").strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
