"""The command line."""

from sacv.cli.main import main

__all__ = ["main"]
