"""Who is served: this app's own page on this machine, or who shows the token."""

import re
from importlib.resources import files

import pytest

ADDRESS = "http://127.0.0.1:8765"


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_names_of_this_machine_are_served(client, host):
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.168.0.7", "", "["]
)
def test_other_names_are_refused(client, host):
    assert client.get("/", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/state"), ("POST", "/api/explain"), ("PUT", "/api/photos/a")]
)
def test_other_origins_are_refused(client, place, origin, method, path):
    answer = client.request(method, path, headers={"origin": origin}, content=b"{}")
    assert answer.status_code == 403
    assert not list(place.photos.iterdir())


def test_the_own_origin_is_served(client):
    assert client.get("/api/state", headers={"origin": ADDRESS, "sec-fetch-site": "same-origin"}).status_code == 200


def test_another_site_may_lead_to_the_page_and_to_nothing_else(client):
    there = {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers=there).status_code == 200
    assert client.get("/api/state", headers=there).status_code == 403


def test_beyond_loopback_everything_needs_the_token(client_of, place):
    client = client_of(place, "0.0.0.0", "secret", "http://192.168.0.7:8765")
    for path in ("/", "/api/state", "/static/app.js", "/?token=wrong", "/?token="):
        assert client.get(path).status_code == 401
    assert client.put("/api/photos/a.png", content=b"x").status_code == 401
    assert client.get("/api/state", headers={"authorization": "Bearer secret"}).status_code == 200
    answer = client.get("/?token=secret")
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    assert "HttpOnly" in answer.headers["set-cookie"] and "SameSite=strict" in answer.headers["set-cookie"]
    assert client.get("/api/state").status_code == 200  # the client holds the cookie
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421


def test_every_answer_says_what_the_page_may_do(client):
    for path in ("/", "/api/state", "/viewer/element.js", "/nothing", "/api/photos/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';") and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/", headers={"host": "evil.example"}).headers["content-security-policy"] == policy


def test_the_page_holds_no_script_of_its_own_and_reads_no_name_as_markup():
    for file in (files("sacv.app") / "static").iterdir():
        text = file.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", text), file
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=|https?://(?!www\.w3\.org)", text), file


@pytest.mark.parametrize("name", ["../server.py", "..%2fserver.py", "%2e%2e%2fserver.py", "nothing.js"])
def test_only_the_files_of_the_page_are_given(client, name):
    assert client.get(f"/static/{name}").status_code == client.get(f"/viewer/{name}").status_code == 404


def test_no_request_names_a_model(client):
    """What is asked is of the fields that there are; a model is none of them."""
    fields = {"tab": "t", "photos": ["nothing.png"], "bank": "given", "targets": ["striped"], "model": "evil.py:load"}
    assert client.post("/api/explain", json=fields).status_code == 404  # of the photo
    assert client.get("/api/state").json()["model"] == "demo"
