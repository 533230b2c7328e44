"""A search against one with everything in memory, on networks whose activations are known."""

import gc
import importlib
import itertools
import json
import pickle
from dataclasses import replace
from functools import reduce

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from conftest import make_pictures
from PIL import Image

import sacv
from cav.planted import noise, planted_model
from model.test_recognition import Signal, Transformer, Volume
from reference import presence as presence_reference
from reference import search as reference
from sacv.concepts import image_set
from sacv.engine import Shard, ShardStore
from sacv.errors import (
    ActivationError,
    ImageSetError,
    LayerError,
    MismatchError,
    OptionError,
    StorageError,
    UnreadableImageError,
    WeakConceptError,
)
from sacv.index.reducer import Batch, Search
from sacv.maps.relevance import relevance
from sacv.solvers import MeanDifference

module = importlib.import_module("sacv.index.search")  # sacv.index.search is the function

LAYER = "layer"
MODEL = planted_model(3)
CONCEPTS = {"c": noise(8, 3, 4, 0, mean=2), "d": noise(8, 3, 4, 1, mean=-2)}


def bank_of(model=MODEL, layers=(LAYER,), concepts=CONCEPTS, pool=None, **options):
    wanted = {"solver": MeanDifference(), "runs": 1, "nulls": 0, "absent": noise(20, 3, 4, 5)} | options
    return sacv.fit(model, list(layers), concepts, noise(9, 3, 4, 2) if pool is None else pool, **wanted)


BANK = bank_of()
SHOWN = torch.cat([noise(7, 3, 4, 6), noise(6, 3, 4, 7, mean=1)])


def search(images=SHOWN, bank=BANK, model=MODEL, **options):
    return sacv.search(model, images, bank, **({"allow_weak": True} | options))


def named(images, bank=BANK, concept="c", layer=LAYER, model=MODEL):
    """Name, hash and relevance of each image, run one by one."""
    found = []
    for item in image_set("the images to search", images):
        cells = model.activations(model.inputs([item.load()]), [layer])[layer].cells
        found.append(
            (item.name, item.digest, relevance(bank.preprocessing(cells), [bank.cav(layer, concept)])[0, 0].numpy())
        )
    return found


def listed(found, concept="c", layer=LAYER):
    rows = [row for row in found.locations.to_pylist() if (row["layer"], row["concept"]) == (layer, concept)]
    by_image = itertools.groupby(
        sorted(rows, key=lambda row: (row["image_rank"], row["rank"])), lambda row: row["hash"]
    )
    return [(digest, [(row["relevance"], (row["row"], row["column"])) for row in part]) for digest, part in by_image]


# The lists


@pytest.mark.parametrize(("top", "per_image", "batch_size"), [(1, 1, 1), (4, 3, 5), (50, 2, 8), (3, 99, 13)])
def test_agrees_with_everything_in_memory(top, per_image, batch_size):
    found = search(top=top, per_image=per_image, batch_size=batch_size)
    for concept in CONCEPTS:
        everything = named(SHOWN, concept=concept)
        want = reference.best_images(everything, top, per_image)
        assert listed(found, concept) == [(digest, places) for _, digest, places in want]
        rows = [row for row in found.locations.to_pylist() if row["concept"] == concept]
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        first = [(row["relevance"], row["hash"], (row["row"], row["column"])) for row in rows][:top]
        assert first == reference.best_places(everything, top, per_image)[: len(first)]


def test_top_larger_than_there_are_images():
    found = search(SHOWN[:3], top=1000, per_image=1000)
    assert {row["image_rank"] for row in found.locations.to_pylist()} == {1, 2, 3} and found.count == 3


def test_relevance_evidence_and_presence_are_those_of_explain():
    found = search()
    told = sacv.explain(MODEL, SHOWN, BANK, 0, checks=False, allow_weak=True)
    names = [image.path.replace("explain", "search") for image in told.images]
    for row in found.locations.to_pylist():
        at = (names.index(row["image"]), row["row"], row["column"])
        cav = BANK.cav(LAYER, row["concept"])
        assert row["relevance"] == told.relevance(LAYER, row["concept"])[at]
        assert row["evidence"] == pytest.approx(row["relevance"] + cav.threshold, abs=1e-6)
        assert row["present"] == told.present(LAYER, row["concept"])[at]
    assert {row["present"] for row in found.locations.to_pylist()} == {True, False}


def test_presence_agrees_with_its_definition():
    bank = bank_of()
    want = [
        np.any(presence_reference.present(bank.cav(LAYER, "c").detector, picture, absent))
        for absent in [noise(20, 3, 4, 5).movedim(1, -1).numpy()]
        for picture in SHOWN.movedim(1, -1).numpy()
    ]
    assert search(bank=bank).images[f"{LAYER}/c/present"].to_pylist() == want and any(want) and not all(want)


def test_without_a_calibrated_mask_presence_is_null_and_the_reason_is_told():
    found = search(bank=bank_of(absent=()))
    assert set(found.locations["present"].to_pylist()) == {None}
    assert set(found.images[f"{LAYER}/c/present"].to_pylist()) == {None}
    assert any("Presence of 'c' at 'layer' is not calibrated: no mask" in note for note in found.notes)


def test_images_of_another_grid_have_no_presence():
    found = search([*SHOWN[:2], *noise(2, 3, 6, 8)], batch_size=1)
    assert [value is None for value in found.images[f"{LAYER}/c/present"].to_pylist()] == [False, False, True, True]
    assert any("calibrated on a grid of (4, 4)" in note and "(6, 6)" in note for note in found.notes)


def test_ties_are_broken_by_hash_and_location():
    pictures = torch.full((2, 3, 4, 4), 0.25, dtype=torch.float64)
    pictures[1, :, 0, 0] = -9
    for order in (pictures, pictures.flip(0)):
        for size in (1, 2):
            ranked = listed(search(order, per_image=2, batch_size=size))
            digests = sorted(item.digest for item in image_set("x", order))
            assert [digest for digest, _ in ranked] == digests
            assert sorted(places[0][1] for _, places in ranked) == [(0, 0), (0, 1)]


def test_the_same_content_has_a_row_for_each_name_and_one_place_in_a_list(tmp_path):
    folder = make_pictures(tmp_path / "shown", 3, 1)
    (folder / "1 copy.png").write_bytes((folder / "2.png").read_bytes())
    model = replace(planted_model(3, dtype=torch.float32), transform=sacv.ImageTransform(resize=(4, 4)))
    bank = bank_of(model)
    for images in (folder, sorted(folder.iterdir(), reverse=True)):
        found = search(images, bank, model)
        rows = found.images.to_pylist()
        assert len(rows) == 4 and len({row["hash"] for row in rows}) == 3
        assert len({row["hash"] for row in found.locations.to_pylist()}) == 3
        names = {row["image"].rsplit("/", 1)[1] for row in found.locations.to_pylist()}
        assert names == {"0.png", "1.png", "1 copy.png"}
        assert max(row["image_rank"] for row in found.locations.to_pylist()) == 3


# A row for each image


def test_rows_of_images():
    found = search(batch_size=5)
    rows = found.images.to_pylist()
    assert len(rows) == len(SHOWN) == found.count
    for concept in CONCEPTS:
        everything = named(SHOWN, concept=concept)
        for row, (name, digest, values) in zip(rows, everything, strict=True):
            assert (row["image"], row["hash"], row["width"], row["height"]) == (name, digest, 4, 4)
            assert row[f"{LAYER}/{concept}/relevance"] == values.max()
            best = (row[f"{LAYER}/{concept}/row"], row[f"{LAYER}/{concept}/column"])
            assert best == np.unravel_index(values.argmax(), values.shape)


def test_rows_are_streamed_in_row_groups(monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 4)
    found = search(batch_size=2, like=sacv.Like(SHOWN[2]))
    file = pq.ParquetFile(found.rows_folder / "images.parquet")
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sizes == [4, 4, 4, 1]
    monkeypatch.undo()
    whole = search(batch_size=2, like=sacv.Like(SHOWN[2]))
    assert found.images.to_pylist() == whole.images.to_pylist()
    assert found.locations.equals(whole.locations) and found.like.equals(whole.like)


def test_no_more_rows_are_in_memory_than_a_row_group_and_a_shard_hold(monkeypatch):
    monkeypatch.setattr(module, "ROW_GROUP", 4)
    monkeypatch.setattr(module, "SHARD_IMAGES", 2)
    most = []

    class Watching(Search):
        def add(self, state, batch):
            found = super().add(state, batch)
            most.append(found.images)
            return found

    written = pq.ParquetWriter.write_table

    def watched(self, table, row_group_size):
        most.append(table.num_rows)
        return written(self, table, row_group_size=row_group_size)

    monkeypatch.setattr(module, "Search", Watching)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", watched)
    search(batch_size=2)
    assert max(most) == 4 and most.count(2) == 6


def test_what_the_rows_were_written_to_is_removed_with_the_result():
    found = search()
    folder = found.rows_folder
    assert folder.exists()
    del found
    gc.collect()
    assert not folder.exists()


def test_nothing_is_left_behind_by_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    wrong = SHOWN.clone()
    wrong[-1, 0, 0, 0] = torch.nan
    with pytest.raises(ActivationError, match=r"layer 'layer' are not finite for the images to search\[12\]"):
        search(wrong)
    assert not list(tmp_path.iterdir())


# The reducer


def test_merging_does_not_depend_on_order_or_parts():
    query = module.make_query(MODEL, BANK, sacv.Like(SHOWN[3]), LAYER)
    reducer = Search(MODEL, BANK, (query,), 4, 2, False)
    items = image_set("x", SHOWN).items
    batches = [Batch(start, items[start : start + 3]) for start in range(0, len(items), 3)]

    def told(state):
        lists = {key: [match.order for match in top.matches] for key, top in state.best.items()}
        alike = [[match.order for match in top.matches] for top in state.alike]
        return lists, alike, [batch.to_pylist() for batch in state.take_rows()], state.skipped, state.other_grids

    def state(some):
        return reduce(reducer.add, map(reducer.load, some), reducer.empty())

    whole = told(state(batches))
    for cut in range(len(batches) + 1):
        assert told(reducer.merge(state(batches[:cut]), state(batches[cut:]))) == whole
        assert told(reducer.merge(state(batches[cut:]), state(batches[:cut]))) == whole
    one, two, three = (lambda part=part: state(part) for part in (batches[:1], batches[1:3], batches[3:]))
    assert told(reducer.merge(one(), reducer.merge(two(), three()))) == whole
    assert told(reducer.merge(reducer.merge(three(), one()), two())) == whole


def test_a_state_goes_to_another_process_and_back(folder):
    model = pictured()
    reducer = Search(model, bank_of(model), (), 4, 2, True)
    items = image_set("x", [folder / f"{number}.png" for number in range(4)]).items
    state = reducer.add(reducer.empty(), reducer.load(Batch(0, items)))
    again = pickle.loads(pickle.dumps(state))
    assert again.images == 3 and again.skipped == state.skipped and again.rows[0].equals(state.rows[0])
    (match, *_) = again.best[LAYER, "c"].matches
    assert match.order == state.best[LAYER, "c"].matches[0].order and match.item.load().size == (24, 20)


def test_rows_that_cannot_be_written_are_told(monkeypatch):
    def full(self, table, row_group_size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(StorageError, match="No space left on device; set TMPDIR"):
        search()


# A search that is interrupted


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(module, "SHARD_IMAGES", 4)


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("stop", range(1, 8))
@pytest.mark.usefixtures("small_shards")
def test_an_interrupted_search_goes_on_and_gives_the_same(stop, tmp_path):
    options = {"batch_size": 2, "top": 5, "like": sacv.Like(SHOWN[2])}
    store = ShardStore(tmp_path / "shards")

    def interrupt(done, total):
        if done == min(2 * stop, total):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(**options, shards=store, progress=interrupt)
    assert len(store) == (stop - 1) // 2
    with store:
        search(**options, shards=store).save(tmp_path / "again")
    assert not store.folder.exists()
    search(**options).save(tmp_path / "whole")
    assert content(tmp_path / "again") == content(tmp_path / "whole")


@pytest.mark.usefixtures("small_shards")
def test_finished_shards_are_not_run_again_and_new_images_change_no_shard_before(tmp_path, monkeypatch):
    store, done = ShardStore(tmp_path / "shards"), []
    search(SHOWN[:12], batch_size=2, shards=store)
    store.folder.joinpath(sorted(file.name for file in store.folder.iterdir())[0]).unlink()
    add = Search.add
    monkeypatch.setattr(Search, "add", lambda *given: done.append(given[2].start) or add(*given))
    found = search(SHOWN, batch_size=2, shards=store)
    assert found.count == 13 and len(done) == 3 and done[-1] == 12
    assert found.locations.equals(search().locations)


@pytest.mark.usefixtures("small_shards")
def test_a_damaged_part_is_done_again(tmp_path):
    store = ShardStore(tmp_path / "shards")
    search(batch_size=2, shards=store)
    for file in store.folder.iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    assert search(batch_size=2, shards=store).locations.equals(search().locations)


def test_a_part_packs_and_unpacks_to_the_bit(folder):
    model = pictured()
    query = module.make_query(model, bank_of(model), sacv.Like(folder / "1.png"), LAYER)
    reducer = Search(model, bank_of(model), (query,), 4, 2, True)
    items = image_set("x", [folder / f"{number}.png" for number in range(5)]).items
    pieces = tuple(Batch(start, items[start : start + 2]) for start in (0, 2, 4))
    for shard in (Shard(0, pieces), Shard(0, (Batch(0, items[3:4]),))):  # of the latter no image can be read
        part = reduce(reducer.add, map(reducer.load, shard.pieces), reducer.empty())
        arrays = reducer.pack(part)
        again = reducer.unpack(arrays, shard)
        assert again.skipped == part.skipped and len(part.skipped) == 1
        assert again.rows.keys() == part.rows.keys()
        assert all(rows.equals(part.rows[start]) for start, rows in again.rows.items())
        for mine, other in zip([*again.best.values(), *again.alike], [*part.best.values(), *part.alike], strict=True):
            assert [vars(match) for match in mine.matches] == [vars(match) for match in other.matches]
        assert {name: values.tobytes() for name, values in reducer.pack(again).items()} == {
            name: values.tobytes() for name, values in arrays.items()
        }


def test_a_part_is_recognised_by_all_that_it_depends_on():
    query = module.make_query(MODEL, BANK, sacv.Like(SHOWN[3]), LAYER)
    items = image_set("x", SHOWN).items

    def key(model=MODEL, bank=BANK, queries=(), top=4, per_image=2, skip=False, some=items, sizes=(2, 2), start=0):
        ends = [start, *itertools.accumulate(sizes, initial=start)][1:]
        pieces = tuple(Batch(here, some[here:there]) for here, there in itertools.pairwise(ends))
        return Search(model, bank, queries, top, per_image, skip).key(Shard(0, pieces))

    renamed = image_set("y", SHOWN).items
    others = [
        key(bank=bank_of(runs=2)),
        key(queries=(query,)),
        key(top=5),
        key(per_image=3),
        key(some=items[::-1]),
        key(some=renamed),
        key(sizes=(4,)),
        key(start=2),
        key(model=replace(MODEL, transform=sacv.ImageTransform(resize=(5, 5)))),
    ]
    assert len({key(), *others}) == len(others) + 1 and key(skip=True) == key()


@pytest.mark.usefixtures("small_shards")
def test_an_interrupted_search_lists_what_cannot_be_read_once(folder, tmp_path):
    model = pictured()
    bank, store = bank_of(model), ShardStore(tmp_path / "shards")
    options = {"skip_unreadable": True, "batch_size": 2}
    search(folder, bank, model, **options, shards=store).save(tmp_path / "whole")
    assert len(store) == 2
    search(folder, bank, model, **options, shards=store).save(tmp_path / "again")
    assert content(tmp_path / "again") == content(tmp_path / "whole")


# Images that cannot be read


@pytest.fixture
def folder(tmp_path):
    made = make_pictures(tmp_path / "shown", 5, 1)
    (made / "0 no image.png").write_text("no image")
    (made / "3.png").write_bytes((made / "3.png").read_bytes()[:300])  # it begins as one
    return made


def pictured():
    return replace(planted_model(3, dtype=torch.float32), transform=sacv.ImageTransform(resize=(4, 4)))


def test_unreadable_files_stop_it_or_are_left_out_and_listed(folder, tmp_path):
    model = pictured()
    bank = bank_of(model)
    with pytest.raises(UnreadableImageError, match=r"0 no image\.png is not an image.*skip_unreadable=True"):
        search(folder, bank, model)
    with pytest.raises(UnreadableImageError, match=r"3\.png is a damaged"):
        search([folder / f"{number}.png" for number in range(5)], bank, model)
    told = []
    found = search(folder, bank, model, skip_unreadable=True, batch_size=2, progress=lambda *done: told.append(done))
    assert [entry.name.rsplit("/", 1)[1] for entry in found.skipped] == ["0 no image.png", "3.png"]
    assert [row["image"].rsplit("/", 1)[1] for row in found.images.to_pylist()] == ["0.png", "1.png", "2.png", "4.png"]
    assert told[-1] == (6, 6)
    with pytest.raises(ImageSetError, match="no image could be read"):
        search(folder / "0 no image.png", bank, model, skip_unreadable=True)
    with pytest.raises(ImageSetError, match="no image could be read"):
        search(folder / "3.png", bank, model, skip_unreadable=True)
    found.save(tmp_path / "out")
    labels = json.loads((tmp_path / "out" / "search.json").read_text())
    assert labels["counts"]["skipped"] == 2 and "no image" in labels["skipped"][0]["reason"]


def test_an_image_that_has_gone_when_the_page_is_drawn_costs_its_patches_alone(folder, tmp_path):
    model = pictured()
    found = search([folder / "1.png", folder / "2.png"], bank_of(model), model)
    (folder / "1.png").unlink()
    found.save(tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "could not be read again" in page and page.count("<img") == 2
    assert len(pq.read_table(tmp_path / "out" / "images.parquet")) == 2


# Similar locations


@pytest.mark.parametrize(
    "solver", [MeanDifference(), sacv.solvers.UnitLength(MeanDifference(), smoothing=1.0)], ids=repr
)
@pytest.mark.parametrize("at", [(2.5, 1.5), (0, 0), (3.99, 3), None])
def test_a_location_is_most_similar_to_itself(solver, at):
    found = search(bank=bank_of(solver=solver), like=sacv.Like(SHOWN[9], at), batch_size=4)
    row = found.like.to_pylist()[0]
    assert row["image"] == "the images to search[9]" and row["cosine"] == pytest.approx(1, abs=1e-6)
    assert (row["row"], row["column"]) == ((2, 2) if at is None else (int(at[1]), int(at[0])))
    assert (row["rank"], row["layer"], row["image_rank"]) == (1, LAYER, 1)
    assert all(other["cosine"] < 1 - 1e-6 for other in found.like.to_pylist()[1:])


def test_cosines_agree_with_everything_in_memory():
    found = search(like=[sacv.Like(SHOWN[9], (1, 2)), sacv.Like(SHOWN[0])], top=5, per_image=2)
    seen = SHOWN.movedim(1, -1).numpy()
    unit = seen / np.linalg.norm(seen, axis=-1, keepdims=True)
    digests = [(item.name, item.digest) for item in image_set("the images to search", SHOWN)]
    rows = found.like.to_pylist()
    for name, at in (
        ("the query image:1,2", (9, 2, 1)),
        ("the query image", (0, 2, 2)),
    ):
        values = (unit @ unit[at]).astype(np.float32)
        want = reference.best_images([(*names, one) for names, one in zip(digests, values, strict=True)], 5, 2)
        mine = [row for row in rows if row["like"] == name]
        got = [(row["hash"], (row["row"], row["column"])) for row in sorted(mine, key=lambda row: row["image_rank"])]
        assert got == [(digest, at) for _, digest, places in want for _, at in places]


def test_places_that_cannot_be_compared():
    with pytest.raises(OptionError, match=r"4,0 is outside the part of .* x must be from 0 to below 4"):
        search(like=sacv.Like(SHOWN[0], (4, 0)))
    with pytest.raises(OptionError, match="activation of layer 'layer' is zero"):
        search(like=sacv.Like(torch.zeros(3, 4, 4, dtype=torch.float64)))
    with pytest.raises(ImageSetError, match="13 images are given as one query"):
        search(like=sacv.Like(SHOWN))
    with pytest.raises(LayerError, match="the bank has no layer 'other'"):
        search(like=sacv.Like(SHOWN[0]), layer="other")
    with pytest.raises(OptionError, match="nothing is given as `like`"):
        search(layer=LAYER)

    def untold(picture):
        return torch.zeros(3, 4, 4)

    model = replace(planted_model(3, dtype=torch.float32), transform=untold)
    with pytest.raises(OptionError, match=r"the transform has no region\(size\)"):
        search(SHOWN.float(), bank_of(model), model, like=sacv.Like(Image.new("RGB", (9, 9)), (1, 1)))


# Other networks


def test_tokens_of_a_transformer():
    torch.manual_seed(0)
    model = sacv.VisionModel(Transformer(read="mean"))
    sets = [
        torch.randn(6, 3, 24, 20, generator=torch.Generator().manual_seed(seed)) + mean
        for seed, mean in [(0, 1), (1, 0)]
    ]
    bank = bank_of(model, ["blocks.0"], {"c": sets[0]}, sets[1], absent=())
    shown = torch.cat(sets)
    found = search(shown, bank, model, like=sacv.Like(shown[4], (9, 13)), batch_size=4, top=3, per_image=2)
    row = found.like.to_pylist()[0]
    assert (row["image"], row["row"], row["column"]) == ("the images to search[4]", 3, 2)
    assert row["cosine"] == pytest.approx(1, abs=1e-6)
    assert (row["left"], row["top"], row["right"], row["bottom"]) == (8, 12, 12, 16)
    assert (row["field_left"], row["field_top"], row["field_right"], row["field_bottom"]) == (0, 0, 20, 24)
    want = reference.best_images(named(shown, bank, layer="blocks.0", model=model), 3, 2)
    got = listed(found, layer="blocks.0")
    assert [(digest, [at for _, at in places]) for digest, places in got] == [
        (digest, [at for _, at in places]) for _, digest, places in want
    ]


@pytest.mark.parametrize(("net", "shape", "layer"), [(Signal, (2, 40), "act"), (Volume, (2, 8, 8, 8), "act")])
def test_signals_and_volumes(net, shape, layer, tmp_path):
    model = sacv.VisionModel(net())
    generator = torch.Generator().manual_seed(0)
    sets = [[torch.randn(shape, generator=generator) + mean for _ in range(6)] for mean in (2, 0)]
    sets = [one if len(shape) == 2 else torch.stack(one) for one in sets]
    bank = bank_of(model, [layer], {"c": sets[0]}, sets[1], absent=())
    found = search(sets[0], bank, model, like=sacv.Like(sets[0][2] if len(shape) == 2 else sets[0][2:3]))
    row = found.like.to_pylist()[0]
    assert row["image"] == "the images to search[2]" and row["cosine"] == pytest.approx(1, abs=1e-6)
    assert row["right"] > row["left"] >= 0 and row["field_right"] > row["field_left"]
    axes = [name.rsplit("/", 1)[1] for name in found.images.column_names[5:-1]]
    assert axes == ["depth", "row", "column"][-len(shape) + 1 :]
    found.save(tmp_path / "out")
    assert "<img" in (tmp_path / "out" / "index.html").read_text()


# What is refused


def test_what_is_refused():
    with pytest.raises(OptionError, match="top must be at least 1, not 0"):
        search(top=0)
    with pytest.raises(OptionError, match="per_image must be at least 1, not -1"):
        search(per_image=-1)
    with pytest.raises(MismatchError, match="fit a bank with this one"):
        search(model=sacv.VisionModel(planted_model(3).net.__class__(3, 2).double()))
    with pytest.raises(ImageSetError, match="there is no file or folder nowhere"):
        search("nowhere")
    with pytest.raises(ImageSetError, match="no image could be read"):
        search([])
    weak = bank_of(concepts={"c": noise(30, 3, 4, 3)}, pool=noise(30, 3, 4, 4))
    with pytest.raises(WeakConceptError):
        search(bank=weak, allow_weak=False)
    assert any("too weak to rely on" in note for note in search(bank=weak).notes)


# What becomes of it


def test_saved_and_drawn(tmp_path):
    found = search(top=3, like=sacv.Like(SHOWN[2]))
    found.save(tmp_path / "out", command="sacv search <script>")
    out = tmp_path / "out"
    assert sorted(file.name for file in out.iterdir()) == [
        "images.parquet", "index.html", "like.parquet", "locations.parquet", "search.json",
    ]  # fmt: skip
    assert pq.read_table(out / "locations.parquet").equals(found.locations)
    assert pq.read_table(out / "images.parquet").equals(found.images)
    assert pq.read_table(out / "like.parquet").equals(found.like)
    labels = json.loads((out / "search.json").read_text())
    assert labels["command"] == "sacv search <script>" and labels["model"]["fingerprint"] == MODEL.fingerprint
    assert labels["bank"] == {"fingerprint": BANK.fingerprint, "solver": dict(BANK.solver), "seed": BANK.seed}
    assert labels["counts"] == {"images": 13, "skipped": 0, "locations": len(found.locations)}
    assert labels["settings"] == {"top": 3, "per_image": 3} and labels["layers"] == [LAYER]
    assert (out / "index.html").read_text().count("<img") == 3 * 3  # two concepts, and what is similar to the query
    found.save(out)  # again
    search(top=3).save(out)
    assert not (out / "like.parquet").exists()


def test_the_fingerprint_of_a_bank_follows_its_cavs(tmp_path):
    BANK.save(tmp_path / "bank")
    assert sacv.ConceptBank.load(tmp_path / "bank").fingerprint == BANK.fingerprint == bank_of().fingerprint
    assert bank_of(seed=1).fingerprint != BANK.fingerprint
    cav = BANK.cavs[0]
    turned = replace(BANK, cavs=(replace(cav, vector=-cav.vector), *BANK.cavs[1:]))
    assert turned.fingerprint != BANK.fingerprint


def test_the_page_has_names_as_text_and_is_bounded(tmp_path, monkeypatch):
    folder = make_pictures(tmp_path / "shown", 3, 1)
    (folder / "0.png").rename(folder / "<img src=x onerror=alert(1)>.png")
    model = pictured()
    found = search(folder, bank_of(model), model)
    found.save(tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "onerror" in page and "<img src=x" not in page and page.count("<img") == 6
    monkeypatch.setattr("sacv.index.page.PATCHES", 2)
    monkeypatch.setattr("sacv.index.page.MOST", 2)
    found.save(tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<img") == 2 and "1 list not drawn to limit the report" in page and "d, at layer" in page


def test_batch_size_changes_nothing_but_rounding():
    one, other = search(batch_size=1), search(batch_size=13)
    assert one.locations.equals(other.locations) and one.images.to_pylist() == other.images.to_pylist()


def test_a_bank_fitted_within_masks_is_told_of():
    bank = bank_of(within=np.ones(tuple(SHOWN.shape[2:]), bool))
    assert [note for note in search(bank=bank).notes if "fitted within masks" in note and "takes no masks" in note]
    assert not [note for note in search().notes if "masks" in note and "within" in note]
