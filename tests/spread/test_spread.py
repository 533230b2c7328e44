"""The Ray engine gives what the local one gives, byte for byte, whoever does the work and whoever is lost.

Run by `make test-ray`, in an environment with the extra `ray`.
"""

import importlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import sacv
from cav.planted import noise, planted_model
from sacv.engine import LocalEngine, RayEngine, ShardStore, cut
from sacv.engine.ray_engine import Worker
from sacv.errors import EngineError, UnreadableImageError
from sacv.targets import Difference, Each

ray = pytest.importorskip("ray", reason="install it with: pip install 'sacv[ray]'")
pytestmark = pytest.mark.filterwarnings("ignore")

MODEL = planted_model(3)
GIVEN = (["layer"], {"c": noise(20, 3, 3, 0, mean=1)}, noise(40, 3, 3, 1))


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("sacv.engine.shards.LEAST_IMAGES", 4)


@pytest.fixture(scope="module", autouse=True)
def here():
    """One Ray for all tests, whose workers find the tests' modules."""
    path = os.pathsep.join(map(str, [*Path(__file__).parents[:2], Path(sacv.__file__).parents[1]]))
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": path}})
    yield
    ray.shutdown()


def content(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def fitted(folder, **options):
    sacv.fit(MODEL, *GIVEN, batch_size=2, nulls=19, **options).save(folder)
    return content(folder)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_gives_the_local_bank(tmp_path, workers):
    assert fitted(tmp_path / "ray", engine=RayEngine(workers=workers)) == fitted(tmp_path / "local")


def test_scores_are_those_of_the_local_engine(tmp_path):
    bank = sacv.fit(MODEL, *GIVEN, nulls=19)
    shown = noise(30, 3, 3, 5)
    one, other = (
        sacv.score(MODEL, shown, bank, 0, batch_size=2, engine=engine, allow_weak=True)
        for engine in (LocalEngine(), RayEngine(workers=2))
    )
    for mine, theirs in ((one.table, other.table), (one.images, other.images)):
        assert mine.equals(theirs)


def test_explanations_are_those_of_the_local_engine_also_of_a_function(tmp_path):
    bank = sacv.fit(MODEL, *GIVEN, nulls=19)
    shown, half = noise(10, 3, 3, 5), 0.5
    method = sacv.methods.Gradient()
    for number, target in enumerate((0, lambda output: half * output[:, 1].square())):
        for name, engine in (("local", LocalEngine()), ("ray", RayEngine(workers=2))):
            options = {"batch_size": 2, "engine": engine, "method": method, "allow_weak": True}
            sacv.explain(MODEL, shown, bank, target, **options).save(tmp_path / f"{name} {number}")
        assert content(tmp_path / f"ray {number}") == content(tmp_path / f"local {number}")


def test_several_targets_are_those_of_the_local_engine(tmp_path):
    bank = sacv.fit(MODEL, *GIVEN, nulls=19)
    shown, half = noise(10, 3, 3, 5), 0.5
    targets = [Difference(0, 1), Each([0, 1] * 5), Difference(lambda output: half * output[:, 1].square(), 0)]
    options = {"batch_size": 2, "method": sacv.methods.Gradient(), "allow_weak": True}
    one, other = (
        sacv.explain(MODEL, shown, bank, targets, engine=engine, **options)
        for engine in (LocalEngine(), RayEngine(workers=2))
    )
    for name in one:
        assert one[name].scores().equals(other[name].scores())


def test_a_search_is_that_of_the_local_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("sacv.index.search"), "SHARD_IMAGES", 4)
    bank = sacv.fit(MODEL, *GIVEN, nulls=19)
    shown = noise(30, 3, 3, 5)
    for name, engine in (("local", LocalEngine()), ("ray", RayEngine(workers=2))):
        options = {"batch_size": 2, "engine": engine, "like": sacv.Like(shown[2]), "allow_weak": True}
        sacv.search(MODEL, shown, bank, **options).save(tmp_path / name)
    assert content(tmp_path / "ray") == content(tmp_path / "local")


def test_what_ray_has_finished_the_local_engine_goes_on_with(tmp_path):
    store = ShardStore(tmp_path / "shards")

    def interrupt(done, total):
        if done > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sacv.fit(
            MODEL, *GIVEN, batch_size=2, nulls=19,
            engine=RayEngine(workers=2), shards=store, progress=interrupt,
        )  # fmt: skip
    assert len(store) > 3
    assert fitted(tmp_path / "both", shards=store) == fitted(tmp_path / "local")


def broken():
    raise UnreadableImageError("b.png is a damaged or truncated image")


def test_a_bad_image_on_a_worker_is_the_same_error():
    items = [
        sacv.concepts.ImageItem(str(number), f"{number:064x}", lambda: torch.zeros(3, 3, 3)) for number in range(12)
    ]
    items[7] = sacv.concepts.ImageItem("b.png", "f" * 64, broken)
    shown = sacv.concepts.ImageSet("c", tuple(items))
    with pytest.raises(UnreadableImageError, match=r"^b.png is a damaged or truncated image$"):
        sacv.fit(MODEL, ["layer"], {"c": shown}, noise(20, 3, 3, 1), engine=RayEngine(workers=2))


@dataclass
class Deadly:
    """Adds numbers up; at one of them the process is killed, as often as there are files to count."""

    folder: Path
    times: int

    def running(self):
        return torch.no_grad()

    def key(self, shard):
        return f"{shard.number:064x}"

    def load(self, piece):
        return sum(piece)

    def empty(self):
        return 0

    def add(self, part, loaded):
        if self.times and loaded > 30 and len(list(self.folder.iterdir())) < self.times:
            (self.folder / str(os.getpid())).write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return part + loaded

    def pack(self, part):
        return {"sum": np.array(part)}

    def unpack(self, arrays, shard):
        return int(arrays["sum"])


@pytest.mark.parametrize("times", [1, 3])
def test_a_worker_that_is_killed_is_started_again(tmp_path, times):
    shards = cut(20, 2)
    want = [sum(number for piece in shard.pieces for number in piece) for shard in shards]
    assert list(RayEngine(workers=2).parts(Deadly(tmp_path, times), shards)) == want
    assert len(list(tmp_path.iterdir())) == times


def test_a_worker_that_dies_again_and_again_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr("sacv.engine.ray_team.RETRIES", 1)
    with pytest.raises(EngineError, match="were lost 2 times in a row"):
        list(RayEngine(workers=1).parts(Deadly(tmp_path, 99), cut(20, 2)))


class Holder:
    """Holds processors."""

    def here(self):
        return True


def test_more_workers_than_processors_hold_nothing_up():
    shards = cut(40, 2)
    want = [sum(number for piece in shard.pieces for number in piece) for shard in shards]
    assert list(RayEngine(workers=6).parts(Deadly(Path("nowhere"), 0), shards)) == want


def test_where_no_worker_finds_a_processor_it_says_so_in_time(monkeypatch):
    monkeypatch.setattr("sacv.engine.ray_team.START", 3.0)
    holder = ray.remote(num_cpus=4)(Holder).remote()
    try:
        assert ray.get(holder.here.remote())
        told = r"no worker of Ray has started in 3 seconds; 0 of the cluster's 4 processors are free.*add a machine"
        with pytest.raises(EngineError, match=told):
            list(RayEngine(workers=2).parts(Deadly(Path("nowhere"), 0), cut(20, 2)))
    finally:
        ray.kill(holder)


class Unpicklable:
    """Cannot be made again on a worker."""

    def __reduce__(self):
        return broken, ()


def test_a_worker_that_cannot_start_is_one_error():
    reducer = Deadly(Unpicklable(), 0)
    with pytest.raises(EngineError, match="a worker of Ray could not start"):
        list(RayEngine(workers=1).parts(reducer, cut(20, 2)))


def test_a_part_that_goes_in_between_is_done_again(tmp_path, monkeypatch):
    shards, store = cut(20, 2), ShardStore(tmp_path / "shards")
    want = list(LocalEngine().parts(Deadly(tmp_path, 0), shards, store))
    read, seen = store.read, []

    def once(key):
        seen.append(key)
        return read(key) if seen.count(key) == 1 else None

    monkeypatch.setattr(store, "read", once)
    assert list(RayEngine(workers=1).parts(Deadly(tmp_path, 0), shards, store)) == want


def test_a_worker_counts_with_as_many_threads_as_this_process():
    reducer = Deadly(Path("nowhere"), 0)
    before = torch.get_num_threads()
    try:
        Worker([ray.put(reducer)], before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
