import pytest

from real.made import make_material


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return make_material(tmp_path_factory.mktemp("real"))


@pytest.fixture
def fresh(tmp_path):
    """The same, to break."""
    return make_material(tmp_path / "real")
