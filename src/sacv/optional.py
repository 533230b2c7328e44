"""Optional packages: import them by name, or say how to install them."""

import importlib
from types import ModuleType

from sacv.errors import MissingExtraError


def require(module: str, *, extra: str, package: str = "sacv") -> ModuleType:
    """Import an optional module.

    Parameters
    ----------
    module
        Dotted name of the module.
    extra
        Name of the extra that installs it.
    package
        The distribution that has the extra.

    Raises
    ------
    MissingExtraError
        When it is not installed; the message holds the install line.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{module!r} is needed here and is not installed; install it with: pip install '{package}[{extra}]'"
        ) from error
