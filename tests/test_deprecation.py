"""Old public names still work, and their warning gives the new one."""

from dataclasses import dataclass, replace

import pandas as pd
import pytest

import sacv
from sacv.cav.sets import BankImage
from sacv.deprecation import RenamedAttribute, old_keywords
from sacv.maps import Checks, Explanation, Explanations, LayerMaps
from sacv.maps.methods.base import Scene
from sacv.scores import ClassScores
from sacv.solvers.base import Evidence
from sacv.study import StudyResult
from sacv.trust import Audit

RENAMED = (
    *(sacv.CAV, sacv.ConceptBank, sacv.Quality, sacv.VisionModel, BankImage, Evidence),
    *(Audit, Checks, ClassScores, StudyResult, Explanation, Explanations, LayerMaps, Scene),
)


@old_keywords
@dataclass(frozen=True)
class Example:
    number: int = 3
    text: str = ""
    old = RenamedAttribute("number")


def test_an_old_attribute_returns_the_new_one_and_warns_at_the_callers_line():
    with pytest.warns(DeprecationWarning, match=r"Example\.old is deprecated; use Example\.number") as caught:
        assert Example().old == 3
    assert caught[0].filename == __file__


def test_an_old_keyword_sets_the_new_field_and_warns_at_the_callers_line():
    with pytest.warns(DeprecationWarning, match=r"Example\(old=\) is deprecated; use Example\(number=\)") as caught:
        assert Example(old=4, text="x") == Example(4, "x")
    assert caught[0].filename == __file__


def test_an_old_keyword_replaces_a_field():
    with pytest.warns(DeprecationWarning, match=r"Example\(number=\)"):
        assert replace(Example(4, "x"), old=5) == Example(5, "x")


@pytest.mark.filterwarnings("error")
def test_new_keywords_do_not_warn_and_unknown_ones_are_refused():
    assert Example(number=4).number == replace(Example(), number=4).number == 4
    with pytest.raises(TypeError, match="unknown"):
        Example(unknown=1)


def test_an_old_keyword_may_set_a_field_of_another_name_than_the_attribute():
    with pytest.warns(DeprecationWarning, match=r"ClassScores\(made=\) is deprecated; use ClassScores\(origin=\)"):
        scores = ClassScores(pd.DataFrame(), None, (), None, (), {}, made={"runs": 3})
    assert scores.provenance == {"runs": 3}


def test_checks_under_old_names():
    checks = Checks(1.0, False, 1.0, 1.0, 1.0, None)
    with pytest.warns(DeprecationWarning, match=r"Checks\.warnings"):
        assert checks.doubts == checks.warnings != []


@pytest.mark.parametrize("name", ["looks", "statistics"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_image_of_a_bank_is_stored_under_the_same_key_whatever_the_keyword(name):
    image = BankImage("one.png", "0" * 64, **{name: (0.1, 0.2, 0.3)})
    assert image.looks == image.statistics == image.to_json()["looks"] == (0.1, 0.2, 0.3)
    assert BankImage.from_json(image.to_json()) == image


def test_the_preprocessing_under_its_old_name():
    with pytest.warns(DeprecationWarning, match=r"sacv\.cav\.Reading is deprecated; use sacv\.cav\.Preprocessing"):
        assert sacv.cav.Reading is sacv.cav.Preprocessing
    with pytest.raises(AttributeError, match="nothing"):
        sacv.cav.nothing  # noqa: B018


@pytest.mark.parametrize("kind", RENAMED)
def test_every_old_name_stands_for_an_attribute_that_exists(kind: type):
    renamed = [value for value in vars(kind).values() if isinstance(value, RenamedAttribute)]
    known = {*dir(kind), *kind.__dataclass_fields__}
    assert renamed and all(each.new in known for each in renamed)


@pytest.mark.parametrize(
    ("kind", "old"),
    [
        (sacv.CAV, "dealt"),
        (sacv.Quality, "looks_auroc"),
        (sacv.Quality, "place_auroc"),
        (BankImage, "looks"),
        (Evidence, "same_pictures"),
        (Explanation, "drawn"),
        (Explanation, "pictures"),
    ],
)
def test_the_constructor_accepts_old_names_of_fields(kind: type, old: str):
    new = vars(kind)[old].new
    fields = dict.fromkeys(kind.__dataclass_fields__)
    with pytest.warns(DeprecationWarning, match=rf"\({old}=\) is deprecated; use {kind.__name__}\({new}=\)"):
        found = kind(**{name: value for name, value in fields.items() if name != new}, **{old: 7})
    assert getattr(found, new) == 7
