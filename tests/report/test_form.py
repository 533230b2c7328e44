"""What every page has in common, as text."""

import html
import json
import re
from pathlib import Path

import pytest

import sacv
from report.made_pages import HARMFUL, KINDS, write
from sacv.report.provenance import Provenance, versions

VARIABLES = re.compile(r"(--[\w-]+): ([^;]+);")


def colours(text):
    """The variables of light and of dark."""
    return [dict(VARIABLES.findall(part)) for part in text]


def test_pages_have_the_colours_of_the_viewer():
    source = Path(sacv.__file__).parent
    script = (source / "viewer" / "js" / "style.js").read_text()
    css = (source / "report" / "templates" / "page.css").read_text()
    viewer = colours(re.findall(r"(?s)const (?:LIGHT|DARK) = `(.*?)`", script))
    light, media, chosen = colours(re.findall(r"(?s):root[^{]*\{(.*?)\}", css))
    for own, wanted in ((light, viewer[0]), (media, viewer[1]), (chosen, viewer[1])):
        assert wanted.items() <= own.items()
    assert media == chosen and light.keys() == media.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_allows_nothing_but_its_own_script_and_style(tmp_path, kind):
    text = write(kind, tmp_path / "index.html").read_text(encoding="utf-8")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy
    assert text.count("<script") == 1 and " style=" not in text and "http:" not in text.replace("http://www.w3.org", "")
    assert HARMFUL not in text and list(tmp_path.iterdir()) == [tmp_path / "index.html"]


def test_files_left_out_are_named_up_to_a_bound():
    few, many = (Provenance({}, [str(at) for at in range(count)], "scores.json").named for count in (3, 103))
    assert few == ["0", "1", "2"] and len(many) == 101 and many[-1] == "3 more, named in scores.json"
    assert set(versions()) == {"sacv", "python", "torch", "numpy", "scipy", "scikit-learn", "pillow"}


def test_an_explanation_says_how_it_was_made(small_model, small_bank, guidance, tmp_path):
    (guidance[0] / "notes.txt").write_text("no image")
    found = sacv.explain(
        small_model, guidance[0], small_bank, "cat", allow_weak=True, skip_unreadable=True, checks=False
    )
    found.with_command("sacv explain here").save(tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text()
    header = json.loads(re.search(r'id="sacv-header">(.*)</script>', text)[1])
    facts = dict(header["facts"])
    assert facts["fingerprint"] == small_model.fingerprint and facts["bank"] == small_bank.fingerprint
    assert facts["command"] == "sacv explain here" and facts["files left out"] == "1" and "numpy" in facts["versions"]
    assert any("notes.txt" in text for text in header["warnings"])
