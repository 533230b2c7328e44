"""Every command and every block of Python of the documentation runs; what cannot run is parsed, and says why."""

import os
import shlex
import shutil
from contextlib import suppress

import click
import pytest

from docs.pages import ROOT, Block, blocks, commands, page_files, tokens
from docs.running import check, check_shell, names_of, parse, run_python, run_shell
from sacv.errors import SacvError

ELSEWHERE = {
    "docs/clinic.md": "bench/tests/test_clinic_guide.py",
    "docs/exchange.md": "tests/exchange/test_guide.py",
}
"""Pages with a test of their own that runs their blocks."""
SLOW = (
    "README.md",
    "docs/contribution.md",
    "docs/data.md",
    "docs/explain.md",
    "docs/first-hour.md",
    "docs/howto-medical.md",
    "docs/howto-own-model.md",
    "docs/howto-random-set.md",
    "docs/howto-search.md",
    "docs/search.md",
    "docs/study.md",
    "docs/targets.md",
    "docs/tutorial.md",
)
"""Pages whose blocks take many seconds."""
PAGES = [file for file in page_files() if list(blocks(file))]
NAMES = [str(file.relative_to(ROOT)) for file in PAGES]
MOST_NOT_RUN = 0.25
"""Greatest share of the blocks of commands and Python that is not run."""


@pytest.fixture
def place(world, tmp_path, monkeypatch):
    """A copy of the world as the working folder, and a demo that is small."""
    shutil.copytree(world, tmp_path / "place", copy_function=os.link)
    monkeypatch.chdir(tmp_path / "place")
    monkeypatch.syspath_prepend(tmp_path / "place")
    monkeypatch.setattr("webbrowser.open", lambda *_: True)
    for name, value in (("CONCEPT_IMAGES", 8), ("OTHER_IMAGES", 3), ("SCENES", 2)):
        monkeypatch.setattr(f"sacv.cli.demo.{name}", value)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NAMES if name not in ELSEWHERE]
)
def test_the_blocks_of_a_page_run(name, request, capsys):
    found = list(blocks(ROOT / name))
    to_run = [block for block in found if block.not_run is None and block.language in ("shell", "python")]
    if any(block.language == "python" or "sacv" in block.text for block in to_run):
        request.getfixturevalue("place")
    names = None
    for block in found:
        if block not in to_run:
            check(block)
        elif block.language == "shell":
            run_shell(block, capsys)
        else:
            names = names or names_of("\n".join(one.text for one in to_run if one.language == "python"))
            try:
                run_python(block, names)
            except (SacvError, NameError, AttributeError, TypeError, ImportError) as error:
                raise AssertionError(f"{block}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_a_page_that_runs_elsewhere_has_its_test(name):
    assert name.rsplit("/", 1)[1] in (ROOT / ELSEWHERE[name]).read_text()


def test_few_blocks_are_not_run():
    code = [block for file in PAGES for block in blocks(file) if block.language in ("shell", "python")]
    left = [block for block in code if block.not_run is not None]
    assert len(left) <= MOST_NOT_RUN * len(code), [f"{block}: {block.not_run}" for block in left]


def test_commands_within_a_line_parse():
    for file in page_files():
        for token in tokens(file):
            for child in token.children or ():
                if child.type == "code_inline" and child.content.startswith("sacv "):
                    words = shlex.split(child.content)[1:]
                    if words[0].isalpha() and words[0].islower():
                        with suppress(click.BadOptionUsage):  # an option named without its value
                            parse(words)


def block(text, **remarks):
    return Block("page.md", 1, "shell", text, **remarks)


def test_lines_of_a_command_are_joined():
    assert commands(block("# first\nsacv fit \\\n    --json   # why\n$ sacv layers\n")) == [
        "sacv fit  --json   # why",
        "sacv layers",
    ]


def test_an_unknown_option_is_found():
    with pytest.raises(Exception, match="No such option"):
        check_shell(block("sacv fit ... --no-such-option\n"))
    with pytest.raises(AssertionError, match="no command"):
        check_shell(block("sacv fitt\n"))
    with pytest.raises(AssertionError, match="no target"):
        check_shell(block("make nothing\n"))
    with pytest.raises(AssertionError, match="no extra"):
        check_shell(block("pip install 'sacv[nothing]'\n"))


def test_a_failing_command_is_found(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=r"page.md:1: sacv bank show gone"):
        run_shell(block("sacv bank show gone\n"), capsys)
    run_shell(block("sacv bank show gone\n", fails="gone"), capsys)
    with pytest.raises(AssertionError):
        run_shell(block("sacv --version\n", fails="gone"), capsys)
