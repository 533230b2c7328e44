"""Write the pages of the reference that follow from the code: docs/reference-cli.md and docs/reference-python.md.

`make reference` runs it; a test compares the committed pages with what it gives.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

import sacv
from sacv.cli.main import commands

ROOT = Path(__file__).parents[1]
MODULES = {
    "sacv.solvers": "Estimators of a concept's direction: the argument `solver` of `sacv.fit`.",
    "sacv.methods": "Contribution methods: the argument `method` of `sacv.explain`.",
    "sacv.targets": "What is explained of an image: the argument `target` of `sacv.explain` and `sacv.score`.",
    "sacv.exchange": "CAVs and maps of other programs, in and out.",
    "sacv.errors": "Every error that sacv raises by itself is a `SacvError`.",
}
"""Modules whose public members are documented, and what they hold."""
HOMES = {"sacv.methods": "sacv.maps.methods"}
"""Where a module is that has a second name."""
WRITTEN = "<!-- Written by `make reference` from the code. Do not edit. -->"


def command_line_page() -> str:
    """Give the page of every command with its arguments and options."""
    lines = [
        "# Command line",
        "",
        WRITTEN,
        "",
        "Every command has `--help`. Exit status: 0, 1 if an audit fails, 2 after an error that the user can mend.",
        "",
    ]
    for path, command in every_command():
        lines += [f"## {' '.join(path)}", "", *_command(path, command)]
    return "\n".join(lines).rstrip() + "\n"


def every_command() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Give each command with its names, such as `("sacv", "bank", "merge")`; those of the bench are among them."""
    own = tomllib.loads((ROOT / "bench" / "pyproject.toml").read_text(encoding="utf-8"))
    plug_ins = own["project"]["entry-points"]["sacv.commands"]
    for name in sorted(commands.commands):
        if name in plug_ins:
            module, attribute = plug_ins[name].split(":")
            yield ("sacv", name), getattr(import_module(module), attribute)
        else:
            command = commands.get_command(click.Context(commands), name)
            assert command is not None
            yield from _within(("sacv", name), command)


def _within(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _within((*path, name), command.commands[name])


def _command(path: tuple[str, ...], command: click.Command) -> list[str]:
    context = click.Context(command, info_name=" ".join(path))
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = ["```text", usage, "```", "", *_paragraphs(command.help or ""), ""]
    options = [_option(one, context) for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        lines += ["| option | default | meaning |", "| --- | --- | --- |", *options, ""]
    return lines


def _paragraphs(text: str) -> list[str]:
    """Join the lines of each paragraph; those after click's mark stay as they are."""
    found = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b"):
            found += ["```text", *paragraph.splitlines()[1:], "```", ""]
        else:
            found += [_plain(" ".join(paragraph.split())), ""]
    return found[:-1]


def _option(option: click.Option, context: click.Context) -> str:
    """Give the row of an option."""
    value = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    names = ", ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))
    remarks = [word for word, holds in (("required", option.required), ("repeatable", option.multiple)) if holds]
    default = option.default if option.show_default and not option.is_flag else None
    shown = "" if default in (None, ()) or callable(default) else f"`{default}`"
    cells = (names, shown or ", ".join(remarks), _plain(" ".join((option.help or "").split())))
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _plain(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return "".join(f"\\{letter}" if letter in "*_<>[]`" else letter for letter in text)


def python_page() -> str:
    """Give the page of every public name."""
    lines = [
        "# Python",
        "",
        WRITTEN,
        "",
        "The names of `sacv` that user code may rely on ([stability](stability.md)), and the members of its modules.",
        "",
        "## sacv",
        "",
    ]
    documented = {home for name in MODULES for home in (name, HOMES.get(name, name))}
    lines += [line for name in public_names() if f"sacv.{name}" not in documented for line in _entry(f"sacv.{name}")]
    for module in modules():
        lines += [f"## {module}", "", MODULES[module], ""]
        lines += [line for name in members(module) for line in _entry(f"{HOMES.get(module, module)}.{name}")]
    return "\n".join(lines).rstrip() + "\n"


def modules() -> list[str]:
    """Name the public modules that there are."""
    return [name for name in MODULES if find_spec(HOMES.get(name, name)) is not None]


def public_names() -> list[str]:
    """Name what `sacv` gives, but for its version."""
    return [name for name in sacv.__all__ if name != "__version__"]


def members(module: str) -> list[str]:
    """Name what a public module gives."""
    found = import_module(HOMES.get(module, module))
    if hasattr(found, "__all__"):
        return list(found.__all__)
    return [name for name, value in vars(found).items() if getattr(value, "__module__", "") == found.__name__]


def _entry(name: str) -> list[str]:
    return [f"::: {name}", ""]


PAGES = {"reference-cli.md": command_line_page, "reference-python.md": python_page}
"""What is written, by the name of the page in docs/."""


if __name__ == "__main__":
    for page, write in PAGES.items():
        (ROOT / "docs" / page).write_text(write(), encoding="utf-8")
        print(f"docs/{page}")
