"""Optional packages: import them by name, or say how to install them."""

import importlib
from types import ModuleType

from sacv.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module.

    Parameters
    ----------
    module
        Dotted name of the module.
    extra
        Name of the extra of sacv that installs it.

    Raises
    ------
    MissingExtraError
        When it is not installed; the message holds the install line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{module!r} is needed here and is not installed; install it with: pip install 'sacv[{extra}]'"
        ) from error
