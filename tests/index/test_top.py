"""Lists of bounded length: the laws of merging, ties, and the places of an image."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import search as reference
from sacv.concepts import ImageItem
from sacv.index.top import Match, ScoredLocation, Top, best_locations


def match(name, digest, *places):
    return Match(
        ImageItem(name, digest, lambda: None),
        0,
        tuple(ScoredLocation(value, location) for value, location in places),
        (2, 2),
        (3, 2, 2),
        (2, 2),
        None,
    )


SOME = st.lists(
    st.builds(
        lambda name, digest, value, row, column: match(name, digest, (value, (row, column))),
        st.sampled_from("abcd"),
        st.sampled_from(["00", "11", "22", "33", "44"]),
        st.sampled_from([-1.0, 0.0, 0.5]),
        st.integers(0, 1),
        st.integers(0, 1),
    ),
    max_size=8,
)


def shown(top):
    return [(found.order, found.item.digest) for found in top.matches]


@settings(max_examples=200, deadline=None)
@given(SOME, SOME, SOME, st.integers(1, 5))
def test_joining_does_not_depend_on_order_or_parts(one, two, three, limit):
    empty = Top(limit)
    a, b, c = (empty.join(part) for part in (one, two, three))
    whole = shown(empty.join([*one, *two, *three]))
    assert shown(a.join(b.matches).join(c.matches)) == whole
    assert shown(a.join(b.join(c.matches).matches)) == whole
    assert shown(c.join(a.matches).join(b.matches)) == whole
    assert shown(a.join(a.matches)) == shown(a) == shown(empty.join(a.matches))


@settings(max_examples=200, deadline=None)
@given(SOME, SOME, st.integers(1, 5))
def test_what_is_not_admitted_would_not_come_into_the_list(one, two, limit):
    top = Top(limit).join(one)
    admitted = [found for found in two if top.admits(found.locations[0].value)]
    assert shown(top.join(admitted)) == shown(top.join(two))


def test_ties_go_to_the_lesser_hash_then_location_then_name():
    best = match("z", "00", (1.0, (1, 1)))
    places = [match("a", "11", (1.0, (1, 0))), best, match("b", "11", (1.0, (0, 1))), match("a", "11", (1.0, (0, 1)))]
    found = Top(2).join(places).matches
    assert [(one.item.name, one.item.digest, one.locations[0].location) for one in found] == [
        ("z", "00", (1, 1)),
        ("a", "11", (0, 1)),
    ]
    assert len(Top(50).join(places).matches) == 2


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_places_of_an_image(grid, count, seed):
    values = np.random.default_rng(seed).integers(0, 4, grid).astype(np.float32)  # many ties
    assert best_locations(values, count) == reference.places_of(values, count)
