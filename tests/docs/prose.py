"""The prose of source files: what people read, each passage with the line that it starts on."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt

Passage = tuple[int, str]
"""First line, from 1, and text, whose line breaks are those of the file where it spans lines."""

_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_TEMPLATE_CODE = re.compile(
    r"\{%.*?%\}|\{\{.*?\}\}|<style\b.*?</style>|<script\b.*?</script>|\b(?:class|id|href|src|for|name|data-[\w-]+)=\"[^\"]*\"",
    re.DOTALL,
)
_PARAMETERS = re.compile(r"^( *)\w+(, \w+)*$(?=\n\1 +\S)", re.MULTILINE)
"""Names of parameters in a numpydoc docstring, with a description below."""
_JAVASCRIPT = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|\"(?P<double>(?:[^\"\\\n]|\\.)*)\"|'(?P<single>(?:[^'\\\n]|\\.)*)'"
    r"|`(?P<template>(?:[^`\\]|\\.)*)`",
    re.DOTALL,
)


def python_prose(text: str) -> Iterator[Passage]:
    """Yield the comments, the docstrings and the literals of at least two words."""
    for token in tokenize.generate_tokens(iter(text.splitlines(keepends=True)).__next__):
        if token.type == tokenize.COMMENT:
            yield token.start[0], _without_code(token.string)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            pieces = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield from _literal(node.lineno, "".join(map(str, pieces)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _literal(node.lineno, node.value)


def javascript_prose(text: str) -> Iterator[Passage]:
    """Yield the comments and the literals of at least two words."""
    for found in _JAVASCRIPT.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        if found["comment"]:
            yield line, _without_code(found["comment"])
        else:
            literal = found["double"] or found["single"] or found["template"] or ""
            yield from _literal(line, re.sub(r"\$\{[^}]*\}", "{}", literal))


def template_prose(text: str) -> Iterator[Passage]:
    """Yield what a Jinja template shows, without its expressions and the names in its tags."""
    yield 1, _blank(_TEMPLATE_CODE, text)


def markdown_prose(text: str) -> Iterator[Passage]:
    """Yield the text of a page, without its code and the addresses of its links."""
    breaks = {"softbreak": "\n", "hardbreak": "\n", "code_inline": "~"}
    for token in MarkdownIt().enable("table").parse(text):
        if token.type == "inline" and token.map is not None:
            parts = (breaks.get(child.type, child.content) for child in token.children or ())
            yield token.map[0] + 1, "".join(parts)


def prose(file: Path) -> list[Passage]:
    """Return the passages of a file by the ending of its name."""
    name, text = file.name, file.read_text(encoding="utf-8")
    readers = {".py": python_prose, ".js": javascript_prose, ".md": markdown_prose, ".toml": _toml_comments}
    return list(template_prose(text) if name.endswith((".j2", ".html")) else readers[file.suffix](text))


def _toml_comments(text: str) -> Iterator[Passage]:
    for number, line in enumerate(text.splitlines(), start=1):
        setting = re.match(r"(# )?\w+ = [^#]*", line)
        yield number, (line[setting.end() :] if setting else line).partition("#")[2]


def _literal(line: int, text: str) -> Iterator[Passage]:
    if len(text.split()) > 1:
        yield line, _without_code(_blank(_PARAMETERS, text))


def _without_code(text: str) -> str:
    return _blank(_CODE, text)


def _blank(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: "~" + "\n" * found[0].count("\n"), text)
