"""Make a concept, of concept images or of painted regions, as a draft; and save drafts to banks."""

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
    """What a concept is made of.

    Parameters
    ----------
    concept
        Its name.
    shown
        The set of images that show it; none where it is painted on photos.
    random, context, absent
        Sets that do not show it, sets of photos that textures are pasted into, and sets for the presence mask alone.
    layers
        Where it is fitted.
    groups
        A regular expression of the names of files that belong together; none where each stands alone.
    """

    concept: str
    shown: str | None
    random: Sequence[str]
    context: Sequence[str]
    absent: Sequence[str]
    layers: Sequence[str]
    groups: str | None


def fit_concept(model: VisionModel, place: Workplace, recipe: Recipe, progress: Progress) -> dict[str, Any]:
    """Fit a concept and keep it as a draft.

    Returns
    -------
    The name of the draft.

    Raises
    ------
    SacvError
        As `sacv.fit` raises it.
    """
    folder = place.draft(recipe.concept)
    region = painted_region(place, recipe.concept) if recipe.shown is None else None
    bank = fit(
        model,
        list(recipe.layers),
        {} if recipe.shown is None else {recipe.concept: place.named_set(recipe.shown)},
        [place.named_set(name) for name in recipe.random],
        regions=None if region is None else {recipe.concept: region},
        absent=[place.named_set(name) for name in recipe.absent] or None,
        context=[place.named_set(name) for name in recipe.context] or None,
        groups=None if recipe.groups is None else file_groups(place, recipe, recipe.groups),
        progress=progress,
    )
    bank.save(folder)
    return {"bank": DRAFT + folder.name}


def file_groups(place: Workplace, recipe: Recipe, pattern: str) -> Callable[[str], str | None]:
    """Return what finds the group of a file of the recipe, by its name alone.

    Raises
    ------
    SacvError
        As `groups_of` raises it.
    """
    shown = [] if recipe.shown is None else [recipe.shown]
    named = [*shown, *recipe.random, *recipe.context, *recipe.absent]
    files = {name for one in named for name in listed(place.named_set(one))} | set(listed(place.photos))
    found = groups_of(pattern, sorted(files))
    return lambda path: found.get(Path(path).name)


def painted_region(place: Workplace, concept: str) -> Region:
    """Return the photos that a concept is painted on, with its masks.

    Raises
    ------
    Refusal
        If there are none.
    """
    painted = place.painted(concept)
    there = {path.name for path in place.photos.iterdir()}
    photos = [place.photos / name for name in painted.photos() if name in there]
    if not photos:
        raise Refusal(f"{concept!r} is painted on no photo; paint it on two or more")
    return Region(photos, painted.path)


def save_draft(place: Workplace, draft: str, name: str, *, instead: bool) -> dict[str, Any]:
    """Save a draft as a bank, or together with the bank of that name.

    The bank that the app was started with is never written to: what is saved under its name lies in the folder, with
    its concepts.

    Parameters
    ----------
    draft, name
        Of the draft and of the bank.
    instead
        Take the place of a concept of the same name.

    Returns
    -------
    The name of the bank.

    Raises
    ------
    SacvError
        As `sacv.merge` raises it, where the two do not go together.
    """
    if not draft.startswith(DRAFT):
        raise Refusal(f"{draft!r} is no draft")
    folder, made = place.saved(name), place.bank(draft)
    if name in place.bank_names():
        before = place.bank(name)
        again = sorted(set(before.concepts) & set(made.concepts))
        if again and not instead:
            raise Refusal(
                f"the bank {name!r} has a concept {again[0]!r} already; replace it, or save to a bank of another name"
            )
        others = [concept for concept in before.concepts if concept not in again]
        made = merge([part_of(before, others), made]) if others else made
    made.save(folder)
    for path in within(place.drafts, draft.removeprefix(DRAFT)).iterdir():
        path.unlink()
    within(place.drafts, draft.removeprefix(DRAFT)).rmdir()
    return {"bank": name}
