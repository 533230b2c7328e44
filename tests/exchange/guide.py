"""The code of docs/exchange.md."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text(encoding="utf-8")


def headings() -> list[str]:
    """Give the headings that have code."""
    return [name for name in re.findall(r"^## (.*)$", TEXT, re.MULTILINE) if blocks(name)]


def blocks(heading: str) -> list[str]:
    """Give the Python blocks below a heading."""
    (part,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```python\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Give the commands, each as it stands after `sacv`."""
    return re.findall(r"^    sacv (.*)$", TEXT, re.MULTILINE)
