"""The world of the documentation, made once."""

import pytest


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Give the folder that `docs.world` describes; it is copied, never written to."""
    from docs.world import make_world  # the environment of the zoos lacks what it needs

    folder = tmp_path_factory.mktemp("world") / "world"
    folder.mkdir()
    make_world(folder)
    return folder
