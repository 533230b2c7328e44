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
        'Fit "striped" on textures made in code, and explain scenes whose truth is known, with a network that ships.',
    ),
    "layers": Home(
        "sacv.cli.layers",
        "layers_command",
        "List the layers of a model that one can ask about, or rank those of a bank by which to ask first.",
    ),
    "fit": Home(
        "sacv.cli.fit", "fit_command", "Find the direction of every concept at every layer, and keep them in a bank."
    ),
    "explain": Home(
        "sacv.cli.explain",
        "explain_command",
        "Tell where IMAGES (files or folders) show the bank's concepts, and how much each place contributes.",
    ),
    "view": Home(
        "sacv.cli.view",
        "view_command",
        "Open the page of a saved result in the browser; of explanations, scores and audits it is written anew.",
    ),
    "score": Home(
        "sacv.cli.score",
        "score_command",
        "Score how much the bank's concepts matter to a class, over IMAGES of it (files or folders).",
    ),
    "search": Home(
        "sacv.cli.search",
        "search_command",
        "Find the places of IMAGES (files or folders, any number) that show the bank's concepts most.",
    ),
    "audit": Home(
        "sacv.cli.audit",
        "audit_command",
        "Try to refute a bank, on IMAGES or on its own random images; exit with status 1 if a check fails.",
    ),
    "study": Home(
        "sacv.study.command",
        "study_command",
        "Fit, score, audit and explain as STUDY.toml says, and write one report.",
    ),
    "bank": Home("sacv.cli.bank", "bank_group", "Look at banks, merge them, fit them anew, or take them elsewhere."),
    "clinic": PlugIn(
        "sacv-bench",
        "Write a made clinic to try everything on: photos of lesions, their masks and a table, whose truth is known.",
    ),
    "app": Home("sacv.cli.app", "app_command", "Explain photos and make concepts in the browser, on this machine."),
    "bench": PlugIn(
        "sacv-bench",
        "Measure explanations against ground truth, beside their rivals: the TABLEs named (T1 to T6, layers), or all.",
    ),
}
"""Where each command is; `LazyGroup` loads it when it is called."""


@click.group(cls=LazyGroup, homes=HOMES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sacv")
def commands() -> None:
    """Tell which concepts a vision model uses, where it sees them, and how much each place contributes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `sacv` and leave with its exit status: 0, 1 if an audit fails, or 2 after an error that the user can mend."""
    sys.exit(run(commands, arguments))
