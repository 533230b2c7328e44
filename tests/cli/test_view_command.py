"""`sacv view` opens every saved result."""

import pytest

from report.made_pages import audit
from sacv.cli.main import main


def view(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["view", *map(str, arguments), "--no-open"])
    return left.value.code


@pytest.mark.parametrize(("marker", "page"), [("study.json", "report.html"), ("search.json", "index.html")])
def test_finished_pages_are_shown_as_they_are(tmp_path, capsys, marker, page):
    (tmp_path / marker).write_text("{}")
    (tmp_path / "audit.json").write_text("{}")  # a study has one too
    (tmp_path / page).write_text("as it was")
    assert view(tmp_path) == 0 and (tmp_path / page).read_text() == "as it was"
    assert capsys.readouterr().out == f"Open {tmp_path / page}\n"
    assert view(tmp_path, "--out", tmp_path / "copy.html") == 0
    assert (tmp_path / "copy.html").read_text() == "as it was"
    (tmp_path / page).unlink()
    assert view(tmp_path) == 2 and f"{tmp_path / page} is missing" in capsys.readouterr().err


def test_an_audit_is_opened(tmp_path, capsys):
    audit().save(tmp_path / "audit")
    (tmp_path / "audit" / "index.html").unlink()
    assert view(tmp_path / "audit") == 0 and "1 of 3 checks failed" in (tmp_path / "audit" / "index.html").read_text()
