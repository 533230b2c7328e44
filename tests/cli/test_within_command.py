"""`--within` on the command line."""

import json

import numpy as np
import pytest
from conftest import make_pictures
from PIL import Image

from cli.test_cli import FIT, place, run  # noqa: F401


@pytest.fixture
def masked(place):  # noqa: F811
    values = np.zeros((20, 24), dtype=np.uint8)
    values[:, :12] = 255
    Image.fromarray(values).save(place / "half.png")
    make_pictures(place / "shown", 2, 8)
    (place / "masks").mkdir()
    for name in ("0", "1"):
        Image.fromarray(values).save(place / "masks" / f"{name}.png")
    return place


def test_fit_explain_score_and_audit(masked, run):  # noqa: F811
    code, out, err = run(*FIT, "--within", "half.png")
    assert (code, err) == (0, "") and "Within masks: 50% by the median of each image" in out
    assert "inside the masks, and" in out
    code, out, _ = run(*FIT, "--within", "half.png", "--json")
    assert code == 0 and json.loads(out)["within"]["mean"] == 0.5
    use = ("--bank", "bank", "--model", "mine.py:net", "--allow-weak")
    code, out, _ = run("explain", *use, "--target", "cat", "--out", "out", "--within", "masks", "shown")
    assert code == 0 and "Within masks, 2, bright: " in out and "of the locations of each image count" in out
    code, out, _ = run("explain", *use, "--target", "cat", "--out", "out", "shown", "--json")
    assert code == 0 and [note["kind"] for note in json.loads(out)["notes"]].count("without masks") == 1
    code, out, _ = run("score", *use, "--target", "cat", "--out", "scores", "--within", "masks", "shown")
    assert code == 0 and "Within masks, 2: " in out
    code, out, _ = run("audit", *use[:4], "--within", "masks", "shown", "--json")
    assert {"within masks", "outside the masks"} <= {row["check"] for row in json.loads(out)["findings"]}


def test_errors_are_one_line(masked, run):  # noqa: F811
    (masked / "masks" / "1.png").unlink()
    code, _, err = run(*FIT, "--within", "masks")
    assert code == 2 and err.count("\n") == 1 and "images without a mask: bright/1.png" in err
    code, _, err = run(*FIT, "--within", "nowhere")
    assert code == 2 and err.count("\n") == 1 and "no file or folder nowhere" in err
    code, _, err = run(*FIT, "--within", "half.png", "--context", "elsewhere")
    assert code == 2 and "give one of the two" in err
