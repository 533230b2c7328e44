"""`Study`: the content of a study file, checked key by key.

The file is TOML. Its tables are `[model]`, `[data]`, `[concepts]`, `[fit]`, `[targets]`, `[questions]` and `[report]`
(docs/study.md); the keys have the names and the forms of the command line's options. Paths are relative to the file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sacv.errors import OptionError

Check: TypeAlias = Callable[[Any, str], None]

IMAGES_PER_CLASS = 4
"""Images of each class in the report, by default."""

MOST_IMAGES = 24
"""Most images of each class, so that the report of an explanation shows all of them."""

TITLE = "A study of concepts"


@dataclass(frozen=True)
class ConceptSource:
    """A concept of a study: values of a column, whole images, or images with masks."""

    column: str | None = None
    """`COLUMN:VALUE[,VALUE]` of the table."""
    images: tuple[str, ...] = ()
    """Folders or files, for a concept that is not in the table."""
    masks: str | None = None
    """Masks of the concept in the images; None if whole images show it."""


@dataclass(frozen=True)
class Study:
    """The content of a study file.

    Parameters
    ----------
    path, text
        The file and its text.
    model
        Of `[model]`: spec, weights, class_names, resize, crop, layouts, output, window.
    table, images, key, rows, within, group, strata, random, skip_unreadable
        Of `[data]`.
    concepts
        By name.
    fit
        Of `[fit]`: layers, solver, runs, nulls, folds, locations, match, where given.
    seed
        Of everything that is drawn.
    targets, against
        Of `[targets]`.
    classes, values
        Of `[questions]`: the column whose values are the classes, and those that are scored; all if empty.
    title, question, images_per_class
        Of `[report]`.
    """

    path: Path
    text: str
    model: Mapping[str, Any]
    table: str
    images: str
    key: str | None
    rows: tuple[str, ...]
    within: str | None
    group: str | None
    strata: tuple[str, ...]
    random: tuple[str, ...]
    skip_unreadable: bool
    concepts: Mapping[str, ConceptSource]
    fit: Mapping[str, Any]
    seed: int
    targets: tuple[str, ...]
    against: str | None
    classes: str | None
    values: tuple[str, ...]
    title: str
    question: str
    images_per_class: int

    def placed(self, text: str) -> str:
        """Return a path of the file relative to the working directory; URLs and absolute paths are unchanged."""
        return text if "://" in text or Path(text).is_absolute() else str(self.path.parent / text)


def read_study(path: str | Path) -> Study:
    """Read and check a study file.

    Raises
    ------
    OptionError
        If it cannot be read, lacks a key, has one that is not known, or one of another form; it names the key.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise OptionError(
            f"{path} cannot be read: {error.strerror or error}; write one with sacv study --init"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"{path} is not a TOML file: {error}") from error
    try:
        return _study(path, text, content)
    except ValueError as error:
        raise OptionError(f"{path}: {error}") from error


def _study(path: Path, text: str, content: Mapping[str, Any]) -> Study:
    required, optional = _tables()
    _record(content, "", dict.fromkeys(("model", "data", "concepts", "fit", "targets"), _anything), {
        "questions": _anything, "report": _anything,
    })  # fmt: skip
    for name, value in content.items():
        if name != "concepts":
            _record(value, name, required[name], optional[name])
    data, targets = content["data"], content["targets"]
    questions, report = content.get("questions", {}), content.get("report", {})
    fit = {name: value for name, value in content["fit"].items() if name != "seed"}
    return Study(
        path=path,
        text=text,
        model=content["model"],
        table=data["table"],
        images=data["images"],
        key=data.get("key"),
        rows=_listed(data.get("rows")),
        within=data.get("within"),
        group=data.get("group"),
        strata=_listed(data.get("strata")),
        random=_listed(data.get("random")),
        skip_unreadable=data.get("skip_unreadable", False),
        concepts=_concepts(content["concepts"]),
        fit=fit | {"layers": _listed(fit["layers"])},
        seed=content["fit"].get("seed", 0),
        targets=_listed(targets["target"]),
        against=targets.get("against"),
        classes=questions.get("classes"),
        values=_listed(questions.get("values")),
        title=report.get("title", TITLE),
        question=report.get("question", ""),
        images_per_class=report.get("pictures", IMAGES_PER_CLASS),
    )


def _tables() -> tuple[dict[str, dict[str, Check]], dict[str, dict[str, Check]]]:
    """Return the checks of the required keys of each table, and of the optional keys."""
    from sacv.cav.field_checks import table, text, truth, whole

    required: dict[str, dict[str, Check]] = {
        "model": {"spec": text},
        "data": {"table": text, "images": text},
        "fit": {"layers": _texts},
        "targets": {"target": _texts},
        "questions": {"classes": text},
        "report": {},
    }
    optional: dict[str, dict[str, Check]] = {
        "model": {
            "weights": text, "class_names": text, "resize": _size, "crop": whole(1), "layouts": table(text),
            "output": text, "window": text,
        },
        "data": {
            "key": text, "rows": _texts, "within": text, "group": text, "strata": _texts, "random": _texts,
            "skip_unreadable": truth,
        },
        "fit": {
            "solver": text, "runs": whole(1), "nulls": whole(0), "folds": whole(2), "locations": whole(1),
            "seed": whole(0), "match": truth,
        },
        "targets": {"against": text},
        "questions": {"values": _texts},
        "report": {"title": text, "question": text, "pictures": _image_count},
    }  # fmt: skip
    return required, optional


def _record(value: Any, where: str, required: Mapping[str, Check], optional: Mapping[str, Check]) -> None:
    from sacv.cav.field_checks import inside, record, refuse

    if not isinstance(value, dict):
        refuse(value, where, "a table")
    known = [*required, *optional]
    for name in value:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; the nearest is {near[0]!r}" if near else ""
            raise ValueError(f"{inside(where, name)} is no key of a study{meant}; the keys are {', '.join(known)}")
    record(required, optional)(value, where)


def _concepts(value: Any) -> dict[str, ConceptSource]:
    from sacv.cav.field_checks import inside, refuse, text

    if not isinstance(value, dict) or not value:
        refuse(value, "concepts", 'a table of one or more, such as veil = "blue_whitish_veil:P"')
    found = {}
    for name, given in value.items():
        where = inside("concepts", name)
        if isinstance(given, str):
            found[name] = ConceptSource(column=given)
        elif isinstance(given, dict):
            _record(given, where, {"images": _texts}, {"masks": text})
            images = _listed(given["images"])
            if "masks" in given and len(images) > 1:
                refuse(given["images"], f"{where}.images", "one folder or file, as masks are given")
            found[name] = ConceptSource(images=images, masks=given.get("masks"))
        else:
            refuse(given, where, '"COLUMN:VALUE,VALUE", { images = DIR } or { images = DIR, masks = DIR }')
    return found


def _anything(value: Any, where: str) -> None:
    """Accept a value that is checked elsewhere."""


def _texts(value: Any, where: str) -> None:
    from sacv.cav.field_checks import refuse

    entries = [value] if isinstance(value, str) else value
    if not isinstance(entries, list) or not entries or not all(isinstance(one, str) and one for one in entries):
        refuse(value, where, "a text or a list of texts")


def _size(value: Any, where: str) -> None:
    from sacv.cav.field_checks import refuse

    if isinstance(value, bool) or not isinstance(value, str | int):
        refuse(value, where, 'HEIGHTxWIDTH, such as "224x224", or one number')


def _image_count(value: Any, where: str) -> None:
    from sacv.cav.field_checks import refuse

    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_IMAGES:
        refuse(value, where, f"a whole number from 0 to {MOST_IMAGES}")


def _listed(value: Any) -> tuple[str, ...]:
    found: Sequence[str] = [] if value is None else [value] if isinstance(value, str) else value
    return tuple(found)
