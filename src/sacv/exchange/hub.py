"""Banks on the Hugging Face Hub: a repository is the folder of a bank, with a card.

Nothing in a bank is pickled, and a pulled bank is checked as one on disk: its fields, its checksums, and, when
it is used, whether it belongs to the model.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sacv import optional
from sacv.cav import ConceptBank
from sacv.cav.checksums import FILES
from sacv.errors import OptionError, SacvError, StorageError
from sacv.exchange.model_card import card

README = "README.md"


def push_bank(
    bank: ConceptBank | str | Path,
    repo_id: str,
    *,
    private: bool = True,
    token: str | None = None,
    message: str = "Upload a concept bank",
) -> str:
    """Write a bank and its card to a repository of the Hub, which is created if it does not exist.

    A bank holds the paths of its images, the names of their groups and samples of their activations, which every
    reader of the repository sees.

    Parameters
    ----------
    bank
        The bank, or its folder.
    repo_id
        `USER/NAME`.
    private
        Whether a new repository is private. An existing one is unchanged.
    token
        Token of the Hub; by default the one of `hf auth login`.
    message
        Message of the commit.

    Returns
    -------
    The address of the commit.

    Raises
    ------
    MissingExtraError
        If huggingface_hub is not installed.
    OptionError
        If `repo_id` is no name of a repository.
    StorageError
        If the Hub refuses or cannot be reached.
    CorruptFileError
        If the folder is no bank, or damaged.
    """
    hub = optional.require("huggingface_hub", extra="hub")
    whole = bank if isinstance(bank, ConceptBank) else ConceptBank.load(bank)
    with tempfile.TemporaryDirectory(prefix="sacv-bank-") as made, _hub_errors(repo_id):
        folder = Path(made) / "bank"
        whole.save(folder)
        (folder / README).write_text(card(whole, repo_id), encoding="utf-8")
        api = hub.HfApi(token=token, library_name="sacv")
        api.create_repo(repo_id, repo_type="model", private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            repo_type="model",
            commit_message=message,
            allow_patterns=[*FILES, README],
        )
    return str(commit.commit_url)


def pull_bank(repo_id: str, *, revision: str | None = None, token: str | None = None) -> ConceptBank:
    """Read a bank from the Hub, or from the Hub's cache on this machine if that is current.

    Parameters
    ----------
    repo_id
        `USER/NAME`.
    revision
        A branch, a tag or a commit; by default the newest. Name a commit for a fixed bank.
    token
        Token of the Hub, for a private repository; by default the one of `hf auth login`.

    Raises
    ------
    MissingExtraError
        If huggingface_hub is not installed.
    OptionError
        If `repo_id` is no name of a repository.
    StorageError
        If there is no such repository or revision, or the Hub cannot be reached.
    CorruptFileError
        If the repository holds no bank, or a damaged one.
    """
    hub = optional.require("huggingface_hub", extra="hub")
    with _hub_errors(repo_id):
        folder = hub.snapshot_download(
            repo_id, repo_type="model", revision=revision, token=token, allow_patterns=list(FILES), library_name="sacv"
        )
    return ConceptBank.load(folder)


@contextmanager
def _hub_errors(repo_id: str) -> Iterator[None]:
    try:
        yield
    except SacvError:
        raise
    except ValueError as error:
        raise OptionError(f"{repo_id!r} is no repository of the Hub: {_line(error)}; give USER/NAME") from error
    except Exception as error:  # errors of the client and the network; their classes depend on its version
        raise StorageError(f"{repo_id} on the Hugging Face Hub: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
