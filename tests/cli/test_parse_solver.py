"""Names on the command line and the solver objects that they stand for."""

import click
import pytest

from sacv.cli.fit import fit_command
from sacv.cli.solvers import PREFIXES, parse_solver
from sacv.errors import OptionError
from sacv.registry import SOLVERS as REGISTERED
from sacv.solvers import DEFAULT, LDA, LinearSVM, Logistic, MeanDifference, Ridge, UnitLength

SOLVERS = {
    "mean-difference": MeanDifference(),
    "mean-difference:0.8": MeanDifference(detector_shrinkage=0.8),
    "mean-difference:auto": MeanDifference(detector_shrinkage="auto"),
    "lda": LDA(shrinkage=0.1),
    "lda:0": LDA(shrinkage=0.0),
    "lda:.25": LDA(shrinkage=0.25),
    "lda:oas": LDA(shrinkage="oas"),
    "ridge": Ridge(),
    "ridge:1e-3": Ridge(alpha=0.001),
    "logistic": Logistic(),
    "logistic:0.5": Logistic(C=0.5),
    "linear-svm": LinearSVM(),
    "linear-svm:2": LinearSVM(C=2.0),
}


@pytest.mark.parametrize("text", SOLVERS)
def test_names(text):
    assert parse_solver(text) == SOLVERS[text]
    assert parse_solver(f"unit-length/{text}") == UnitLength(SOLVERS[text], smoothing=0.0)
    assert parse_solver(f"smooth/{text}") == UnitLength(SOLVERS[text], smoothing=1.0)


def test_every_name_is_tried_here_and_stands_in_the_help():
    assert {text.partition(":")[0] for text in SOLVERS} == {entry.name for entry in REGISTERED}
    (option,) = (option for option in fit_command.params if option.name == "solver")
    assert isinstance(option, click.Option) and all(entry.form in (option.help or "") for entry in REGISTERED)
    assert all(f"{prefix}NAME" in (option.help or "") for prefix in ("unit-length/", "smooth/"))
    assert set(PREFIXES) == {"unit-length/", "smooth/"}


def test_the_default_is_that_of_fit():
    (option,) = (option for option in fit_command.params if option.name == "solver")
    assert option.default == "smooth/mean-difference:auto" and parse_solver(option.default) == DEFAULT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "magic",
            r"there is no solver 'magic'; give mean-difference\[:SHRINKAGE\|auto\], lda\[:.*unit-length/NAME",
        ),
        ("", "there is no solver ''; give mean-difference"),
        ("LDA", "there is no solver 'LDA'"),
        ("unit-length", "there is no solver 'unit-length'"),
        ("unit-length/", "there is no solver ''"),
        ("unit-length/unit-length/lda", "there is no solver 'unit-length/lda'"),
        ("smooth", "there is no solver 'smooth'; give .*unit-length/NAME or smooth/NAME"),
        ("smooth/", "there is no solver ''"),
        ("smooth:2/lda", "there is no solver 'smooth'"),
        ("smooth/smooth/lda", "there is no solver 'smooth/lda'"),
        ("smooth/unit-length/lda", "there is no solver 'unit-length/lda'"),
        ("unit-length/smooth/lda", "there is no solver 'smooth/lda'"),
        ("smooth/ridge:-2", "alpha must be a finite number above 0, not -2.0"),
        ("lda/unit-length", "there is no solver 'lda/unit-length'"),
        ("mean-difference:2", "detector_shrinkage must be a number from 0 to 1, or 'auto', not 2.0"),
        ("mean-difference:v", r"'v' is not a finite number; give mean-difference\[:SHRINKAGE\|auto\]"),
        ("mean-difference:AUTO", "'AUTO' is not a finite number"),
        ("lda:auto", "'auto' is not a finite number"),
        ("lda:", r"'' is not a finite number; give lda\[:SHRINKAGE\|oas\], such as lda:0.1"),
        ("lda:OAS", "'OAS' is not a finite number"),
        ("lda:0.1:0.2", "'0.1:0.2' is not a finite number"),
        ("lda:1.5", "shrinkage must be a number from 0 to 1, or 'oas', not 1.5"),
        ("lda:nan", "'nan' is not a finite number"),
        ("ridge:oas", r"'oas' is not a finite number; give ridge\[:ALPHA\], such as ridge:0.1"),
        ("ridge:0", "alpha must be a finite number above 0, not 0.0"),
        ("ridge:inf", "'inf' is not a finite number"),
        ("logistic:much", r"'much' is not a finite number; give logistic\[:C\]"),
        ("logistic:-1", "C and iterations must be finite and above 0"),
        ("linear-svm:nan", r"'nan' is not a finite number; give linear-svm\[:C\]"),
        ("linear-svm:0", "C and iterations must be finite and above 0"),
        ("unit-length/ridge:-2", "alpha must be a finite number above 0, not -2.0"),
    ],
)
def test_errors_name_the_text_and_what_is_legal(text, words):
    with pytest.raises(OptionError, match=words) as caught:
        parse_solver(text)
    assert str(caught.value).startswith(f"--solver {text}: ")
