"""Each room imports only from those above it, and the public names are the explicit ones."""

import ast
from pathlib import Path

import pytest

import sacv

ROOMS = [
    "errors", "deprecation", "optional", "files", "registry", "engine", "model", "synthetic", "targets", "concepts",
    "stats", "solvers", "report", "cav", "viewer", "maps", "scores", "trust", "index", "exchange", "app", "cli",
    "study",
]  # fmt: skip
SOURCE = Path(sacv.__file__).parent


def imported_rooms(file: Path) -> set[str]:
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            if node.module == "sacv":
                names = [f"sacv.{alias.name}" for alias in node.names]
            else:
                names = [node.module or ""]
        rooms |= {name.split(".")[1] for name in names if name.startswith("sacv.")}
    return rooms


def test_rooms_import_only_from_those_above():
    checked = 0
    for file in SOURCE.rglob("*.py"):
        own = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        if own in ("__init__", "__main__"):
            continue
        for room in imported_rooms(file) - {own, "__version__"}:
            assert room in ROOMS, f"{file} imports {room}, which is not a room"
            assert ROOMS.index(room) < ROOMS.index(own), f"{file} imports {room}, which is below it"
            checked += 1
    assert checked > 30


@pytest.mark.slow
def test_the_package_does_without_its_bench():
    """The bench imports from sacv, and neither sacv nor its tests import from the bench."""
    files = [
        *SOURCE.rglob("*.py"),
        *(file for file in Path(__file__).parent.rglob("*.py") if "node_modules" not in file.parts),
    ]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
                assert "sacv_bench" not in {name.split(".")[0] for name in names}, file


def test_every_room_is_known():
    found = {file.name.removesuffix(".py") for file in SOURCE.iterdir() if file.suffix == ".py" or file.is_dir()}
    assert found - {"__init__", "__main__", "__pycache__", "py.typed"} <= set(ROOMS)


def test_public_names():
    assert sacv.__all__ == [
        "CAV", "Audit", "ClassScores", "ConceptBank", "Explanation", "ImageTransform", "Labelled", "Like",
        "LocalEngine", "Quality", "RayEngine", "Region", "SacvError", "SearchResult", "ShardStore", "StudyResult",
        "Table", "VisionModel", "Window", "Within", "__version__", "audit", "errors", "explain", "fit", "from_table",
        "load_model", "merge", "methods", "refit", "run_study", "score", "score_images",
        "search", "solvers", "targets",
    ]  # fmt: skip
    assert all(hasattr(sacv, name) for name in sacv.__all__)


def test_deprecated_public_names_still_work():
    with pytest.warns(DeprecationWarning, match=r"sacv\.Found is deprecated; use sacv\.SearchResult"):
        assert sacv.Found is sacv.SearchResult
    assert "Found" not in sacv.__all__


def test_every_error_is_in_the_drawn_tree():
    from sacv import errors

    for name, kind in vars(errors).items():
        if isinstance(kind, type):
            assert issubclass(kind, errors.SacvError)
            assert name in (errors.__doc__ or "")
