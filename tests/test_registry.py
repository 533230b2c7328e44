"""A solver or a contribution method is one new file and one line."""

import sys

import pytest

import sacv
from report.made_pages import audit
from sacv import registry, solvers
from sacv.cli import methods as method_names
from sacv.cli import solvers as solver_names
from sacv.errors import OptionError
from sacv.maps import methods
from sacv.registry import METHODS, SOLVERS, Entry
from sacv.trust.page import page_of as audit_page

OWN_SOLVER = '''
from dataclasses import dataclass
from sacv.solvers.base import MomentSolver

@dataclass(frozen=True)
class Signs(MomentSolver):
    """The sign of each channel's difference."""
    power: float | str = 1.0

    def directions(self, differences, within):
        return abs(differences) ** 0 * (differences > 0) - (differences < 0)
'''


@pytest.fixture
def signs(tmp_path, monkeypatch):
    (tmp_path / "signs_solver.py").write_text(OWN_SOLVER)
    monkeypatch.syspath_prepend(tmp_path)
    more = (*SOLVERS, Entry("signs[:POWER|half]", "signs_solver:Signs"))
    for module in (registry, solvers, solver_names, sys.modules["sacv.solvers.rebuild"]):
        monkeypatch.setattr(module, "SOLVERS", more)


def test_a_registered_solver_has_a_name_a_class_and_a_record(signs):
    kind = solvers.Signs
    assert solver_names.parse_solver("signs") == kind() and solver_names.parse_solver("signs:2") == kind(2.0)
    assert solver_names.parse_solver("smooth/signs:half") == sacv.solvers.UnitLength(kind("half"), 1.0)
    assert solvers.rebuild(kind(3.0).describe()) == kind(3.0) and solvers.rebuilds(kind().describe())
    with pytest.raises(OptionError, match=r"'full' is not a finite number; give signs\[:POWER\|half\]"):
        solver_names.parse_solver("signs:full")


def test_a_name_that_is_not_registered_is_no_attribute():
    for module in (solvers, methods):
        with pytest.raises(AttributeError, match=r"has no attribute 'Signs'"):
            _ = module.Signs


@pytest.mark.parametrize("entry", [*SOLVERS, *METHODS], ids=lambda entry: entry.name)
def test_every_entry_gives_its_class_whose_first_field_takes_the_value(entry):
    kind = entry.load()
    assert kind.__name__ == entry.class_name and kind() == kind()
    assert bool(kind.__dataclass_fields__) == entry.takes_value


def test_a_registered_method_has_a_name(monkeypatch):
    monkeypatch.setattr(method_names, "METHODS", (*METHODS, Entry("twice", "sacv.maps.methods.gradient:Gated")))
    assert method_names.parse_method("twice") == methods.Gated()
    with pytest.raises(OptionError, match="--method twice:2"):
        method_names.parse_method("twice:2")


OWN_SECTION = """
from sacv.report.page import Section

def failures(found):
    return [Section("How many failed", words=[str(sum(one.passed is False for one in found.findings))])]
"""


def test_a_registered_section_stands_in_the_report(tmp_path, monkeypatch):
    (tmp_path / "failures_section.py").write_text(OWN_SECTION)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "SECTIONS", (*registry.SECTIONS, ("audit", "failures_section:failures")))
    report = audit_page(audit())
    assert [section.title for section in report.sections] == ["Checks", "Reasons", "How many failed"]
    assert list(report.sections[-1].words) == ["1"]
