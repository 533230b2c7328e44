"""Old public names still work, and their warning gives the new one."""

from dataclasses import dataclass

import pytest

from sacv.deprecation import RenamedAttribute
from sacv.maps import Checks, Explanation, Explanations
from sacv.scores import ClassScores
from sacv.study import StudyResult
from sacv.trust import Audit


@dataclass(frozen=True)
class Example:
    number: int = 3
    old = RenamedAttribute("number")


def test_an_old_attribute_returns_the_new_one_and_warns_at_the_callers_line():
    with pytest.warns(DeprecationWarning, match=r"Example\.old is deprecated; use Example\.number") as caught:
        assert Example().old == 3
    assert caught[0].filename == __file__


def test_checks_under_old_names():
    checks = Checks(1.0, False, 1.0, 1.0, 1.0, None)
    with pytest.warns(DeprecationWarning, match=r"Checks\.warnings"):
        assert checks.doubts == checks.warnings != []


@pytest.mark.parametrize("kind", [Audit, Checks, ClassScores, Explanation, Explanations, StudyResult])
def test_every_old_name_stands_for_an_attribute_that_exists(kind: type):
    renamed = [value for value in vars(kind).values() if isinstance(value, RenamedAttribute)]
    known = {*dir(kind), *kind.__dataclass_fields__}
    assert renamed and all(each.new in known for each in renamed)
