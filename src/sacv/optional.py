"""Import optional packages."""

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
        Extra that installs it.
    package
        The distribution that has the extra.

    Raises
    ------
    MissingExtraError
        If it is not installed. The message contains the install command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{module!r} is required and not installed; install it with: pip install '{package}[{extra}]'"
        ) from error
