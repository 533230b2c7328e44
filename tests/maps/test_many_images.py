"""Many images are explained shard by shard: what was finished is of use, and nothing is held of single images."""

import json
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

import sacv
from cav.planted import noise
from sacv.cav import require_strong
from sacv.concepts import image_set
from sacv.engine import LocalEngine, Shard, ShardStore, cut, fold
from sacv.errors import LayerError, StorageError
from sacv.maps.finish import collect, finish
from sacv.maps.layer_maps import LayerMaps
from sacv.maps.listing import SHOWN, choose, measures
from sacv.maps.methods import Ablation, Gated, Gradient
from sacv.maps.reducer import ExplainReducer
from sacv.maps.reliability import Checks, as_table, from_table
from sacv.maps.slopes import Slopes
from sacv.maps.stored_rows import StoredRows
from viewer import shown


def make_model(seed=0):
    torch.manual_seed(seed)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.Tanh(), torch.nn.Conv2d(4, 5, 3), torch.nn.Tanh(),
        torch.nn.Flatten(), torch.nn.Linear(20, 3),
    ).double()  # fmt: skip
    return sacv.VisionModel(net, class_names=["ant", "bee", "cat"])


MODEL = make_model()
SHOWN_IMAGES = noise(9, 3, 4, 7, mean=1)


@pytest.fixture(scope="module")
def bank():
    concepts = {"c": noise(8, 3, 4, 1, mean=1), "d": noise(8, 3, 4, 2, mean=-1)}
    return sacv.fit(MODEL, ["1", "3"], concepts, noise(12, 3, 4, 3), nulls=19, absent=noise(20, 3, 4, 4))


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr("sacv.engine.shards.LEAST_IMAGES", 4)


@pytest.fixture
def quick_page(monkeypatch):
    """A page that says of all maps what they are, and draws none."""
    whole = ("relevance", "contribution", "relevance_significant", "contribution_significant")
    monkeypatch.setattr(
        "sacv.maps.explanation_files.build_viewer_data",
        lambda given, *_: [[getattr(maps, kind).tolist() for kind in whole] for maps in given[0].maps.values()],
    )
    monkeypatch.setattr("sacv.maps.explanation_files.write_page", lambda file, data: file.write_text(repr(data)))


def reducer_of(bank, images=SHOWN_IMAGES, target="bee", method=None, checks=True, model=MODEL, batch_size=2):
    items = image_set("x", images).items
    return ExplainReducer(model, bank, target, method or Gated(), batch_size, checks, items)


def shards_of(*sizes):
    ends = np.cumsum([0, *sizes])
    return [Shard(number, (range(*ends[number : number + 2]),)) for number in range(len(sizes))]


def parts_of(reducer, shards):
    return list(LocalEngine().parts(reducer, shards))


def explained(bank, images=SHOWN_IMAGES, **options):
    return sacv.explain(
        MODEL, images, bank, "bee", **{"batch_size": 2, "method": Gated(), "allow_weak": True} | options
    )


def content(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def assert_same_arrays(one, other):
    assert set(one) == set(other)
    for name, values in one.items():
        assert values.dtype == other[name].dtype
        np.testing.assert_array_equal(values, other[name])


# Parts


def test_a_part_packs_and_unpacks_to_the_bit(bank):
    reducer = reducer_of(bank)
    shards = cut(9, 2)
    for part in [reducer.empty(), *parts_of(reducer, shards)]:
        packed = reducer.pack(part)
        again = reducer.unpack(packed, shards[0])
        assert again.start == part.start
        assert_same_arrays(reducer.pack(again), packed)
        assert_same_arrays(again.take_rows(), part.take_rows())


@pytest.mark.parametrize("sizes", [(9,), (4, 5), (2, 2, 5), (1,) * 9])
def test_merging_parts_equals_one_pass(bank, sizes):
    reducer = reducer_of(bank)
    pieces = [range(number, number + 1) for number in range(9)]  # the same batches, so that nothing rounds otherwise
    ends = np.cumsum([0, *sizes])
    shards = [Shard(n, tuple(pieces[ends[n] : ends[n + 1]])) for n in range(len(sizes))]
    whole = fold(iter(parts_of(reducer, [Shard(0, tuple(pieces))])), reducer)
    assert_same_arrays(reducer.pack(fold(iter(parts_of(reducer, shards)), reducer)), reducer.pack(whole))


@pytest.mark.parametrize("sizes", [(9,), (2, 2, 5)])
@pytest.mark.usefixtures("quick_page")
def test_an_explanation_does_not_depend_on_the_shards(bank, sizes, tmp_path):
    pictures = image_set("the images to explain", SHOWN_IMAGES)
    explained(bank, pictures, batch_size=1).save(tmp_path / "want")
    reducer = reducer_of(bank, pictures, batch_size=1)
    pieces = [range(number, number + 1) for number in range(9)]
    ends = np.cumsum([0, *sizes])
    shards = [Shard(n, tuple(pieces[ends[n] : ends[n + 1]])) for n in range(len(sizes))]
    ((rows, whole),) = collect([reducer], LocalEngine().parts(reducer, shards))
    finish(reducer, rows, whole, pictures, require_strong(bank.cavs, allow_weak=True), range(8, 9)).save(
        tmp_path / "found"
    )
    assert content(tmp_path / "found") == content(tmp_path / "want")


def test_a_map_may_be_written_to_and_stays_what_it_was(bank, tmp_path):
    found = explained(bank)
    concept = found.concepts[0]
    before = found.relevance("1", concept).copy()
    torch.from_numpy(found.relevance("1", concept)).zero_()  # no warning, as of arrays that are only to be read
    np.testing.assert_array_equal(found.relevance("1", concept), before)
    found.save(tmp_path / "out")
    saved = load_file(tmp_path / "out" / "maps.safetensors").values()
    assert any(np.array_equal(values[:, 0], before) for values in saved if values.ndim == 4)


def test_what_is_merged_holds_nothing_of_single_images(bank):
    def size(count):
        reducer = reducer_of(bank, noise(count, 3, 4, 7))
        ((_, whole),) = collect([reducer], LocalEngine().parts(reducer, cut(count, 4)))
        return {name: values.shape for name, values in reducer.pack(whole).items()}

    assert size(4) == size(12)
    assert not any(name.startswith("rows/") for name in size(4))


@dataclass(frozen=True)
class Doubled(Gradient):
    """A method of the user's own."""

    def maps(self, scene):
        return 2 * super().maps(scene)


def test_a_part_is_known_by_all_that_it_depends_on(bank):
    shard = cut(8, 4)[0]

    def key(given=shard, bank=bank, **options):
        return reducer_of(bank, **options).key(given)

    class Tripled(Gradient):
        def maps(self, scene):
            return 3 * super().maps(scene)

    Tripled.__name__ = "Doubled"
    same = deepcopy(MODEL)
    assert key() == key(images=SHOWN_IMAGES.clone(), model=same), "another object of the same network and images"
    named = sacv.VisionModel(MODEL.net, class_names=["ant", "cat", "bee"])
    weight = 2.0
    others = [
        key(cut(8, 2)[0]),
        key(replace(shard, pieces=shard.pieces[:1])),
        key(images=SHOWN_IMAGES[1:]),
        key(target="cat"),
        key(target=1),
        key(target="predicted"),
        key(target=lambda output: output[:, 1]),
        key(target=lambda output: output[:, 2]),
        key(target=lambda output: weight * output[:, 2]),
        key(method=Gradient()),
        key(method=Ablation()),
        key(method=Doubled()),
        key(method=Tripled()),
        key(checks=False),
        key(batch_size=3),
        key(model=named),
        key(model=make_model(1)),
        key(bank=replace(bank, cavs=(replace(bank.cavs[0], threshold=0.5), *bank.cavs[1:]))),
        key(bank=replace(bank, cavs=(replace(bank.cavs[0], vector=-bank.cavs[0].vector), *bank.cavs[1:]))),
    ]
    assert len({key(), *others}) == len(others) + 1


# An explanation that is interrupted


@pytest.mark.parametrize("target", ["predicted", lambda output: output[:, 1].square()], ids=["class", "function"])
@pytest.mark.usefixtures("small_shards", "quick_page")
def test_an_interrupted_explanation_goes_on_and_gives_the_same(bank, tmp_path, target):
    options = {"batch_size": 2, "method": Gated(), "allow_weak": True}
    given = (MODEL, SHOWN_IMAGES, bank, target)
    sacv.explain(*given, **options).save(tmp_path / "whole")
    for stop in range(1, 6):
        store = ShardStore(tmp_path / f"shards {stop}")

        def interrupt(done, total, stop=stop):
            assert total == 5
            if done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sacv.explain(*given, **options, shards=store, progress=interrupt)
        assert len(store) == (stop - 1) // 2
        with store:
            sacv.explain(*given, **options, shards=store).save(tmp_path / "again")
        assert content(tmp_path / "again") == content(tmp_path / "whole")
        assert not store.folder.exists()


def test_finished_shards_are_not_run_again(bank, small_shards, tmp_path, monkeypatch):
    store, done = ShardStore(tmp_path / "shards"), []
    explained(bank, shards=store)
    store.folder.joinpath(sorted(file.name for file in store.folder.iterdir())[0]).unlink()
    add = ExplainReducer.add
    monkeypatch.setattr(ExplainReducer, "add", lambda *given: done.append(given[2].start) or add(*given))
    explained(bank, shards=store)
    assert 1 <= len(done) <= 2


def test_the_network_is_given_back_where_the_grid_changes_between_shards(bank, monkeypatch):
    monkeypatch.setattr("sacv.engine.shards.LEAST_IMAGES", 1)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    model = sacv.VisionModel(net.train())
    images = [torch.rand(1, 3, 4, 4) for _ in range(3)] + [torch.rand(1, 3, 5, 4)]
    own = sacv.fit(model, ["0"], {"c": torch.rand(4, 3, 4, 4) + 1}, torch.rand(6, 3, 4, 4), nulls=0)
    words = r"a grid of \(5, 4\) for the images to explain\[3\]\[0\], but of \(4, 4\) for the images before"
    with pytest.raises(LayerError, match=words) as raised:
        sacv.explain(model, images, own, 0, batch_size=1, allow_weak=True)
    assert net.training, f"also while the error is held: {raised.value}"


# What lies on disk


@pytest.fixture(scope="module")
def many(bank):
    return explained(bank, noise(150, 3, 4, 7, mean=1), batch_size=30)


@pytest.fixture(scope="module")
def saved(many, tmp_path_factory):
    folder = tmp_path_factory.mktemp("many") / "out"
    many.save(folder)
    return folder


def test_rows_on_disk_are_those_appended(tmp_path):
    rows, rng = StoredRows(), np.random.default_rng(0)
    given = [{"a": rng.random((n, 2, 3)), "b": rng.random((n, 2)) > 0.5} for n in (3, 1, 2)]
    for one in given:
        rows.append(one)
    for name in ("a", "b"):
        np.testing.assert_array_equal(rows.read(name), np.concatenate([one[name] for one in given]))
    kept = rows.read("a")
    rows.remove("b")
    rows.append({"c": np.arange(2)})
    assert list(rows) == ["a", "c"] and rows.read("c").tolist() == [0, 1]
    folder = rows._folder
    del rows
    assert not folder.exists() and kept.shape == (6, 2, 3), "the files live as long as they are needed"
    np.testing.assert_array_equal(kept, np.concatenate([one["a"] for one in given]))


def test_a_full_disk_is_one_error(monkeypatch):
    rows = StoredRows()
    monkeypatch.setattr("pathlib.Path.open", lambda *given: open("/dev/full", "ab"))
    with pytest.raises(StorageError, match="No space left on device; set the environment variable TMPDIR"):
        rows.append({"a": np.zeros(100_000)})


def test_what_is_read_back_is_what_any_engine_of_one_shard_gives(many):
    assert len(many.images) == 150 and len(many.checks["1"]) == 150
    assert many.images[-1] == list(many.images)[149] and many.images[3:5] == (many.images[3], many.images[4])
    with pytest.raises(IndexError):
        many.images[150]
    with pytest.raises(KeyError):
        many.maps["x"]
    few = many.subset([100, 2])
    assert [image.path for image in few.images] == [many.images[100].path, many.images[2].path]
    np.testing.assert_array_equal(few.relevance("3", "d"), many.relevance("3", "d")[[100, 2]])
    np.testing.assert_array_equal(few.significant("1", "c"), np.array(many.significant("1", "c"))[:, [100, 2]])
    np.testing.assert_array_equal(few.present("1", "c"), many.present("1", "c")[[100, 2]])
    assert few.checks["3"] == (many.checks["3"][100], many.checks["3"][2])
    table = many.scores()
    assert len(table) == 4 * 150
    rows = table[table["image"] == few.images[0].path].reset_index(drop=True)
    want = few.scores()
    pd.testing.assert_frame_equal(rows, want[want["image"] == few.images[0].path].reset_index(drop=True))


@pytest.mark.parametrize("none", [None, 0.25])
def test_trust_lines_are_numbers_and_back(none):
    lines = [[Checks(12.5, True, 0.1, -0.2, none, none, none, False), Checks(1, False, 3, 4, 0.5, none)]]
    assert from_table(as_table(lines)[0]) == tuple(lines[0])


@pytest.mark.slow
def test_the_saved_tables_hold_every_image(many, saved):
    scores = pd.read_parquet(saved / "scores.parquet")
    pd.testing.assert_frame_equal(scores, many.scores().astype(scores.dtypes), check_exact=True)
    images = pd.read_parquet(saved / "images.parquet")
    assert images["path"].tolist() == [image.path for image in many.images]
    assert images["logit"].tolist() == [image.logit for image in many.images]
    assert images["target"].tolist() == [1] * 150 and images["right"].tolist() == [4.0] * 150
    maps = load_file(saved / "maps.safetensors")
    np.testing.assert_array_equal(maps["3/contribution"][:, 1], many.contribution("3", "d"))
    np.testing.assert_array_equal(maps["1/present/c"], many.present("1", "c"))


# The choice that is shown


def test_of_many_images_a_choice_is_shown(many, saved, tmp_path):
    labels = json.loads((saved / "explanation.json").read_text())
    assert labels["count"] == 150 and labels["numbers"] == list(many.listed)
    assert [image["path"] for image in labels["images"]] == [many.images[number].path for number in many.listed]
    assert len(labels["images"]) == SHOWN and len(labels["scores"]) == 4 * SHOWN
    assert len(shown.header(saved)["images"]) == 150, "a page has room for these"


def test_a_page_shows_as_many_as_it_has_room_for(many, tmp_path, monkeypatch):
    monkeypatch.setattr("sacv.maps.viewer_data.MOST", 40)
    many.save(tmp_path / "many")
    header = shown.header(tmp_path / "many")
    want = choose(many.maps, 2, 150, 40)
    assert [image["path"] for image in header["images"]] == [many.images[number].path for number in want]
    assert header["count"] == 150 and header["warnings"][0].startswith("40 of 150 images are shown: of each layer")
    assert len(list((tmp_path / "many" / "pictures").iterdir())) == 40
    many.subset([3, 5]).save(tmp_path / "few")
    assert not any("images are shown" in text for text in shown.header(tmp_path / "few")["warnings"])
    monkeypatch.setattr("sacv.maps.viewer_data.ROOM", 200_000)
    many.save(tmp_path / "many")
    assert len(shown.header(tmp_path / "many")["images"]) == 2


def slow_choice(maps, concepts, images):
    orders = []
    for layer in maps:
        greatest, score = measures(maps[layer])
        for number in range(concepts):
            each = (greatest[:, number], score[:, number], -score[:, number], -greatest[:, number])
            orders.append([sorted(range(images), key=lambda n, one=one: (-one[n], n)) for one in each])
    chosen = []
    for rank in range(images):
        for measure in range(4):
            for order in orders:
                chosen += [order[measure][rank]] * (order[measure][rank] not in chosen)
    return tuple(sorted(chosen[:SHOWN]))


@pytest.mark.parametrize(("images", "concepts", "layers"), [(24, 1, 1), (25, 1, 1), (200, 2, 2), (150, 10, 3)])
def test_the_choice_follows_its_rule(images, concepts, layers):
    rng = np.random.default_rng(images)
    maps = {
        str(layer): LayerMaps(
            *(rng.integers(-3, 4, (images, concepts, 2, 2)).astype(np.float32) for _ in range(2)), None, None, {}
        )
        for layer in range(layers)
    }
    found = choose(maps, concepts, images)
    assert len(found) == SHOWN and found == tuple(sorted(set(found)))
    assert found == slow_choice(maps, concepts, images)


def test_files_left_out_are_bounded_on_the_page(bank, tmp_path):
    folder = tmp_path / "shown"
    folder.mkdir()
    for number in range(14):
        (folder / f"{number}.txt").write_text("no image")
    Image.new("RGB", (4, 4)).save(folder / "a.png")
    model = sacv.VisionModel(MODEL.net.float(), sacv.ImageTransform((4, 4)))
    try:
        own = sacv.fit(model, ["1"], {"c": torch.rand(6, 3, 4, 4) + 1}, torch.rand(8, 3, 4, 4), nulls=0)
        sacv.explain(model, folder, own, 0, skip_unreadable=True, allow_weak=True).save(tmp_path / "out")
    finally:
        MODEL.net.double()
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count(".txt is no image") <= 10 and "4 more, named in explanation.json" in page
    assert len(json.loads((tmp_path / "out" / "explanation.json").read_text())["skipped"]) == 14


# The notes


@pytest.mark.parametrize("sizes", [(6,), (1, 5), (2, 2, 2)])
@pytest.mark.parametrize("kind", ["any", "zero", "constant", "alike"])
def test_slopes_of_parts_are_those_of_all(kind, sizes, bank):
    rng = np.random.default_rng(len(sizes))
    maps = rng.normal(size=(6, 2, 3, 4)).astype(np.float32)
    maps = {"any": maps, "zero": 0 * maps, "constant": maps[..., :1, :1] + 0 * maps, "alike": maps[:1] + 0 * maps}[kind]
    values, cavs = rng.normal(size=6) * 1e6, bank.cavs[:2]
    found = Slopes()
    for some in np.split(np.arange(6), np.cumsum(sizes)[:-1]):
        part = Slopes()
        part.add(maps[some], maps[some], values[some], cavs)
        found.join(Slopes.unpack(part.pack()))
    assert found.largest == pytest.approx(np.abs(maps).max())
    assert found.gives == (kind != "zero") and found.constant == (kind in ("zero", "constant"))
    assert found.alike == (kind in ("zero", "alike")) and found.grid == (3, 4)
    moved = np.abs(maps).sum(axis=(2, 3)) * [cav.separation for cav in cavs]
    assert found.saturated == bool(np.all(moved <= 1e-6 * np.abs(values[:, None])))
