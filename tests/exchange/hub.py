"""A stand-in of the Hugging Face Hub: repositories are folders, and every call must fit the real signature."""

import inspect
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id


def fits(function, *given, **named):
    """Check a call against the signature of the installed package."""
    inspect.signature(function).bind(*given, **named)


class ConnectionRefused(Exception):
    """As of httpx, whose errors are no OSError."""


class LocalHub:
    """Takes the place of `HfApi` and `snapshot_download`."""

    def __init__(self, root: Path) -> None:
        self.root, self.private, self.tokens, self.down = root, {}, [], False

    def install(self, monkeypatch):
        monkeypatch.setattr(huggingface_hub, "snapshot_download", self.snapshot_download)
        monkeypatch.setattr(huggingface_hub, "HfApi", self.api)
        return self

    def api(self, **named):
        fits(_API, **named)
        self.tokens.append(named["token"])
        return SimpleNamespace(create_repo=self.create_repo, upload_folder=self.upload_folder)

    def create_repo(self, repo_id, **named):
        fits(_API.create_repo, None, repo_id, **named)
        validate_repo_id(repo_id)
        if self.down:
            raise ConnectionRefused("[Errno -2] Name or service not known")
        if not (self.root / repo_id).exists():
            (self.root / repo_id).mkdir(parents=True)
            self.private[repo_id] = named["private"]

    def upload_folder(self, **named):
        fits(_API.upload_folder, None, **named)
        for name in named["allow_patterns"]:
            shutil.copy(Path(named["folder_path"]) / name, self.root / named["repo_id"] / name)
        return SimpleNamespace(commit_url=f"https://huggingface.co/{named['repo_id']}/commit/1")

    def snapshot_download(self, repo_id, **named):
        fits(_DOWNLOAD, repo_id, **named)
        validate_repo_id(repo_id)
        if not (self.root / repo_id).exists() or named["revision"] not in (None, "main"):
            response = SimpleNamespace(headers={}, status_code=404, request=None)
            raise RepositoryNotFoundError("404 Client Error.\n\nRepository Not Found", response=response)
        return str(self.root / repo_id)


_API, _DOWNLOAD = huggingface_hub.HfApi, huggingface_hub.snapshot_download
