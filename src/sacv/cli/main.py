"""The `sacv` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from sacv import __version__
from sacv.cli.audit import audit_command
from sacv.cli.bank import bank_group
from sacv.cli.bench import bench_command
from sacv.cli.console import run
from sacv.cli.demo import demo_command
from sacv.cli.explain import explain_command
from sacv.cli.fit import fit_command
from sacv.cli.layers import layers_command
from sacv.cli.score import score_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sacv")
def commands() -> None:
    """Tell which concepts a vision model uses, where it sees them, and how much each place contributes."""


for command in (
    demo_command,
    layers_command,
    fit_command,
    explain_command,
    score_command,
    audit_command,
    bank_group,
    bench_command,
):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `sacv` and leave with its exit status: 0, 1 if an audit fails, or 2 after an error that the user can mend."""
    sys.exit(run(commands, arguments))
