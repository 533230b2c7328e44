"""`sacv app`: photos, concepts and maps in the browser."""

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
    help="A bank to begin with; it is read and never written to.",
)
@click.option(
    "--model",
    "spec",
    help="As in 'sacv fit'. [default: that of the bank, or, without a bank, the network that ships]",
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
    help="Folder of what is made: photos, sets, masks, banks and explanations, which the other commands read.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at. With any but one of this machine alone, a token is asked for.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 for any that is free.")
@click.option("--no-browser", is_flag=True, help="Open no browser.")
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
    """Explain photos and make concepts in the browser, on this machine."""
    from sacv.errors import OptionError
    from sacv.optional import require

    if bank_folder is not None and (resize is not None or crop is not None):
        raise OptionError("--bank brings its own size of pictures; leave out --resize and --crop")
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
