"""`sacv bank`: show, merge, refit, export and share concept banks; no image is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sacv.cli.bank_card import show_bank, summary
from sacv.cli.console import say, say_json
from sacv.cli.options import json_option
from sacv.cli.solvers import parse_solver

if TYPE_CHECKING:
    from sacv.cav import ConceptBank

out_option = click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the bank to.")


@click.group("bank")
def bank_group() -> None:
    """Show, merge, refit, export or share concept banks."""


@bank_group.command("show")
@click.option(
    "--roc",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the held-out ROC curve of the image score of each concept from a table to a CSV file.",
)
@json_option
@click.argument("bank", type=click.Path(path_type=Path))
def show_command(bank: Path, roc: Path | None, as_json: bool) -> None:
    """Show the quality figures of BANK."""
    from sacv.cav import ConceptBank

    found = ConceptBank.load(bank)
    if roc is not None:
        write_roc(found, roc)
    if as_json:
        say_json({"bank": str(bank), **summary(found)})
    else:
        show_bank(found)


def write_roc(bank: ConceptBank, file: Path) -> None:
    """Write the held-out ROC curves of a bank's image scores, a row for each threshold."""
    import pandas as pd

    from sacv.errors import OptionError, StorageError

    curves = []
    for cav in bank.cavs:
        if cav.image_scores is not None:
            without, shown = cav.image_scores.roc()
            columns = {"layer": cav.layer, "concept": cav.concept, "without": without, "with": shown}
            curves.append(pd.DataFrame(columns))
    if not curves:
        raise OptionError(
            "--roc needs image scores, and the bank has none: fit concepts from a table (--table), without --random"
        )
    try:
        pd.concat(curves).to_csv(file, index=False)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror or error}; give another file") from error


@bank_group.command("merge")
@click.option("--solver", help="As in 'sacv fit'. [default: the solver of the first bank]")
@out_option
@json_option
@click.argument("banks", nargs=-1, required=True, type=click.Path(path_type=Path))
def merge_command(banks: tuple[Path, ...], solver: str | None, out: Path, as_json: bool) -> None:
    """Merge BANKS of the same model: add concepts, or pool the statistics of several sites without sharing images."""
    from sacv.cav import ConceptBank, merge

    chosen = None if solver is None else parse_solver(solver)
    _finish(merge([ConceptBank.load(bank) for bank in banks], solver=chosen), out, as_json)


@bank_group.command("refit")
@click.option("--solver", help="As in 'sacv fit'. [default: the bank's own]")
@click.option("--random-from", type=click.Path(path_type=Path), help="Use the random set of this bank.")
@click.option(
    "--random-concept", multiple=True, help="Use the images of this concept as random images. May be repeated."
)
@click.option("--runs", type=click.IntRange(min=1), help="Random runs. [default: as in the bank]")
@click.option("--nulls", type=click.IntRange(min=0), help="Null CAVs. [default: as in the bank]")
@out_option
@json_option
@click.argument("bank", type=click.Path(path_type=Path))
def refit_command(
    bank: Path,
    solver: str | None,
    random_from: Path | None,
    random_concept: tuple[str, ...],
    runs: int | None,
    nulls: int | None,
    out: Path,
    as_json: bool,
) -> None:
    """Estimate the CAVs of BANK again, with another solver, random set or number of runs."""
    if random_from is not None and random_concept:
        raise click.UsageError("give --random-from or --random-concept, not both")
    from sacv.cav import ConceptBank, refit

    other = None if random_from is None else ConceptBank.load(random_from)
    found = refit(
        ConceptBank.load(bank),
        solver=None if solver is None else parse_solver(solver),
        random=other if other is not None else (list(random_concept) or None),
        runs=runs,
        nulls=nulls,
    )
    _finish(found, out, as_json)


def _finish(found: ConceptBank, out: Path, as_json: bool) -> None:
    found.save(out)
    if as_json:
        say_json({"bank": str(out), **summary(found)})
        return
    show_bank(found)
    say(f"\nThe bank is in {out}")


@bank_group.command("export")
@click.option("--npz", "file", required=True, type=click.Path(path_type=Path), help="File to write the arrays to.")
@click.argument("bank", type=click.Path(path_type=Path))
def export_command(bank: Path, file: Path) -> None:
    """Write the CAVs of BANK as plain numpy arrays."""
    from sacv.cav import ConceptBank
    from sacv.exchange import save_npz

    save_npz(ConceptBank.load(bank), file)
    say(f"The arrays are in {file}")


@bank_group.command("push")
@click.option("--public", is_flag=True, help="Make a new repository public. [default: private]")
@click.argument("bank", type=click.Path(path_type=Path))
@click.argument("repository", metavar="USER/NAME")
def push_command(bank: Path, repository: str, public: bool) -> None:
    """Upload BANK, with a card of its figures, to the repository USER/NAME of the Hugging Face Hub."""
    from sacv.exchange import push_bank

    say(f"The bank is at {push_bank(bank, repository, private=not public)}")


@bank_group.command("pull")
@click.option("--revision", help="Branch, tag or commit. [default: the newest]")
@out_option
@json_option
@click.argument("repository", metavar="USER/NAME")
def pull_command(repository: str, revision: str | None, out: Path, as_json: bool) -> None:
    """Download a bank from the repository USER/NAME of the Hugging Face Hub."""
    from sacv.exchange import pull_bank

    _finish(pull_bank(repository, revision=revision), out, as_json)
