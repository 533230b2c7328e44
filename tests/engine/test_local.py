from sacv.engine import LocalEngine


class Collect:
    def empty(self) -> list[int]:
        return []

    def add(self, state: list[int], shard: int) -> list[int]:
        return [*state, shard]

    def merge(self, left: list[int], right: list[int]) -> list[int]:
        return left + right


def test_folds_every_shard_in_order_and_tells_progress():
    told: list[int] = []
    assert LocalEngine().fold(Collect(), range(5), told.append) == [0, 1, 2, 3, 4]
    assert told == [1] * 5
    assert LocalEngine().fold(Collect(), []) == []
