"""The words that docs/glossary.md avoids stand in no docstring, comment, message, help text, page or template."""

import re
from pathlib import Path

import pytest

from docs.pages import ROOT
from docs.prose import javascript_prose, markdown_prose, prose, python_prose, template_prose

AVOIDED = {
    r"pictures?": "image; figure, of what a document shows",
    r"(?<!in\s)(?<!in-)(?<!take\s)(?<!takes\s)(?<!decimal\s)places?": "location; folder, address or position",
    r"(concept |random )?guidance": "concept images, or concept and random images",
    r"marked|unmarked": "annotated, with regions; significant; inside the presence mask",
    r"told|tells?|telling": "contrasted, distinguished, separated; shows, gives, states, names",
    r"said|says": "shows, gives, states, names",
    r"speaks?": "shows, supports, opposes",
    r"asked (about|of)|asks of": "explained, measured; an argument or an option",
    r"looked at": "explained, measured, shown",
    r"looks(?!\s(up|for|like))": "image statistics",
    r"kept|keeps": "stores, stored; held out; unchanged",
    r"beats? (the )?chance|beyond chance|above chance|line of chance": "significant; above the null distribution",
    r"dealt|deals?(?!\swith)": "permutation, permuted",
    r"(the|its|their|both) bars": "the quality thresholds",
    r"trust line": "reliability checks",
    r"doubts?|doubted|doubtful": "warnings; reliability checks",
    r"(what is|what there is|what was) there|what there is": "name the thing",
    r"stands? (in|beside|by|with|among|above|behind)": "name the relation: is in, is next to, replaces",
    r"as (it is|they are)(?!\s\w)": "unchanged",
    r"none where": "None if",
    r"made (of|with)": "computed from, created with",
}
"""By pattern, of whole words and in either case: what to write instead."""

ALLOWED: dict[str, tuple[str, ...]] = {
    "src/sacv/targets/base.py": (".told is deprecated",),  # the old name of an attribute
    "src/sacv/maps/figure.py": ("beats chance",),  # the old value of an option
    "src/sacv/viewer/js/explanation.js": ("pictures/",),  # the name of an array in files
}
"""By file, sentences that need such a word, each with its reason beside it."""

AMBIGUOUS = {"spot", "photo", "asks", "asks (of a network, a layer)", "page"}
"""Words that the glossary avoids in one sense and that have another."""

SPACE = r"\s+"
PATTERN = re.compile(
    "|".join(rf"(?P<w{n}>\b(?:{words.replace(' ', SPACE)})(?!\w))" for n, words in enumerate(AVOIDED)), re.IGNORECASE
)


def files():
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")]
    for folder in ("src/sacv", "bench/src"):
        for ending in ("py", "js", "j2", "html", "toml"):
            found += ROOT.glob(f"{folder}/**/*.{ending}")
    names = sorted(file.relative_to(ROOT).as_posix() for file in found)
    return [name for name in names if name != "docs/glossary.md"]


def avoided(passages, allowed=()):
    """Return line, words and what to write instead, of each avoided word of some passages."""
    found = []
    for line, text in passages:
        for sentence in allowed:
            text = text.replace(sentence, "")
        for match in PATTERN.finditer(text):
            number = next(index for index in range(len(AVOIDED)) if match[f"w{index}"])
            at = line + text.count("\n", 0, match.start())
            found.append((at, " ".join(match[0].split()), list(AVOIDED.values())[number]))
    return sorted(set(found))


@pytest.mark.parametrize("name", files())
def test_a_file_avoids_the_words(name):
    found = avoided(prose(Path(ROOT, name)), ALLOWED.get(name, ()))
    assert not found, "\n" + "\n".join(f"{name}:{line}: {words!r}; write: {instead}" for line, words, instead in found)


@pytest.mark.parametrize(("name", "sentence"), [(name, one) for name, those in ALLOWED.items() for one in those])
def test_an_allowed_sentence_needs_its_exception(name, sentence):
    assert any(sentence in text for _, text in prose(Path(ROOT, name)))
    assert avoided([(1, sentence)])


def glossary_rows():
    table = Path(ROOT, "docs/glossary.md").read_text(encoding="utf-8").partition("## Words to avoid")[2]
    return [row.strip("| ").split(" | ")[0] for row in table.strip().splitlines()[2:]]


@pytest.mark.parametrize("row", [row for row in glossary_rows() if row not in AMBIGUOUS])
def test_each_word_of_the_glossary_has_a_pattern(row):
    words = [word for word in re.sub(r" *\(.*?\)", "", row).split(", ") if word not in AMBIGUOUS]
    assert words and all(avoided([(1, word)]) for word in words), row


def test_python_prose_is_comments_docstrings_and_sentences():
    code = (
        '"""A place.\n\nplace, told\n    The ``picture`` `told`.\nIs kept\n"""\n'
        'place = "pictures"  # is said\nf"a {place} told"\n'
    )
    assert [(line, word) for line, word, _ in avoided(python_prose(code))] == [
        (1, "place"),
        (5, "kept"),
        (7, "said"),
        (8, "told"),
    ]


def test_javascript_prose_is_comments_and_sentences():
    code = "// A place.\nconst place = `a ${told} picture`;\n/* is\n said */ told('pictures');\n"
    assert [(line, word) for line, word, _ in avoided(javascript_prose(code))] == [
        (1, "place"),
        (2, "picture"),
        (4, "said"),
    ]


def test_template_prose_is_what_is_shown():
    code = '<p class="place">{{ told }}\n{% if kept %}A picture{% endif %}</p>\n<script>told();</script>'
    assert [(line, word) for line, word, _ in avoided(template_prose(code))] == [(2, "picture")]


def test_markdown_prose_is_the_text_without_code():
    page = (
        "A place `told` in\n\n```\nkept\n```\n\n[a\npicture](pictures/said.png) beats\nchance, in place\n\n    told\n"
    )
    page += "\n| a | b |\n| --- | --- |\n| c | doubt |\n"
    assert [(line, word) for line, word, _ in avoided(markdown_prose(page))] == [
        (1, "place"),
        (8, "beats chance"),
        (8, "picture"),
        (15, "doubt"),
    ]
