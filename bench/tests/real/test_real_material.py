import shutil

import pytest

from sacv.errors import ImageSetError
from sacv_bench.real.material import NEEDS, read_material
from sacv_bench.real.streets import drive_splits


def read(folder, *experiments):
    return read_material(folder, experiments or tuple(NEEDS), ["squeezenet.py"])


def test_all_of_it_is_found(folder):
    found = read(folder)
    assert [len(part) for part in (found.street, found.horses, found.zebras, found.lesions, found.random)] == [
        9, 8, 2, 18, 5,
    ]  # fmt: skip
    assert [photo.name for photo in found.patterned] == ["tiger", "dalmatian"]
    assert [photo.masks[0][0] for photo in found.patterned] == ["striped", "dotted"]
    assert found.veiled == {f"l{number:02}" for number in range(0, 18, 2)}
    assert {kind: len(files) for kind, files in found.textures} == dict.fromkeys(
        ("striped", "dotted", "chequered", "other"), 6
    )
    assert found.horses[0].mask("horse").sum() == 24 * 22
    # A class that a frame does not show has no mask, which is legal.
    assert [photo.shows("sky") for photo in found.street] == [True, True, False] * 3


def test_only_what_is_needed_must_be_there(fresh):
    for part in ("horses", "lesions", "photos", "masks", "guidance", "patterned"):
        shutil.rmtree(fresh / part)
    found = read(fresh, "streets")
    assert len(found.street) == 9 and found.horses == () and found.veiled == frozenset()
    with pytest.raises(ImageSetError, match=r"lacks horses/photos \(0 images; at least 4\)"):
        read(fresh, "horses")


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("horses/masks/h3.png", r"lacks horses/masks/h3\.png;"),
        ("squeezenet.py", r"lacks squeezenet\.py;"),
        ("lesions/lesions.csv", r"lacks lesions/lesions\.csv;"),
        ("patterned/masks/tiger.png", "lacks patterned/masks/tiger"),
        ("street/masks/road", "lacks street/masks/road;"),
        ("guidance/other", r"lacks guidance/other \(0 images"),
    ],
)
def test_what_is_missing_is_named(fresh, gone, words):
    path = fresh / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ImageSetError, match=words):
        read(fresh)


def test_all_that_is_missing_is_told_at_once(fresh):
    shutil.rmtree(fresh / "horses/masks")
    (fresh / "lesions/lesions.csv").write_text("name,colour\nl00,1\n")
    with pytest.raises(ImageSetError) as caught:
        read(fresh)
    message = str(caught.value)
    assert (
        "horses/masks/h0.png" in message
        and "and 1 more" in message
        and "docs/bench.md" in message
        and "\n" not in message
    )


def test_a_single_drive_cannot_be_left_out(fresh):
    for photo in (fresh / "street/photos").iterdir():
        if not photo.name.startswith("north"):
            photo.unlink()
    with pytest.raises(ImageSetError, match="a second drive"):
        read(fresh, "streets")


def test_no_folder(tmp_path):
    with pytest.raises(ImageSetError, match=r"there is no folder .*nowhere"):
        read(tmp_path / "nowhere")


def test_drives_are_trained_on_or_tested(folder):
    photos = read(folder).street
    for concept, count in (("car", 9), ("sky", 6)):
        splits = list(drive_splits(photos, concept))
        assert [split.drive for split in splits] == ["north", "south", "west"]
        for split in splits:
            assert {photos[number].drive for number in split.tested} == {split.drive}
            assert split.drive not in {photos[number].drive for number in split.others}
            assert len(split.tested) + len(split.others) == count
            assert all(photos[number].shows(concept) for number in (*split.tested, *split.others))
