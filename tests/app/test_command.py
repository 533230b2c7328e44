"""`sacv app` on the command line."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from sacv.cli import main
from sacv.cli.console import USER_ERROR


def failure(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["app", *map(str, arguments)])
    assert left.value.code == USER_ERROR
    return capsys.readouterr().err


def test_without_the_extra_the_install_line_is_told(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'sacv[app]'" in failure(capsys)


def test_a_bank_brings_its_own_size_of_pictures(capsys, demo_bank):
    assert "leave out --resize and --crop" in failure(capsys, "--bank", demo_bank, "--crop", 64)


def test_a_folder_that_cannot_be_made_is_told(capsys, tmp_path):
    pytest.importorskip("uvicorn", reason="the extra 'app' is not installed")
    (tmp_path / "file").write_text("")
    assert "give another with --folder" in failure(capsys, "--folder", tmp_path / "file")


def test_a_port_that_is_taken_is_told(capsys, tmp_path):
    pytest.importorskip("uvicorn", reason="the extra 'app' is not installed")
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "name another with --port" in failure(
            capsys, "--port", taken.getsockname()[1], "--folder", tmp_path / "a"
        )


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(tmp_path, demo_bank):
    pytest.importorskip("uvicorn", reason="the extra 'app' is not installed")
    command = [
        sys.executable,
        "-m",
        "sacv",
        "app",
        "--bank",
        demo_bank,
        "--no-browser",
        "--port",
        "0",
        "--host",
        "0.0.0.0",
    ]
    running = subprocess.Popen([*command, "--folder", tmp_path / "made"], stdout=subprocess.PIPE, text=True)
    try:
        assert "not encrypted" in running.stdout.readline()
        address = re.search(r"http://\S+", running.stdout.readline())[0]
        token = address.partition("?token=")[2]
        port = re.search(r":(\d+)/", address)[1]
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/state", headers={"authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(asked) as answer:
            state = json.load(answer)
        assert [bank["name"] for bank in state["banks"]] == ["given"] and state["banks"][0]["concepts"] == ["striped"]
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
        running.stdout.close()
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "banks", "drafts", "explanations", "masks", "photos", "sets",
    ]  # fmt: skip
