"""--target, --against and --output, as a user gives them."""

import json

import pandas as pd
import pytest

from cli.test_cli import CODE, FIT, place, run  # noqa: F401  # fixtures
from viewer import shown

DICT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()
    def forward(self, x):
        logits = self.net(x)
        return {"heads": [logits[:, :2], logits], "other": x}
def held():
    return Net()
"""
COMMON = ("--bank", "bank", "--model", "mine.py:net")


@pytest.fixture
def bank(run, place):  # noqa: F811
    assert run(*FIT)[0] == 0
    return place


def test_several_targets_are_explained_in_one_folder(run, bank):  # noqa: F811
    status, out, err = run("explain", *COMMON, "--target", "bee", "--target", "cat", "--against", "ant", "bright",
                           "--out", "found", "--allow-weak")  # fmt: skip
    assert (status, err) == (0, "")
    assert "\nbee - ant\n" in out and "\ncat - ant\n" in out and "bee rather than ant" in out
    assert "if removed: change of the difference cat - ant" in out and "Report: found/index.html" in out
    for name in ("bee-ant", "cat-ant"):
        assert (bank / "found" / name / "index.html").exists()
    assert shown.header(bank / "found")["targets"] == ["bee - ant", "cat - ant"]
    assert run("view", "found", "--no-open")[::2] == (0, "")


def test_one_target_is_written_as_before_and_several_as_json(run, bank):  # noqa: F811
    status, out, _ = run("explain", *COMMON, "--target", "bee", "--against", "ant", "bright", "--out", "one", "--json")
    told = json.loads(out)
    assert status == 0 and told["kind"] == "explanation" and told["settings"]["target"] == "bee - ant"
    status, out, _ = run("explain", *COMMON, "--target", "bee", "--target", "2", "bright", "--out", "two", "--json")
    told = json.loads(out)
    assert status == 0 and [one["folder"] for one in told["targets"]] == ["bee", "cat"]
    assert [one["settings"]["target"] for one in told["explanations"]] == ["bee", "2"]


def test_scores_of_differences(run, bank):  # noqa: F811
    status, out, err = run("score", *COMMON, "--target", "bee", "--target", "cat", "--against", "ant", "bright",
                           "--out", "scores", "--allow-weak")  # fmt: skip
    assert (status, err) == (0, "") and "bee rather than ant" in out
    assert set(pd.read_parquet(bank / "scores" / "scores.parquet")["target"]) == {"bee - ant", "cat - ant"}


def test_an_audit_of_a_difference(run, bank):  # noqa: F811
    _, out, err = run("audit", *COMMON, "--target", "bee", "--against", "ant", "bright")
    assert not err and "bee - ant" in out
    status, _, err = run("audit", *COMMON, "--against", "ant", "bright")
    assert status == 2 and "--against ant needs a --target" in err


def test_a_field_of_the_output_is_named(run, bank):  # noqa: F811
    (bank / "mine.py").write_text(CODE + DICT)
    fit = ("mine.py:held" if one == "mine.py:net" else "net.2" if one == "2" else one for one in FIT)
    assert run(*fit)[0] == 0
    held = ("--bank", "bank", "--model", "mine.py:held", "--target", "bee", "bright", "--out", "found", "--allow-weak")
    status, _, err = run("explain", *held)
    assert status == 2 and "heads.0 (5, 2), heads.1 (5, 3), other (5, 3, 16, 16)" in err and err.count("\n") == 1
    assert run("explain", *held, "--output", "heads.1")[0] == 0
    assert json.loads((bank / "found" / "explanation.json").read_text())["settings"]["output"] == "heads.1"
    held = tuple("scores" if one == "found" else one for one in held)
    assert run("score", *held, "--output", "heads.1")[0] == 0
    status, _, err = run("score", *held, "--output", "heads.2")
    assert status == 2 and "no field 'heads.2'" in err and err.count("\n") == 1
    assert run("layers", "--model", "mine.py:held", "--resize", "16x16", "--output", "heads.1")[0] == 0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--target", "bee", "--against", "bee"), "the target bee is compared with itself"),
        (("--target", "bee", "--against", "1"), "the target bee is compared with itself"),
        (("--target", "bea"), "the model has no class 'bea'; the nearest names are bee"),
        (("--target", "bee", "--against", "cta"), "the model has no class 'cta'; the nearest names are cat"),
        (("--target", "7"), "target 7 is out of range; the model's classes go from 0 to 2"),
        (("--target", "bee", "--target", "bee"), "given twice"),
        (("--target", "bee", "--output", "logits"), "a single tensor of shape (5, 3); omit the field's name"),
    ],
)
def test_what_is_wrong_is_one_line(run, bank, given, message):  # noqa: F811
    for command in ("explain", "score"):
        status, _, err = run(command, *COMMON, *given, "bright", "--out", "found", "--allow-weak")
        told = "(1, 3)" if command == "score" and "tensor" in message else None
        assert status == 2 and message.replace("(5, 3)", told or "(5, 3)") in err and err.count("\n") == 1, err
