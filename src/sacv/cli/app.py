"""`sacv app`: images, concepts and maps in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from sacv.cli.console import say
from sacv.cli.options import class_names_option, device_option, open_bank_model, open_model


@click.command("app")
@click.option(
    "--bank",
    "bank_folder",
    type=click.Path(path_type=Path),
    help="Folder of a bank to start with. It is never written to.",
)
@click.option(
    "--model",
    "spec",
    help="As in 'sacv fit'. [default: the model of the bank, or, without a bank, the built-in demo network]",
)
@class_names_option
@click.option("--resize", help="As in 'sacv fit'; not with a bank, which has its own.")
@click.option("--crop", type=click.IntRange(min=1), help="As in 'sacv fit'; not with a bank, which has its own.")
@device_option
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("sacv-app"),
    show_default=True,
    help="Folder to store images, sets, masks, banks and explanations in; the other commands can read it.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Any but a loopback address requires a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port to listen on; 0 for any free one.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def app_command(
    bank_folder: Path | None,
    spec: str | None,
    class_names: Path | None,
    resize: str | None,
    crop: int | None,
    device: str,
    folder: Path,
    host: str,
    port: int,
    no_browser: bool,
) -> None:
    """Explain images and create concepts in the browser, on this machine."""
    from sacv.errors import OptionError
    from sacv.optional import require

    if bank_folder is not None and (resize is not None or crop is not None):
        raise OptionError("--bank defines the size of the images; leave out --resize and --crop")
    for module in ("starlette", "uvicorn"):
        require(module, extra="app")
    from sacv.app.server import serve
    from sacv.app.workspace import Workplace
    from sacv.cav import ConceptBank

    if bank_folder is None:
        model = open_model("demo" if spec is None else spec, None, class_names, resize, crop, (), device)
    else:
        model = open_bank_model(ConceptBank.load(bank_folder), spec, class_names, device)
    serve(model, Workplace(folder, bank_folder), host, port, browser=not no_browser, say=say)
