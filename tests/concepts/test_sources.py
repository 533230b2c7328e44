"""Every kind of source gives the same images."""

import hashlib
import io
import json
import multiprocessing
import pickle
import sys
import tarfile
import threading
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.registry import known_implementations
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import sacv
from concepts.stored import stand_in, table, tar_bytes, write_folder, write_parquet, write_tar
from sacv.concepts import (
    ImageItem,
    Region,
    Skipped,
    count_images,
    image_set,
    region_set,
    stream_images,
    without_repeats,
)
from sacv.concepts.sources import huggingface, parquet, remote, tars
from sacv.concepts.sources.patterns import expand
from sacv.errors import ImageSetError, MissingExtraError, UnreadableImageError

MEMORY = fsspec.filesystem("memory")


def picture(seed: int, kind: str = "png", low: int = 0) -> bytes:
    held = io.BytesIO()
    values = np.random.default_rng(seed).integers(low, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(values).save(held, kind)
    return held.getvalue()


PICTURES = {f"{name}.{kind}": picture(seed, kind) for seed, (name, kind) in enumerate(
    [("a", "png"), ("b", "jpeg"), ("c/d", "png"), ("c/e", "webp"), ("f", "bmp")]
)}  # fmt: skip


@pytest.fixture
def memory():
    MEMORY.store.clear()
    MEMORY.pseudo_dirs[:] = [""]
    return MEMORY


@pytest.fixture
def hugging(monkeypatch):
    """A stand-in for `datasets`."""
    module = stand_in()
    monkeypatch.setitem(sys.modules, "datasets", module)
    return module


def put(memory, files):
    for name, content in files.items():
        memory.pipe(f"/{name}", content)


def everywhere(folder: Path, memory, hugging, pictures):
    """Return the images in every kind of source."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        for name, content in pictures.items():
            file.writestr(f"inner/{name}", content)
    put(memory, {f"pics/{name}": content for name, content in pictures.items()} | {"pics.zip": zipped.getvalue()})
    put(memory, {"pics.tar": tar_bytes(pictures)})
    write_parquet(folder / "pics.parquet", pictures)
    put(memory, {"pics.parquet": (folder / "pics.parquet").read_bytes()})
    dotted = {f"./{name}": content for name, content in pictures.items()}  # as `tar -c .` writes them
    half = len(pictures) // 2
    parts = [dict(list(pictures.items())[:half]), dict(list(pictures.items())[half:])]
    for number, part in enumerate(parts):
        write_tar(folder / f"shard-{number:02d}.tar", part)
    kinds = {"image": hugging.Image(), "label": None}
    return {
        "folder": str(write_folder(folder / "pics", pictures)),
        "path": folder / "pics",
        "memory": "memory://pics",
        "slash": "memory://pics/",
        "star": "memory://*ics/**",
        "file": f"file://{folder / 'pics'}",
        "zip": "zip://inner::memory://pics.zip",
        "zip root": "zip://::memory://pics.zip",
        "tar": write_tar(folder / "pics.tar", pictures),
        "ustar": str(write_tar(folder / "old.TAR", pictures, form=tarfile.USTAR_FORMAT)),
        "gnu": str(write_tar(folder / "gnu.tar", dotted, form=tarfile.GNU_FORMAT)),
        "shards": str(folder / "shard-{00..01}.tar"),
        "star shards": str(folder / "shard-*.tar"),
        "list": [str(folder / "shard-00.tar"), folder / "shard-01.tar"],
        "memory tar": "memory://pics.tar",
        "memory star": "memory://*.tar",
        "parquet": folder / "pics.parquet",
        "memory parquet": "memory://pics.parquet",
        "star column": "memory://*.parquet:image",
        "bytes": write_parquet(folder / "bytes.parquet", pictures, struct=False, rows=3),
        "column": f"{write_parquet(folder / 'named.pq', pictures, struct=False, column='photo')}:photo",
        "dataset": hugging.Dataset(table(pictures), kinds, "torch"),
        "binary dataset": hugging.Dataset(table(pictures, struct=False), {"image": None, "label": None}),
    }  # fmt: skip


def test_every_source_gives_the_same_images_in_the_same_order(tmp_path, memory, hugging):
    sources = everywhere(tmp_path, memory, hugging, PICTURES)
    want = list(image_set("x", sources["folder"]))
    pixels = [np.asarray(item.load()) for item in want]
    for kind, source in sources.items():
        for found in (list(image_set("x", source)), list(stream_images("x", source))):
            assert [item.digest for item in found] == [item.digest for item in want], kind
            assert all(np.array_equal(item.load(), one) for item, one in zip(found, pixels, strict=True)), kind
            assert len({item.name for item in found}) == len(want), kind
        assert count_images(source) == len(want), kind
        kept = image_set("x", source, skip_unreadable=True)
        assert [item.digest for item in kept] == [item.digest for item in want] and not kept.skipped, kind


def test_names(tmp_path, memory, hugging, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sources = everywhere(tmp_path, memory, hugging, PICTURES)
    first = {kind: next(stream_images("x", source)).name for kind, source in sources.items()}
    assert first == {
        "folder": f"{tmp_path}/pics/a.png",
        "path": f"{tmp_path}/pics/a.png",
        "memory": "memory://pics/a.png",
        "slash": "memory://pics/a.png",
        "star": "memory://pics/a.png",
        "file": f"file://{tmp_path}/pics/a.png",
        "zip": "zip://inner/a.png::memory://pics.zip",
        "zip root": "zip://inner/a.png::memory://pics.zip",
        "tar": f"{tmp_path}/pics.tar/a.png",
        "ustar": f"{tmp_path}/old.TAR/a.png",
        "gnu": f"{tmp_path}/gnu.tar/a.png",
        "shards": f"{tmp_path}/shard-00.tar/a.png",
        "star shards": f"{tmp_path}/shard-00.tar/a.png",
        "list": f"{tmp_path}/shard-00.tar/a.png",
        "memory tar": "memory://pics.tar/a.png",
        "memory star": "memory://pics.tar/a.png",
        "parquet": f"{tmp_path}/pics.parquet[0]",
        "memory parquet": "memory://pics.parquet[0]",
        "star column": "memory://pics.parquet:image[0]",
        "bytes": f"{tmp_path}/bytes.parquet[0]",
        "column": f"{tmp_path}/named.pq:photo[0]",
        "dataset": "x[0]",
        "binary dataset": "x[0]",
    }
    assert [item.name for item in image_set("x", "pics.parquet")] == [f"pics.parquet[{row}]" for row in range(5)]
    assert [item.name for item in image_set("x", "pics.tar")] == [f"pics.tar/{name}" for name in PICTURES]


def test_a_name_is_a_source_of_its_image(tmp_path, memory, hugging):
    for kind, source in everywhere(tmp_path, memory, hugging, PICTURES).items():
        for item in image_set("x", source) if "dataset" not in kind else ():
            (again,) = image_set("x", item.name)
            assert (again.name, again.digest) == (item.name, item.digest), kind
            assert count_images(item.name) == 1


@settings(max_examples=25, deadline=None)
@given(
    names=st.lists(st.text("ab/é .", min_size=1, max_size=120), unique=True, min_size=1, max_size=6),
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_a_truncated_tar_is_found_wherever_it_is_cut(names, form, cut):
    names = [(name[-40:] if form == tarfile.USTAR_FORMAT else name).strip("/") + ".png" for name in names]
    names = list(dict.fromkeys(names))
    content = tar_bytes({name: PICTURES["a.png"][: 700 * number] for number, name in enumerate(names)}, form=form)
    MEMORY.pipe("/whole.tar", content)
    found = [item.name.removeprefix("memory://whole.tar/") for item in image_set("x", "memory://whole.tar")]
    assert found == [name.removeprefix("./") for name in names]
    with tarfile.open(fileobj=io.BytesIO(content)) as whole:
        whole.getmembers()
        end = whole.offset + tarfile.BLOCKSIZE  # of the first block of zeros, which ends it
    MEMORY.pipe("/cut.tar", content[: int(cut * end)])
    with pytest.raises(ImageSetError, match=r"cut\.tar"):
        image_set("x", "memory://cut.tar")


def test_a_bank_is_the_same_wherever_its_images_are_stored(small_model, tmp_path, hugging):
    """Byte for byte, but for the names of the images."""
    pictures = {f"{n}.png": picture(n, low=180) for n in range(6)}, {f"{n}.png": picture(n + 50) for n in range(7)}
    banks = {}
    for kind in ("folder", "shards", "parquet", "tar", "bytes", "dataset"):
        given = []
        for part, of in zip(("bright", "other"), pictures, strict=True):
            (tmp_path / kind / part).mkdir(parents=True)
            given.append(everywhere(tmp_path / kind / part, MEMORY, hugging, of)[kind])
        bank = sacv.fit(small_model, ["features.2"], {"bright": given[0]}, given[1])
        bank.save(tmp_path / "bank")
        texts = {file.name: file.read_bytes() for file in (tmp_path / "bank").iterdir()}
        for image in (image for entry in bank.sets for image in entry.images):
            name = json.dumps(image.name, ensure_ascii=False).encode()
            texts["bank.json"] = texts["bank.json"].replace(name, json.dumps(image.digest).encode())
        labels = json.loads(texts.pop("bank.json"))
        del labels["checksums"]  # of the names too
        banks[kind] = texts | {"labels": labels}
    for kind, bank in banks.items():
        for name, content in banks["folder"].items():
            assert bank[name] == content, (kind, name)


def shown(items):
    return [(item.digest, np.asarray(item.load()).sum()) for item in items]


@pytest.mark.slow
def test_images_go_to_other_threads_and_processes(tmp_path, memory, hugging):
    sources = everywhere(tmp_path, memory, hugging, PICTURES)
    # what is in memory, and the stand-in, are not there in another process
    items = {kind: list(image_set("x", one)) for kind, one in sources.items()}
    here = [kind for kind in items if not any(word in kind for word in ("memory", "star", "slash", "zip", "dataset"))]
    want = shown(items["folder"])
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = dict(zip(here, pool.map(shown, [items[kind] for kind in here]), strict=True))
    assert all(one == want for one in found.values()) and len(found) > 6
    mixed = [(kind, number) for number in range(len(PICTURES)) for kind in items] * 4
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(lambda one: shown([items[one[0]][one[1]]])[0], mixed))
    assert threaded == [want[number] for _, number in mixed]
    for kind in items:
        if "dataset" not in kind:
            assert shown(pickle.loads(pickle.dumps(items[kind]))) == want


def test_listing_reads_no_image_and_an_image_is_read_once(tmp_path, memory, hugging, monkeypatch):
    sources = everywhere(tmp_path, memory, hugging, PICTURES)
    read = []
    for stored in (tars.Member, parquet.Row, remote.RemoteFile, huggingface.Entry):

        def noted(self, whole=stored.read):
            read.append(self.name)
            return whole(self)

        monkeypatch.setattr(stored, "read", noted)
    for kind, source in sources.items():
        items = list(image_set("x", source))
        assert count_images(source) == len(list(stream_images("x", source))) == 5 and not read
        for item in items:
            item.load()
            assert item.digest == hashlib.sha256(PICTURES[list(PICTURES)[items.index(item)]]).hexdigest()
        assert read == [item.name for item in items if kind not in ("folder", "path")], kind
        read.clear()


def test_images_are_hashed_and_decoded_by_several_threads(tmp_path, monkeypatch):
    path = write_tar(tmp_path / "a.tar", {f"{n}.png": picture(n) for n in range(4)})
    both = threading.Barrier(2, timeout=60)  # one reader alone would wait for ever

    def read(self, whole=tars.Member.read):
        both.wait()
        return whole(self)

    images = image_set("x", path)
    monkeypatch.setattr(tars.Member, "read", read)
    assert len(without_repeats(images)[0]) == len(image_set("x", path, skip_unreadable=True)) == 4


def test_a_row_group_is_read_once_for_its_rows(tmp_path, monkeypatch):
    read = []

    class Counted(pq.ParquetFile):
        def read_row_group(self, number, **how):
            read.append(number)
            return super().read_row_group(number, **how)

    path = write_parquet(tmp_path / "a.parquet", PICTURES, rows=2)
    monkeypatch.setattr(parquet.pq, "ParquetFile", Counted)
    for item in image_set("x", path):
        item.load()
    assert read == [0, 1, 2]
    write_parquet(path, dict(reversed(PICTURES.items())), rows=5)
    found = [item.digest for item in image_set("x", path)]
    assert found == [hashlib.sha256(one).hexdigest() for one in reversed(PICTURES.values())]


def test_a_search_goes_through_shards(small_model, small_bank, tmp_path, memory, hugging):
    for kind in ("shards", "memory parquet", "zip"):
        source = everywhere(tmp_path, memory, hugging, PICTURES)[kind]
        found = sacv.search(small_model, source, small_bank, batch_size=2, allow_weak=True)
        assert found.images["image"].to_pylist() == [item.name for item in image_set("x", source)]


def test_regions_of_images_in_a_tar(tmp_path, memory, hugging):
    pictures = {name: content for name, content in PICTURES.items() if "/" not in name}
    sources = everywhere(tmp_path, memory, hugging, pictures)
    inside = np.zeros((20, 24), np.uint8)
    inside[3:9, 4:12] = 255
    (tmp_path / "masks").mkdir()
    for name in pictures:
        Image.fromarray(inside).save(tmp_path / "masks" / f"{Path(name).stem}.png")
    for kind in ("tar", "shards", "memory", "memory tar", "zip"):
        found = region_set("x", Region(sources[kind], tmp_path / "masks"))
        assert [item.digest for item in found.images] == [hashlib.sha256(one).hexdigest() for one in pictures.values()]
        assert all((mask.load((24, 20)) == (inside > 0)).all() for mask in found.masks)
    entries = [{"id": number, "file_name": f"any/{name}"} for number, name in enumerate(pictures)]
    boxes = [{"image_id": number, "category_id": 1, "bbox": [4, 3, 8, 6]} for number in range(3)]
    (tmp_path / "coco.json").write_text(json.dumps({"images": entries, "annotations": boxes}))
    for kind in ("tar", "zip"):
        found = region_set("x", Region(sources[kind], tmp_path / "coco.json"))
        assert all((mask.load((24, 20)) == (inside > 0)).all() for mask in found.masks) and len(found.masks) == 3
    found = region_set("x", Region(sources["parquet"], [inside > 0] * 3))
    assert len(found.masks) == 3


# What cannot be taken


def reason(source, **how):
    with pytest.raises((ImageSetError, UnreadableImageError, MissingExtraError)) as caught:
        image_set("cats", source, **how)
        for item in image_set("cats", source, **how):
            item.load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_tars_that_cannot_be_taken(tmp_path):
    write_tar(tmp_path / "texts.tar", {"a.txt": b"", "b.json": b"{}"})
    assert "holds no image; its members end in .json, .txt" in reason(tmp_path / "texts.tar")
    write_tar(tmp_path / "none.tar", {})
    assert "none.tar holds no image, and nothing else" in reason(tmp_path / "none.tar")
    (tmp_path / "empty.tar").write_bytes(b"")
    assert "empty.tar cannot be read as a tar (empty file)" in reason(tmp_path / "empty.tar")
    (tmp_path / "text.tar").write_text("no tar " * 500)
    assert "text.tar cannot be read as a tar" in reason(tmp_path / "text.tar")
    for name in ("a.tar.gz", "b.tgz"):
        (tmp_path / name).write_bytes(b"")
        assert f"{name} is compressed" in reason(tmp_path / name)
    assert "there is no tar" in reason(tmp_path / "gone.tar")
    write_tar(tmp_path / "some.tar", PICTURES)
    assert "some.tar holds no image z.png" in reason(tmp_path / "some.tar/z.png")


def test_links_in_a_tar_are_not_dropped(tmp_path):
    with tarfile.open(tmp_path / "links.tar", "w") as tar:
        tar.add(write_folder(tmp_path / "pics", PICTURES) / "a.png", "a.png")
        for name, kind in (("b.png", tarfile.SYMTYPE), ("c.png", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "a.png"
            tar.addfile(member)
    assert "links.tar/b.png is a link or sparse" in reason(tmp_path / "links.tar")
    kept = image_set("x", tmp_path / "links.tar", skip_unreadable=True)
    assert [Path(one.name).name for one in (*kept, *kept.skipped)] == ["a.png", "b.png", "c.png"]
    assert [type(one) for one in stream_images("x", tmp_path / "links.tar")] == [ImageItem, Skipped, Skipped]


def test_columns_that_cannot_be_taken(tmp_path, hugging):
    path = tmp_path / "a.parquet"
    two = {"one": [b"1"], "two": [b"2"], "label": [3]}
    pq.write_table(pa.table(two), path)
    assert f"has several columns of bytes, one, two; name it as in {path}:image" in reason(path)
    assert "has no column 'three'; it has one, two, label" in reason(f"{path}:three")
    assert "the column 'label' of" in reason(f"{path}:label") and "is int64" in reason(f"{path}:label")
    pq.write_table(pa.table({"label": [3]}), path)
    assert "has no column of bytes; it has label" in reason(path)
    pq.write_table(table({}), path)
    assert "has no rows" in reason(path)
    write_parquet(path, PICTURES)
    assert "has 5 rows, so there is no [5]" in reason(f"{path}[5]")
    path.write_bytes(b"no parquet")
    assert "cannot be read as a Parquet file" in reason(path)
    assert "there is no Parquet file" in reason(tmp_path / "gone.parquet")
    assert "select one with dataset.select_columns(" in reason(hugging.Dataset(pa.table(two), dict.fromkeys(two)))
    assert "the dataset has no rows" in reason(hugging.Dataset(table({}), dict.fromkeys(["image", "label"])))
    assert "cannot read images from DatasetDict; give one split" in reason(hugging.DatasetDict())


def test_what_is_no_image_is_named_or_left_out(tmp_path, memory, hugging):
    cut = PICTURES["b.jpeg"][:-40]
    sources = everywhere(tmp_path, memory, hugging, PICTURES | {"b.jpeg": b"no image", "c/d.png": cut[:300]})
    bad = {
        "tar": ("pics.tar/b.jpeg", "pics.tar/c/d.png"),
        "parquet": ("pics.parquet[1]", "pics.parquet[2]"),
        "memory": ("memory://pics/b.jpeg", "memory://pics/c/d.png"),
        "zip": ("zip://inner/b.jpeg::memory://pics.zip", "zip://inner/c/d.png::memory://pics.zip"),
        "dataset": ("x[1]", "x[2]"),
    }
    for kind, names in bad.items():
        assert "b.jpeg" in names[0] or "[1]" in names[0]
        told = reason(sources[kind])
        assert "is not an image that Pillow can read" in told and "--skip-unreadable" in told
        assert names[0].removeprefix("x") in told
        kept = image_set("x", sources[kind], skip_unreadable=True)
        assert len(kept) == 3 and all(one.name.endswith(two) for one, two in zip(kept.skipped, names, strict=True))


def test_empty_rows_and_paths_of_rows(tmp_path):
    write_folder(tmp_path, PICTURES)
    rows = [{"bytes": None, "path": str(tmp_path / "a.png")}, {"bytes": None, "path": None}, None]
    rows += [{"bytes": None, "path": str(tmp_path / "gone.png")}]
    kind = pa.struct({"bytes": pa.large_binary(), "path": pa.string()})
    pq.write_table(pa.table({"photo": pa.array(rows, kind)}), tmp_path / "a.parquet")
    kept = image_set("x", tmp_path / "a.parquet", skip_unreadable=True)
    assert [item.digest for item in kept] == [hashlib.sha256(PICTURES["a.png"]).hexdigest()]
    assert [one.reason.split(" ")[1:3] for one in kept.skipped[:2]] == [["is", "empty;"]] * 2
    assert "gone.png, the image of" in kept.skipped[2].reason


def test_locations_that_cannot_be_reached(tmp_path, memory, monkeypatch):
    assert "there is no file or folder memory://gone" in reason("memory://gone")
    memory.mkdir("/bare")
    assert "the folder memory://bare is empty" in reason("memory://bare")
    assert "there is no tar memory://gone.tar" in reason("memory://gone.tar")
    assert "odd://bucket/cats cannot be opened (Protocol not known: odd)" in reason("odd://bucket/cats")
    monkeypatch.setitem(known_implementations, "lost", {"class": "lost.Lost", "err": "Install lostfs to access Lost"})
    assert "lost://a/b.tar cannot be opened: Install lostfs to access Lost" in reason("lost://a/b.tar")
    assert "memory://gone.png cannot be read" in reason("memory://gone.png")
    assert "cannot be" in reason("zip://cats::memory://gone.zip")

    def refused(*_, **__):
        raise RuntimeError("no keys")

    monkeypatch.setattr(type(memory), "ls", refused)
    memory.pipe("/pics/a.png", b"")
    assert "memory://pics cannot be listed (no keys)" in reason("memory://pics")


def test_a_server_that_gives_whole_files_is_found(tmp_path, memory, monkeypatch):
    put(memory, {"pics.tar": tar_bytes(PICTURES)})
    items = list(image_set("x", "memory://pics.tar"))
    monkeypatch.setattr(type(memory), "cat_file", lambda self, path, start=None, end=None: b"everything")
    with pytest.raises(UnreadableImageError, match=r"a\.png cannot be read: memory://pics\.tar returns 10 bytes"):
        items[0].load()


def test_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert expand("s/{08..11}.tar") == ["s/08.tar", "s/09.tar", "s/10.tar", "s/11.tar"]
    assert expand("{a,b}{0..1}") == ["a0", "a1", "b0", "b1"]
    with pytest.raises(ImageSetError, match=r"s/\{3\.\.1\}\.tar matches nothing: \{3\.\.1\} is descending"):
        expand("s/{3..1}.tar")
    with pytest.raises(ImageSetError, match=r"none\*\.tar matches nothing"):
        expand("none*.tar")
    with pytest.raises(ImageSetError, match=r"there is no tar s/00\.tar"):
        image_set("x", "s/{00..03}.tar")
    write_folder(tmp_path, {"odd{1,2}/a.png": PICTURES["a.png"], "odd*/b.png": PICTURES["b.jpeg"]})
    assert len(image_set("x", "odd{1,2}")) == len(image_set("x", "odd*")) == 1


def test_an_unpacked_tar_and_a_table_of_parts_are_folders(tmp_path):
    write_folder(tmp_path / "a.tar", PICTURES)
    write_folder(tmp_path / "b.parquet", PICTURES)
    for source in (tmp_path / "a.tar", tmp_path / "b.parquet", f"{tmp_path}/a.tar/a.png"):
        assert Path(next(stream_images("x", source)).name).is_file()
