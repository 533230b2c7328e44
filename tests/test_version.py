"""One version: of the package, of the bench that belongs to it, and of the tag of a release."""

import subprocess
import tomllib
from pathlib import Path

import pytest

import sacv

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("file", ["pyproject.toml", "bench/pyproject.toml"])
def test_both_distributions_have_the_version_of_the_package(file):
    assert tomllib.loads((ROOT / file).read_text())["project"]["version"] == sacv.__version__


def test_the_bench_needs_that_version_of_the_package():
    assert (
        f"sacv~={sacv.__version__}"
        in tomllib.loads((ROOT / "bench/pyproject.toml").read_text())["project"]["dependencies"]
    )


def test_a_tagged_commit_has_the_version_of_its_tag():
    asked = subprocess.run(["git", "tag", "--points-at", "HEAD", "v*"], cwd=ROOT, capture_output=True, text=True)
    tags = asked.stdout.split()
    assert all(tag == f"v{sacv.__version__}" for tag in tags), "change the version, or move the tag"
    if tags:
        assert f"## {sacv.__version__}" in (ROOT / "CHANGELOG.md").read_text(), "name the release in the changelog"
