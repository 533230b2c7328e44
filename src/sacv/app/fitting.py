"""Fit a concept from concept images or painted regions as a draft, and save drafts to banks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sacv.app.explaining import part_of
from sacv.app.grouping import groups_of
from sacv.app.http_errors import Refusal
from sacv.app.jobs import Progress
from sacv.app.names import within
from sacv.app.workspace import DRAFT, Workplace, listed
from sacv.cav import fit, merge
from sacv.concepts import Region
from sacv.model import VisionModel


@dataclass(frozen=True)
class Recipe:
    """The material of a concept."""

    concept: str
    shown: str | None
    """The set of concept images; None if the concept is painted on photos."""
    random: Sequence[str]
    context: Sequence[str]
    absent: Sequence[str]
    """Sets of random images, of context images, and of absent images."""
    layers: Sequence[str]
    groups: str | None
    """A regular expression whose match in a file name is the group; None without groups."""


def fit_concept(model: VisionModel, workspace: Workplace, recipe: Recipe, progress: Progress) -> dict[str, Any]:
    """Fit a concept and store it as a draft.

    Return the name of the draft. Raises the errors of `sacv.fit`.
    """
    folder = workspace.draft(recipe.concept)
    region = painted_region(workspace, recipe.concept) if recipe.shown is None else None
    bank = fit(
        model,
        list(recipe.layers),
        {} if recipe.shown is None else {recipe.concept: workspace.named_set(recipe.shown)},
        [workspace.named_set(name) for name in recipe.random],
        regions=None if region is None else {recipe.concept: region},
        absent=[workspace.named_set(name) for name in recipe.absent] or None,
        context=[workspace.named_set(name) for name in recipe.context] or None,
        groups=None if recipe.groups is None else file_groups(workspace, recipe, recipe.groups),
        progress=progress,
    )
    bank.save(folder)
    return {"bank": DRAFT + folder.name}


def file_groups(workspace: Workplace, recipe: Recipe, pattern: str) -> Callable[[str], str | None]:
    """Return a function from the path of a file of the recipe to its group, by its name alone.

    Raises the errors of `groups_of`.
    """
    shown = [] if recipe.shown is None else [recipe.shown]
    named = [*shown, *recipe.random, *recipe.context, *recipe.absent]
    files = {name for one in named for name in listed(workspace.named_set(one))} | set(listed(workspace.photos))
    found = groups_of(pattern, sorted(files))
    return lambda path: found.get(Path(path).name)


def painted_region(workspace: Workplace, concept: str) -> Region:
    """Return the photos on which a concept is painted, with its masks."""
    painted = workspace.painted(concept)
    present = {path.name for path in workspace.photos.iterdir()}
    photos = [workspace.photos / name for name in painted.photos() if name in present]
    if not photos:
        raise Refusal(f"{concept!r} is painted on no photo; paint it on two or more")
    return Region(photos, painted.path)


def save_draft(workspace: Workplace, draft: str, name: str, *, instead: bool) -> dict[str, Any]:
    """Save a draft as a bank, or together with the bank of that name.

    The bank that the app was started with is never changed: a bank saved under its name is a copy in the folder, with
    its concepts.

    `instead` replaces a concept of the same name. Return the name of the bank. Raises the errors of `sacv.merge`, if
    the draft and the bank do not match.
    """
    if not draft.startswith(DRAFT):
        raise Refusal(f"{draft!r} is not a draft")
    folder, made = workspace.saved(name), workspace.bank(draft)
    if name in workspace.bank_names():
        before = workspace.bank(name)
        again = sorted(set(before.concepts) & set(made.concepts))
        if again and not instead:
            raise Refusal(
                f"the bank {name!r} already has a concept {again[0]!r}; replace it, or save to a bank of another name"
            )
        others = [concept for concept in before.concepts if concept not in again]
        made = merge([part_of(before, others), made]) if others else made
    made.save(folder)
    for path in within(workspace.drafts, draft.removeprefix(DRAFT)).iterdir():
        path.unlink()
    within(workspace.drafts, draft.removeprefix(DRAFT)).rmdir()
    return {"bank": name}
