"""The app on the network that ships: in process, and as a server for a browser."""

import io
import socket
import threading
import time

import pytest

import sacv
from sacv.app.layers import Layers
from sacv.synthetic.scenes import write_textures

LAYER = "blocks.2"


@pytest.fixture(scope="session")
def demo_model():
    return sacv.load_model("demo")


@pytest.fixture(scope="session")
def textures(tmp_path_factory):
    """Folders of textures, by name."""
    folder = tmp_path_factory.mktemp("textures")
    for name, count in (("striped", 12), ("dotted", 10), ("plain", 10)):
        write_textures(folder / name, name, count, seed=0)
    return {name: folder / name for name in ("striped", "dotted", "plain")}


@pytest.fixture(scope="session")
def demo_bank(demo_model, textures, tmp_path_factory):
    """The folder of a bank that knows "striped"."""
    folder = tmp_path_factory.mktemp("banks") / "given"
    random = [textures["dotted"], textures["plain"]]
    sacv.fit(demo_model, [LAYER], {"striped": textures["striped"]}, random, nulls=19, runs=2).save(folder)
    return folder


@pytest.fixture(scope="session")
def demo_layers(demo_model):
    return Layers(demo_model)


@pytest.fixture
def layers_found(demo_layers, monkeypatch):
    """Every app takes the layers of the demo network as they were found once."""
    pytest.importorskip("starlette", reason="the extra 'app' is not installed")
    monkeypatch.setattr("sacv.app.routes.Layers", lambda model: demo_layers)


@pytest.fixture
def place(tmp_path, demo_bank):
    pytest.importorskip("starlette", reason="the extra 'app' is not installed")
    from sacv.app.workspace import Workplace

    return Workplace(tmp_path / "work", demo_bank)


@pytest.fixture
def client_of(demo_model, layers_found):
    """Give a client of the app on a folder; it is closed at the end."""
    pytest.importorskip("starlette", reason="the extra 'app' is not installed")
    from starlette.testclient import TestClient

    from sacv.app.server import application

    opened = []

    def client(place, host="127.0.0.1", token=None, base="http://127.0.0.1:8765"):
        one = TestClient(application(demo_model, place, host, token), base_url=base, follow_redirects=False)
        opened.append(one.__enter__())
        return one

    yield client
    for one in opened:
        one.__exit__(None, None, None)


@pytest.fixture
def client(client_of, place):
    return client_of(place)


def result_of(client, job, patience=60):
    """Wait for a piece of work, and give how it ended."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        status = client.get(f"/api/jobs/{job['number']}").json()
        if status["state"] in ("done", "failed", "cancelled"):
            return status
        time.sleep(0.02)
    raise AssertionError(f"still {status['state']}")


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def served(place, demo_model, layers_found):
    """The address of a server on the folder."""
    import uvicorn

    from sacv.app.server import application

    opened = socket.socket()
    opened.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(demo_model, place, "127.0.0.1", None), log_level="warning"))
    thread = threading.Thread(target=lambda: server.run(sockets=[opened]), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{opened.getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)
    opened.close()
