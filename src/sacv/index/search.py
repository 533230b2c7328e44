"""`search`: where any number of images show the concepts of a bank most, or resemble a location of an image."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain, count, islice
from pathlib import Path

import torch

from sacv.cav import ConceptBank, require_strong
from sacv.cav.within import without_masks
from sacv.concepts import ImageItem, Skipped, Source, count_images, stream_images
from sacv.engine import Engine, LocalEngine, Shard, ShardStore
from sacv.errors import ImageSetError, OptionError, TargetError, UnreadableImageError
from sacv.index.queries import Like, make_query
from sacv.index.reducer import Batch, Search, State
from sacv.index.rows import RowWriter, row_writer, schema
from sacv.index.search_result import SearchResult, located, resembling
from sacv.model import VisionModel
from sacv.trust import advise

Progress = Callable[[int, int], None]
"""Called with the number of images done and of all."""

NAME = "the images to search"

ROW_GROUP = 4096
"""Images in a row group of the file; their rows are in memory until it is written."""

SHARD_IMAGES = 128
"""Least images of a shard; an interruption loses one shard at most."""


def search(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    *,
    top: int = 50,
    per_image: int = 3,
    like: Like | Sequence[Like] = (),
    layer: str | None = None,
    batch_size: int | None = None,
    allow_weak: bool = False,
    skip_unreadable: bool = False,
    engine: Engine | None = None,
    shards: ShardStore | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Find the images, and their locations, that show the bank's concepts most.

    The search finds, for every concept and layer, the images with the greatest relevance anywhere, each with its best
    locations, no two of which are neighbours. Each image has a row with its greatest relevance and its location. Rows
    are written to a file and images are read batch by batch, so memory does not grow with their number.

    Parameters
    ----------
    model
        The model that the bank was fitted with.
    images
        Files, folders, images, uint8 arrays or float tensors. Each has one row; images with the same content
        are listed once.
    bank
        The CAVs.
    top
        Images in each list.
    per_image
        Most locations of an image. The `top` greatest locations of all are among those listed.
    like
        Query locations: the search also finds the locations whose activations, after the bank's preprocessing, have
        the greatest cosine with theirs. Each is compared with every location of every image.
    layer
        Layer whose activations are compared; by default the first of the advice for location (`sacv.trust.advise`).
    allow_weak
        As in `sacv.explain`.
    batch_size, skip_unreadable, engine, shards
        As in `sacv.fit`.
    progress
        Called with the number of images done and of all.

    Raises
    ------
    OptionError
        If a number is below 1, or a location of `like` is outside its image.
    LayerError
        If the bank has no such layer, or a layer has another number of channels than in the bank.
    WeakConceptError, MismatchError, ImageError, ActivationError
        As `sacv.explain`.
    """
    bank.require(model)
    weak = require_strong(bank.cavs, allow_weak=allow_weak)
    for name, value in {"top": top, "per_image": per_image}.items():
        if value < 1:
            raise OptionError(f"{name} must be at least 1, not {value}")
    likes = [like] if isinstance(like, Like) else list(like)
    if layer is not None and not likes:
        raise OptionError(
            f"layer={layer!r} names the layer where activations are compared, but nothing is given as `like`"
        )
    if layer is not None:
        bank.cav(layer, bank.concepts[0])
    total, size = count_images(images), model.batch_size(batch_size)
    with model.frozen():
        inputs, stream = _first_inputs(model, stream_images(NAME, images, model.window), skip_unreadable)
        ranked = _ranked(model, bank, inputs)
        queries = tuple(make_query(model, bank, one, ranked[0] if layer is None else layer) for one in likes)
        reducer = Search(model, bank, queries, top, per_image, skip_unreadable)
        skipped: list[Skipped] = []
        batches = _batches(stream, size, skip_unreadable, skipped)
        chosen = LocalEngine() if engine is None else engine
        reported = _ProgressInImages(progress, size, total)
        folder = Path(tempfile.mkdtemp(prefix="sacv-search-"))
        try:
            parts = chosen.parts(reducer, _shards(batches, size), shards, reported.add)
            with row_writer(folder / "images.parquet", schema(bank), ROW_GROUP) as rows, closing(parts):
                state, images = _joined(reducer, parts, rows)
            reported.end()
            if not images:
                raise ImageSetError(
                    f"{NAME}: no image could be read; the first: {[*skipped, *state.skipped.values()][0].reason}"
                )
            skipped += [entry for _, entry in sorted(state.skipped.items())]
            return SearchResult(
                locations=located(state.best, model),
                like=resembling(queries, state.alike, model) if queries else None,
                rows_folder=folder,
                count=images,
                notes=tuple(_notes(bank, state, weak)),
                skipped=tuple(skipped),
                best=state.best,
                alike=dict(zip(queries, state.alike, strict=True)),
                ranked=ranked,
                bank=bank,
                model=model,
                settings={"top": top, "per_image": per_image},
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _joined(reducer: Search, parts: Iterator[State], rows: RowWriter) -> tuple[State, int]:
    """Join the parts, and write their rows as they come.

    Return the state, and the number of rows.
    """
    state, images = reducer.empty(), 0
    for part in parts:
        state = reducer.merge(state, part)
        images += state.images
        rows.write(state.take_rows())
    return state, images


class _ProgressInImages:
    """Reports progress in images, from counts of batches."""

    def __init__(self, progress: Progress | None, size: int, total: int) -> None:
        self._progress, self._size, self._total, self._batches = progress, size, total, 0

    def add(self, batches: int) -> None:
        self._batches += batches
        if self._progress is not None:
            self._progress(min(self._batches * self._size, self._total), self._total)

    def end(self) -> None:
        if self._progress is not None:
            self._progress(self._total, self._total)


def _first_inputs(
    model: VisionModel, stream: Iterator[ImageItem | Skipped], skip_unreadable: bool
) -> tuple[torch.Tensor, Iterator[ImageItem | Skipped]]:
    """Return the first image as an input, and the stream from its beginning."""
    before: list[ImageItem | Skipped] = []
    for item in stream:
        before.append(item)
        if isinstance(item, Skipped):
            if not skip_unreadable:
                break
            continue
        try:
            return model.inputs([item.load()]), chain(before, stream)
        except UnreadableImageError:
            if not skip_unreadable:
                raise
    unread = next((item.reason for item in before if isinstance(item, Skipped)), None)
    if unread is not None and not skip_unreadable:
        raise UnreadableImageError(_unreadable(unread))
    raise ImageSetError(f"{NAME}: no image could be read" + (f"; the first: {unread}" if unread else ""))


def _batches(
    stream: Iterator[ImageItem | Skipped], size: int, skip_unreadable: bool, skipped: list[Skipped]
) -> Iterator[Batch]:
    """Group images into batches; files that are not images are skipped if that is allowed."""
    start, items = 0, []
    for item in stream:
        if isinstance(item, Skipped):
            if not skip_unreadable:
                raise UnreadableImageError(_unreadable(item.reason))
            skipped.append(item)
            continue
        items.append(item)
        if len(items) == size:
            yield Batch(start, tuple(items))
            start, items = start + size, []
    if items:
        yield Batch(start, tuple(items))


def _shards(batches: Iterator[Batch], size: int) -> Iterator[Shard[Batch]]:
    """Group batches into shards of one size, so that images added at the end change no earlier shard."""
    each = -(-SHARD_IMAGES // size)
    for number in count():
        pieces = tuple(islice(batches, each))
        if not pieces:
            return
        yield Shard(number, pieces)


def _unreadable(reason: str) -> str:
    return f"{NAME}: {reason}. Remove it, or leave it out with --skip-unreadable (skip_unreadable=True)"


def _ranked(model: VisionModel, bank: ConceptBank, inputs: torch.Tensor) -> list[str]:
    """Return the layers in the order of the bank's advice for location; without logits, from deep to shallow."""
    try:
        return [advice.layer for advice in advise(model, bank, inputs)]
    except TargetError:
        order = list(model.survey(inputs))
        return sorted(bank.layers, key=order.index, reverse=True)


def _notes(bank: ConceptBank, state: State, weak: dict[tuple[str, str], tuple[str, ...]]) -> Iterator[str]:
    if bank.within is not None:
        yield without_masks(bank.within, "A search takes no masks: check whether the locations are inside.")
    for (layer, concept), reasons in weak.items():
        yield f"{concept!r} at {layer!r} is too weak to rely on: {', and '.join(reasons)}."
    for layer, grid in state.other_grids.items():
        if any(bank.cav(layer, concept).calibrated for concept in bank.concepts):
            yield (
                f"At {layer!r} presence was calibrated on a grid of {bank.layers[layer].grid}, and some images have "
                f"{grid}: it is missing for them. Search images of the size that the bank was fitted on."
            )
    for layer in bank.layers:
        for concept in bank.concepts:
            cav = bank.cav(layer, concept)
            if not cav.calibrated:
                yield f"Presence of {concept!r} at {layer!r} is not calibrated: {cav.calibration.description}."
