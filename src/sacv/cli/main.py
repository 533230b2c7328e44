"""The `sacv` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from sacv import __version__
from sacv.cli.console import run
from sacv.cli.lazy import Home, LazyGroup, PlugIn

HOMES: dict[str, Home | PlugIn] = {
    "demo": Home(
        "sacv.cli.demo",
        "demo_command",
        'Fit "striped" on synthetic textures and explain scenes with known masks, with the built-in network.',
    ),
    "layers": Home(
        "sacv.cli.layers",
        "layers_command",
        "List the layers of a model that can be explained, or rank the layers of a bank.",
    ),
    "fit": Home(
        "sacv.cli.fit", "fit_command", "Learn a CAV for every concept at every layer, and write them to a concept bank."
    ),
    "explain": Home(
        "sacv.cli.explain",
        "explain_command",
        "Show where IMAGES (files or folders) show the bank's concepts, and how much each location contributes.",
    ),
    "view": Home(
        "sacv.cli.view",
        "view_command",
        "Open the report of a saved result in the browser.",
    ),
    "score": Home(
        "sacv.cli.score",
        "score_command",
        "Score how much the bank's concepts matter to a class, over IMAGES of it (files or folders).",
    ),
    "search": Home(
        "sacv.cli.search",
        "search_command",
        "Find the locations of IMAGES (files or folders, any number) that show the bank's concepts most.",
    ),
    "audit": Home(
        "sacv.cli.audit",
        "audit_command",
        "Try to refute a bank, on IMAGES or on its own random images; exit with status 1 if a check fails.",
    ),
    "study": Home(
        "sacv.study.command",
        "study_command",
        "Fit, score, audit and explain as STUDY.toml specifies, and write one report.",
    ),
    "bank": Home("sacv.cli.bank", "bank_group", "Show, merge, refit, export or share concept banks."),
    "clinic": PlugIn(
        "sacv-bench",
        "Write a synthetic clinic with ground truth: photos of lesions, their masks and a table.",
    ),
    "app": Home("sacv.cli.app", "app_command", "Explain images and create concepts in the browser, on this machine."),
    "bench": PlugIn(
        "sacv-bench",
        "Measure explanations and rival methods against ground truth: the TABLEs named (T1 to T6, layers), or all.",
    ),
}
"""Module and function of each command; `LazyGroup` loads it when it is called."""


@click.group(cls=LazyGroup, homes=HOMES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sacv")
def commands() -> None:
    """Show which concepts a vision model uses, where it sees them, and how much each location contributes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `sacv` and exit with its status: 0, 1 if an audit fails, or 2 after an error that the user can fix."""
    sys.exit(run(commands, arguments))
