"""The local engine: parts in the order of the shards, each done once, whatever interrupts it."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sacv.engine import LocalEngine, Shard, ShardStore, cut, fold
from sacv.engine.prefetch import ahead
from sacv.errors import OptionError, StorageError


class Collect:
    """Collects the numbers of its pieces, and remembers what it read."""

    def __init__(self, fail_at=None):
        self.read, self.fail_at, self.entered = [], fail_at, 0

    @contextmanager
    def running(self):
        self.entered += 1
        try:
            yield
        finally:
            self.entered -= 1

    def key(self, shard):
        return f"{shard.number:064x}"

    def load(self, piece):
        return list(piece)

    def empty(self):
        return []

    def add(self, part, loaded):
        assert self.entered
        if loaded[0] == self.fail_at:
            raise KeyboardInterrupt
        self.read += loaded
        return [*part, *loaded]

    def merge(self, left, right):
        return left + right

    def pack(self, part):
        return {"numbers": np.array(part)}

    def unpack(self, arrays, shard):
        return arrays["numbers"].tolist()


def three():
    """Nine images in three shards."""
    return [
        Shard(number, (range(3 * number, 3 * number + 2), range(3 * number + 2, 3 * number + 3))) for number in range(3)
    ]


def test_parts_come_in_order_and_progress_counts_pieces():
    reducer, told = Collect(), []
    parts = list(LocalEngine().parts(reducer, three(), None, told.append))
    assert parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert told == [1] * 6 and reducer.entered == 0
    assert fold(iter(parts), reducer) == list(range(9))
    assert fold(LocalEngine().parts(reducer, []), reducer) == []


@pytest.mark.parametrize("stop", range(9))
def test_interrupted_work_goes_on_where_it_stopped(tmp_path, stop):
    """Whatever the piece: what is finished is not done again, and the whole is the same."""
    store = ShardStore(tmp_path / "shards")
    first, again = Collect(fail_at=3 * (stop // 3) if stop % 3 < 2 else stop), Collect()
    with pytest.raises(KeyboardInterrupt):
        list(LocalEngine().parts(first, three(), store))
    told = []
    assert fold(LocalEngine().parts(again, three(), store, told.append), again) == list(range(9))
    assert again.read == list(range(3 * (stop // 3), 9)), "finished shards are not done again, others are"
    assert sum(told) == 6
    assert fold(LocalEngine().parts(last := Collect(), three(), store), last) == list(range(9)) and last.read == []


def test_a_part_that_goes_in_between_is_done_again(tmp_path, monkeypatch):
    store = ShardStore(tmp_path)
    list(LocalEngine().parts(Collect(), three(), store))
    found = store.read
    seen = []

    def once(key):
        seen.append(key)
        return found(key) if seen.count(key) == 1 else None

    monkeypatch.setattr(store, "read", once)
    again = Collect()
    assert fold(LocalEngine().parts(again, three(), store), again) == list(range(9)) and again.read == list(range(9))


def test_an_error_while_reading_comes_up_where_the_piece_stands():
    class Broken(Collect):
        def load(self, piece):
            if piece.start == 5:
                raise StorageError("gone")
            return super().load(piece)

    reducer, parts = Broken(), []
    with pytest.raises(StorageError, match="gone"):
        for part in LocalEngine(readers=4).parts(reducer, three()):
            parts.append(part)
    assert parts == [[0, 1, 2]] and reducer.read == [0, 1, 2, 3, 4] and reducer.entered == 0


def test_readers_must_be_one_or_more():
    with pytest.raises(OptionError, match="readers must be at least 1, not 0"):
        LocalEngine(readers=0)


@given(st.lists(st.integers()), st.integers(1, 5))
def test_ahead_gives_every_result_in_order(numbers, threads):
    assert list(ahead(lambda number: number * 2, numbers, threads)) == [number * 2 for number in numbers]


@given(st.integers(0, 20_000), st.integers(1, 70), st.integers(0, 5))
def test_shards_hold_every_image_once_and_are_bounded(count, size, after):
    shards = cut(count, size, after=after)
    assert [number for shard in shards for piece in shard.pieces for number in piece] == list(
        range(after, after + count)
    )
    assert [shard.number for shard in shards] == list(range(len(shards))) and len(shards) <= 128
    assert all(len(piece) <= size for shard in shards for piece in shard.pieces)
    assert all(sum(map(len, shard.pieces)) >= 64 for shard in shards[:-1])
