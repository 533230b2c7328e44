"""Runs the code blocks of a page, or checks those that are not run."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

import sacv
from docs.pages import ROOT, Block, commands
from docs.world import NAMES, load
from sacv.cli.main import commands as sacv_commands
from sacv.cli.main import main

EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
BENCH = tomllib.loads((ROOT / "bench" / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def smaller(words: list[str]) -> list[str]:
    """Shrink a command: null distributions of 19, two random runs, a clinic of 20 patients."""
    found = ["19" if before == "--nulls" else word for before, word in zip(["", *words], words, strict=False)]
    given = {"fit": {"--nulls": "19", "--runs": "2"}, "clinic": {"--patients": "20", "--pictures": "2"}}
    for option, value in given.get(words[0], {}).items():
        if option not in found:
            found += [option, value]
    return found


def run_shell(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the commands of a block; those of other programs are checked.

    An audit may find something. A block after `<!-- fails: TEXT -->` ends with status 2 and this text.
    """
    for command in commands(block):
        words = shlex.split(command, comments=True)
        if words[0] != "sacv":
            check_other(words)
            if words[0] == "open":
                assert Path(words[1]).exists(), f"{block}: {command}: there is no such file"
            continue
        with pytest.raises(SystemExit) as left:
            main(smaller(words[1:]))
        _, err = capsys.readouterr()
        if block.fails is None:
            assert left.value.code in ((0, 1) if words[1] == "audit" else (0, None)), f"{block}: {command}\n{err}"
        else:
            assert left.value.code == 2 and block.fails in err, f"{block}: {command}\n{err}"


def check_shell(block: Block) -> None:
    """Parse the commands of a block without running them: each option must exist; `...` stands for more."""
    for command in commands(block):
        words = shlex.split(command, comments=True)
        if words[0] == "sacv":
            parse(words[1:])
        else:
            check_other(words)


def parse(words: list[str]) -> None:
    """Let click read the options of a command, without their values' checks and without running anything."""
    command: click.Command = sacv_commands
    context = click.Context(sacv_commands, info_name="sacv")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command sacv {words[0]}"
        context = click.Context(found, parent=context, info_name=words[0])
        command, words = found, words[1:]
    command.make_parser(context).parse_args([word for word in words if word != "..."])


def check_other(words: list[str]) -> None:
    """Check what names something of this repository: a target of make, an extra of a package."""
    if words[0] == "make":
        named = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        assert set(named) <= TARGETS, f"make has no target {named}"
    for package, extras in re.findall(r"(sacv(?:-bench)?)\[([\w,-]+)\]", " ".join(words)):
        known = EXTRAS if package == "sacv" else set(BENCH["optional-dependencies"])
        assert set(extras.split(",")) <= known, f"{package} has no extra {extras}"


def names_of(source: str) -> dict[str, object]:
    """Give the names that blocks of Python may rely on, those that occur in the source."""
    found: dict[str, object] = {"sacv": sacv, "names": NAMES, "photos": "photos", "layers": ["blocks.2"]}
    wanted = set(re.findall(r"\b\w+\b", source))
    if wanted & {"model", "net"}:
        found["model"] = load(Path())
        found["net"] = found["model"].net
    if "bank" in wanted:
        found["bank"] = sacv.ConceptBank.load("bank")
    if "found" in wanted:
        found["found"] = sacv.Explanation.load("found")
    return found


def run_python(block: Block, names: dict[str, object]) -> None:
    """Run a block with the names that the blocks before it have left."""
    text = block.text.replace("resize=256, crop=224", "resize=128, crop=96")  # smaller, and quicker
    exec(compile(text, str(block), "exec"), names)


def check(block: Block) -> None:
    """Check a block that is not run, as far as that goes."""
    if block.language == "shell":
        check_shell(block)
    elif block.language == "python":
        compile(block.text, str(block), "exec")
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "json":
        json.loads(block.text)
