"""Which images belong together, by their names."""

import re

import pytest

from sacv.concepts import ImageItem, count_units, group_rule, with_groups, with_shared_groups
from sacv.errors import ImageSetError, OptionError


def items(*names, group=None):
    return [ImageItem(name, f"digest of {name}", lambda: None, group=group) for name in names]


def groups_of(found):
    return [item.group for item in found]


@pytest.mark.parametrize(("groups", "want"), [
    (r"(p\d+)_", ["p1", "p12"]),
    (r"p\d+", ["p1", "p12"]),
    (re.compile(r"_(.)\.png$"), ["a", "b"]),
    ({"eyes/p1_a.png": "x", "eyes/p12_b.png": "y"}, ["x", "y"]),
    (lambda name: name[-5], ["a", "b"]),
])  # fmt: skip
def test_the_group_is_found_by_name(groups, want):
    given = items("eyes/p1_a.png", "eyes/p12_b.png")
    found = with_groups(given, group_rule(groups))
    assert groups_of(found) == want
    assert [(item.name, item.digest) for item in found] == [(item.name, item.digest) for item in given]
    assert groups_of(given) == [None, None], "what was given stays as it was"


def test_what_has_a_group_retains_it_and_is_not_matched():
    assert groups_of(with_groups(items("other.png", group="mine"), group_rule(r"(p\d+)"))) == ["mine"]


@pytest.mark.parametrize("groups", [r"(p\d+)", {"p1": "p1"}, lambda name: None, r"(p\d+)|x"])
def test_images_without_a_group_are_named_up_to_ten(groups):
    with pytest.raises(ImageSetError, match=r"no group is found for x0, x1, .*x9 and 2 more; .*'\|\.\+'") as error:
        with_groups(items(*(f"x{number}" for number in range(12))), group_rule(groups))
    assert "x10" not in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("groups", [r"(p?)", {"a.png": " "}, lambda name: ""])
def test_an_empty_group_is_an_error(groups):
    with pytest.raises(ImageSetError, match=r"the group is empty for a\.png"):
        with_groups(items("a.png"), group_rule(groups))


def test_what_gives_no_groups_is_an_error():
    with pytest.raises(OptionError, match=r"groups '\(p' is not a regular expression \(missing \)"):
        group_rule("(p")
    with pytest.raises(OptionError, match="not 3"):
        group_rule(3)
    with pytest.raises(ImageSetError, match=r"the group of a\.png is 7; give a string"):
        with_groups(items("a.png"), group_rule({"a.png": 7}))


def test_an_image_has_one_group():
    groups = {"a": "p", "b": "q", "c": None}
    one, two, none = (ImageItem(name, "same", lambda: None, group=group) for name, group in groups.items())
    with pytest.raises(ImageSetError, match="b has the group 'q', and is the same image as a, which has the group 'p'"):
        with_shared_groups([[one], [none, two]])
    assert [groups_of(found) for found in with_shared_groups([[none], [one], [none]])] == [["p"], ["p"], ["p"]]


def test_independent_are_groups_and_images_without_one():
    assert count_units([*items("a", "b", group="p"), *items("c", group="q"), *items("p", "d", "d")]) == 4
    assert count_units([]) == 0
