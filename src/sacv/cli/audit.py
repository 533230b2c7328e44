"""`sacv audit`: checks that try to refute a bank."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sacv.cli.console import say, say_json, say_table
from sacv.cli.options import (
    class_names_option,
    device_option,
    json_option,
    open_bank_model,
    precision_option,
    seed_option,
    window_option,
    within_option,
)
from sacv.cli.table import images_of, table_options
from sacv.cli.targets import against_option, output_option
from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.trust import Audit

FAILED = 1
"""Exit status when a check fails."""


@click.command("audit")
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option("--model", "spec", help="As in 'sacv fit'. Needed if the model is your own code.")
@click.option("--target", help="The class explained: its name or its index. [default: the one predicted most often]")
@against_option
@class_names_option
@output_option
@window_option
@precision_option
@within_option
@seed_option
@device_option
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write the audit to.")
@json_option
@table_options
@click.argument("images", nargs=-1, type=click.Path())
def audit_command(
    bank_folder: Path,
    spec: str | None,
    target: str | None,
    against: str | None,
    class_names: Path | None,
    output: str | None,
    window: str | None,
    precision: str | None,
    within: str | None,
    seed: int,
    device: str,
    out: Path | None,
    as_json: bool,
    table_file: Path | None,
    table_images: Path | None,
    key: str | None,
    rows: tuple[str, ...],
    images: tuple[str, ...],
) -> int:
    """Try to refute a bank, on IMAGES or on its own random images; exit with status 1 if a check fails."""
    from sacv.cav import ConceptBank
    from sacv.targets import Difference
    from sacv.trust import audit

    if target is None and against is not None:
        raise OptionError(f"--against {against} needs a --target; give --target CLASS")
    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, output, precision)
    explained = target if target is None or against is None else Difference(target, against)
    shown = images_of(images, table_file, table_images, key, rows, window=model.window) or None
    found = audit(model, bank, shown, explained, within=within, seed=seed)
    if out is not None:
        found.with_command(click.get_current_context().find_root().obj).save(out)
    if as_json:
        say_json({"passed": found.passed, "findings": [asdict(finding) for finding in found.findings]})
    else:
        show_audit(found)
        if out is not None:
            say(f"\nReport: {out / 'index.html'}")
    return 0 if found.passed else FAILED


def show_audit(found: Audit) -> None:
    """Print the findings for people: a sentence with the result, the failed checks, then a table."""
    from sacv.trust.findings import WORDS

    failed = [finding for finding in found.findings if finding.passed is False]
    skipped = sum(finding.passed is None for finding in found.findings)
    result = f"{len(failed)} of {len(found.findings)} checks failed" if failed else "No check failed"
    say(f"{result}; {skipped} could not be run." if skipped else f"{result}.")
    for finding in failed:
        of = f"{finding.concept} at " if finding.concept else ""
        say(f"Failed: {finding.check}, {of}{finding.layer}: {finding.reason}")
    say()
    say_table(
        ["check", "layer", "concept", "result", "reason"],
        [
            {
                "check": finding.check,
                "layer": finding.layer,
                "concept": finding.concept or "",
                "result": WORDS[finding.passed],
                "reason": finding.reason,
            }
            for finding in found.findings
        ],
    )
