"""`sacv study`: a study in one file, from its data to its report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path

import click

from sacv.cli.console import progress, say, say_json
from sacv.cli.options import batch_size_option, device_option, json_option
from sacv.cli.working import open_engine, work_options
from sacv.errors import OptionError

EXAMPLE = "example.toml"
INIT = "study.toml"


@click.command("study")
@click.argument("file", required=False, metavar="STUDY.toml", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write the results and the report to.")
@click.option(
    "--init",
    is_flag=False,
    flag_value=INIT,
    type=click.Path(path_type=Path),
    metavar="[FILE]",
    help=f"Write an example with comments to FILE, by default {INIT}, and exit.",
)
@batch_size_option
@device_option
@work_options
@json_option
def study_command(
    file: Path | None,
    out: Path | None,
    init: Path | None,
    batch_size: int | None,
    device: str,
    engine_name: str,
    workers: int | None,
    ray_address: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Fit, score, audit and explain as STUDY.toml specifies, and write one report."""
    from sacv.study.run import run_study

    if init is not None:
        write_example(init)
        say(f"An example is in {init}; fill it in, then: sacv study {init} --out DIR")
        return
    if file is None:
        raise click.UsageError("Missing argument 'STUDY.toml'; 'sacv study --init' writes an example.")
    if out is None:
        raise click.UsageError("Missing option '--out'.")
    engine = open_engine(engine_name, workers, ray_address)
    with _progress() as watch:
        found = run_study(file, out, device=device, batch_size=batch_size, engine=engine, fresh=fresh, progress=watch)
    if as_json:
        say_json(found.content)
        return
    say(str(found.content["question"] or found.content["title"]))
    for line in found.answer:
        say(f"  {line}")
    say("\nWarnings:")
    for text in found.warnings:
        say(f"  {text}")
    say(f"\nOpen {out / 'report.html'}")


def write_example(path: Path) -> None:
    """Write the example of a study file."""
    text = files("sacv.study").joinpath(EXAMPLE).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise OptionError(f"--init {path}: the file exists already; name another file") from error
    except OSError as error:
        raise OptionError(f"--init {path} cannot be written: {error.strerror or error}") from error


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    shown: dict[str, Callable[[int, int], None]] = {}
    with ExitStack() as stack:

        def watch(step: str, done: int, total: int) -> None:
            if step not in shown:
                stack.close()
                shown.clear()
                shown[step] = stack.enter_context(progress(step))
            shown[step](done, total)

        yield watch
