"""Pictures that come: bounded, whole, under names that stay in their folder."""

import asyncio
import dataclasses
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from app.fixtures import png
from sacv.app.http_errors import Missing, Refusal
from sacv.app.limits import Limits
from sacv.app.names import LONGEST, tidy, within
from sacv.app.uploads import received

HARMFUL = "</script><img src=x onerror=alert(1)>.png"


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8))


def limited(client_of, place, **limits):
    place.limits = dataclasses.replace(Limits(), **limits)
    return client_of(place)


def test_a_photo_comes_and_is_given_upright_as_jpeg(client, place, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", exif=exif)
    assert client.put("/api/photos/a.jpg", content=buffer.getvalue()).json()["name"] == "a.jpg"
    assert (place.photos / "a.jpg").read_bytes() == buffer.getvalue()
    answer = client.get("/api/photos/a.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.content)).size == (30, 40)
    assert client.delete("/api/photos/a.jpg").status_code == 200
    assert client.get("/api/photos/a.jpg").status_code == 404


def test_equal_names_are_numbered(client, picture):
    names = [client.put("/api/photos/a.png", content=png(picture)).json()["name"] for _ in range(3)]
    assert names == ["a.png", "a-2.png", "a-3.png"]


def test_names_are_text(client, place, picture):
    answer = client.put(f"/api/photos/{HARMFUL.replace('/', '%2F')}", content=png(picture))
    assert answer.status_code == 404  # a name with a separator is no name
    answer = client.put(f"/api/photos/{HARMFUL.replace('/', '')}", content=png(picture))
    assert answer.json()["name"] == HARMFUL.replace("/", "")
    assert client.get("/api/state").json()["photos"] == [HARMFUL.replace("/", "")]


def test_too_many_bytes_are_refused_as_announced_and_as_they_come(client_of, place, picture):
    client = limited(client_of, place, file_bytes=1000)
    assert len(png(picture)) > 1000
    assert client.put("/api/photos/a.png", content=png(picture)).status_code == 413
    chunks = (png(picture)[start : start + 100] for start in range(0, 4000, 100))
    assert client.put("/api/photos/a.png", content=chunks).status_code == 413
    assert not list(place.photos.iterdir())


def test_too_many_pixels_are_refused_before_they_are_decoded(client_of, place):
    client = limited(client_of, place, pixels=1_000_000)
    answer = client.put("/api/photos/a.png", content=png(Image.new("1", (1100, 1000))))
    assert answer.status_code == 413 and "1100 x 1000 pixels" in answer.json()["error"]
    assert client.put("/api/photos/a.png", content=png(Image.new("1", (10_000, 10_000)))).status_code in (400, 413)
    assert not list(place.photos.iterdir())


def test_too_many_files_are_refused(client_of, place, picture):
    client = limited(client_of, place, files=2, sets=1)
    codes = [client.put(f"/api/sets/one/{number}.png", content=png(picture)).status_code for number in range(3)]
    assert codes == [201, 201, 413]
    assert client.put("/api/sets/two/0.png", content=png(picture)).status_code == 413
    assert len(list(place.sets.rglob("*.png"))) == 2


def test_a_request_that_is_too_long_is_refused(client_of, place):
    client = limited(client_of, place, text_bytes=100)
    assert client.post("/api/explain", content=b" " * 200).status_code == 413


def test_a_broken_picture_fails_alone(client, place, picture):
    whole = png(picture)
    codes = [
        client.put(f"/api/photos/{name}", content=content).status_code
        for name, content in {
            "a.png": whole,
            "b.png": whole[: len(whole) // 2],
            "c.png": b"<svg>",
            "d.png": whole,
        }.items()
    ]
    assert codes == [201, 400, 400, 201]
    assert sorted(path.name for path in place.photos.iterdir()) == ["a.png", "d.png"]


def test_nothing_is_left_of_what_a_client_did_not_send_to_its_end(tmp_path):
    async def cut():
        yield b"the first part"
        raise ConnectionError

    with ThreadPoolExecutor() as pool, pytest.raises(ConnectionError):  # this thread may have a loop already
        pool.submit(lambda: asyncio.run(received(cut(), None, 1000, tmp_path, "a.png"))).result()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["..%2F..%2Fevil.png", "%2e%2e", "..%5Cevil.png", "%00.png", "%2Fetc%2Fpasswd"])
def test_no_path_leads_out_of_the_folder(client, place, picture, name):
    before = sorted(place.folder.parent.rglob("*"))
    answers = [
        client.put(f"/api/photos/{name}", content=png(picture)),
        client.put(f"/api/sets/{name}/a.png", content=png(picture)),
    ]
    after = [path for path in place.folder.parent.rglob("*") if path not in before]
    assert all(path.is_relative_to(place.photos) or path.is_relative_to(place.sets) for path in after)
    assert all(answer.status_code in (201, 400, 404) for answer in answers)
    for kind in ("photos", "banks", "explanations", "masks"):
        assert client.get(f"/api/{kind}/{name}").status_code in (400, 404)


def test_a_link_that_leads_elsewhere_is_not_followed(client, place, tmp_path, picture):
    picture.save(tmp_path / "secret.png")
    (place.photos / "link.png").symlink_to(tmp_path / "secret.png")
    assert client.get("/api/photos/link.png").status_code == 404


@pytest.mark.slow
@settings(deadline=None)
@example("a" * 119 + " b")
@given(st.text(max_size=200))
def test_a_tidy_name_is_a_name_in_any_folder(name):
    try:
        plain = tidy(name)
    except Refusal:
        return
    assert tidy(plain) == plain
    assert not set(plain) & set("/\\:\0") and not plain.startswith(".") and 0 < len(plain.encode()) <= LONGEST


def test_what_is_not_there_is_missing(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "beside").mkdir()
    for name in ("", ".", "..", "../beside", "nothing", "a/b"):
        with pytest.raises(Missing):
            within(tmp_path / "folder", name)
