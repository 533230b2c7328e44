"""The world of the documentation, made once."""

import pytest

from docs.world import make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Give the folder that `docs.world` describes; it is copied, never written to."""
    folder = tmp_path_factory.mktemp("world") / "world"
    folder.mkdir()
    make_world(folder)
    return folder
