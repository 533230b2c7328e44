"""What starts at once loads no heavy package, and everything public is still there."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

import sacv
from sacv.cli.main import HOMES, commands, main

HEAVY = {"torch", "sklearn", "pandas", "scipy", "matplotlib"}
LATER = {
    "app", "cav", "concepts", "engine", "exchange", "files", "index", "maps", "model", "optional", "report", "scores",
    "stats", "study", "trust", "viewer",
}  # fmt: skip
"""Rooms that are attributes of the package, though not in `__all__`."""


def loaded(code):
    """Give the heavy packages that code loads in a Python of its own."""
    report = f"\nimport json, sys\nprint('\\n' + json.dumps(sorted({HEAVY!r} & set(sys.modules))))"
    found = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(json.loads(found.stdout.splitlines()[-1]))


def every_command():
    context = click.Context(commands)
    yield []
    for name in commands.list_commands(context):
        yield [name]
        command = commands.get_command(context, name)
        yield from ([name, below] for below in getattr(command, "commands", ()))


def test_import_loads_nothing_heavy():
    assert loaded("import sacv; sacv.errors; dir(sacv)") == set()


def test_what_is_heavy_is_found_where_it_is_loaded():
    assert sacv.fit and {"torch", "sklearn", "pandas", "scipy"} <= set(sys.modules)
    assert loaded("import scipy") == {"scipy"}


@pytest.fixture(scope="module")
def helped():
    """What each command prints for `--help`, and what is loaded after it, of all of them in one Python."""
    code = f"""
import contextlib, io, json, sys
from sacv.cli import main
for command in {list(every_command())!r}:
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            main([*command, "--help"])
    except SystemExit as left:
        assert left.code == 0
    print(json.dumps([command, out.getvalue(), sorted({HEAVY!r} & set(sys.modules))]))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {tuple(command): (out, heavy) for command, out, heavy in map(json.loads, found.stdout.splitlines())}


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_help_loads_nothing_heavy(command, helped):
    out, heavy = helped[tuple(command)]
    assert out.startswith(f"Usage: {' '.join(['sacv', *command])} ")
    assert heavy == []


def test_list_of_commands_loads_none():
    code = """
import sys
from sacv.cli import main
try:
    main(["--help"])
except SystemExit:
    assert not {"sacv.cli.fit", "sacv.cli.options", "rich"} & set(sys.modules)
"""
    loaded(code)


@pytest.mark.parametrize("name", HOMES)
def test_a_command_is_listed_with_its_own_words(name):
    command = commands.get_command(click.Context(commands), name)
    assert command.name == name
    assert commands.commands[name].get_short_help_str(1000) == command.get_short_help_str(1000)


def test_shells_complete_commands_and_options():
    complete = ShellComplete(commands, {}, "sacv", "_SACV_COMPLETE")
    assert [item.value for item in complete.get_completions([], "")] == sorted(HOMES)
    assert [item.value for item in complete.get_completions(["bank"], "re")] == ["refit"]
    assert "--region" in [item.value for item in complete.get_completions(["fit"], "--re")]


@pytest.mark.parametrize("given", [[], ["--help"], ["--quick", "T2"], ["--out", "there", "T2"]], ids=" ".join)
def test_a_command_that_is_not_installed_says_what_to_install(given, monkeypatch, capsys):
    monkeypatch.setattr("sacv.cli.lazy.entry_points", lambda **_: ())
    with pytest.raises(SystemExit) as left:
        main(["bench", *given])
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (2, "")
    assert err == "sacv: error: sacv bench needs the package sacv-bench: pip install sacv-bench\n"


def test_a_command_that_is_not_installed_is_listed(monkeypatch, capsys):
    monkeypatch.setattr("sacv.cli.lazy.entry_points", lambda **_: ())
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert "\n  bench  " in capsys.readouterr().out
    complete = ShellComplete(commands, {}, "sacv", "_SACV_COMPLETE")
    assert "bench" in [item.value for item in complete.get_completions([], "")]


def test_type_checkers_see_the_names_that_are_loaded_late():
    tree = ast.parse(Path(sacv.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {(node.module, alias.name) for node in block.body for alias in node.names}
    rooms = {("sacv", room) for room in sacv._ROOMS}
    assert seen == rooms | {(f"sacv.{room}", name) for room, names in sacv._ROOMS.items() for name in names}


def test_every_name_is_there_and_listed():
    for name in (*sacv.__all__, *LATER):
        assert name in dir(sacv)
        assert getattr(sacv, name) is getattr(sacv, name)
    assert sacv.fit is sacv.cav.fit and sacv.solvers.LDA and sacv.methods is sacv.maps.methods
    assert {"sacv." + room for room in LATER} <= set(sys.modules)
    with pytest.raises(AttributeError, match="module 'sacv' has no attribute 'nothing'"):
        _ = sacv.nothing
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        from sacv import nothing  # noqa: F401


def test_without_a_command_the_help_is_printed_in_lines(capsys):
    with pytest.raises(SystemExit) as left:
        main([])
    shown = capsys.readouterr().err
    assert left.value.code == 2 and shown.startswith("Usage: sacv") and "\n  fit " in shown and "error" not in shown
