"""`sacv audit`: checks that try to refute a bank."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

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
from sacv.cli.table import pictures_of, table_options
from sacv.cli.targets import against_option, output_option
from sacv.errors import OptionError

FAILED = 1
"""Exit status when a check fails."""


@click.command("audit")
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option("--model", "spec", help="As in 'sacv fit'; needed again where the model is the user's own code.")
@click.option("--target", help="Class asked about. [default: the one predicted most often]")
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
    pictures: Path | None,
    key: str | None,
    rows: tuple[str, ...],
    images: tuple[str, ...],
) -> int:
    """Try to refute a bank, on IMAGES or on its own random images; exit with status 1 if a check fails."""
    from sacv.cav import ConceptBank
    from sacv.targets import Difference
    from sacv.trust import audit
    from sacv.trust.audit import WORDS

    if target is None and against is not None:
        raise OptionError(f"--against {against} needs a --target to hold against it")
    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, output, precision)
    asked = target if target is None or against is None else Difference(target, against)
    shown = pictures_of(images, table_file, pictures, key, rows, window=model.window) or None
    found = audit(model, bank, shown, asked, within=within, seed=seed)
    if out is not None:
        found.with_command(click.get_current_context().find_root().obj).save(out)
    if as_json:
        say_json({"passed": found.passed, "findings": [asdict(finding) for finding in found.findings]})
    else:
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
        failed = sum(finding.passed is False for finding in found.findings)
        say(f"\n{failed} of {len(found.findings)} checks failed" if failed else "\nNo check failed")
        if out is not None:
            say(f"Open {out / 'index.html'}")
    return 0 if found.passed else FAILED
