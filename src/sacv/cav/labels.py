"""Check the fields of `bank.json`, so that an edited or damaged bank is rejected when it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sacv.cav.checksums import FIELD, FILES
from sacv.cav.field_checks import each, kind, number, optional, record, refuse, table, text, truth, whole
from sacv.cav.image_statistics import STATISTICS
from sacv.cav.presence import KINDS
from sacv.model import PRECISIONS, ImageTransform
from sacv.solvers import UnitLength, rebuild, rebuilds

_share, _cosine = number(0, 1), number(-1, 1)
_pairs = each(each(text, 2))
_shares = each(_share, 2)

_transform = record(
    {
        "resize": lambda value, where: (each(whole(1), 2) if isinstance(value, list) else whole(1))(value, where),
        "crop": optional(whole(1)),
        "mean": each(number(), 3),
        "std": each(number(above=0), 3),
    }
)


def _window(value: Any, where: str) -> None:
    record({"low": number(), "high": number()})(value, where)
    if not value["low"] < value["high"]:
        refuse(value, where, "a window with low below high")


def _interval(value: Any, where: str) -> None:
    _shares(value, where)
    if value[0] > value[1]:
        refuse(value, where, "a lower end followed by an upper end")


def _presence_kind(value: Any, where: str) -> None:
    if value not in KINDS:
        refuse(value, where, f"one of {', '.join(KINDS)}")


def _solver(value: Any, where: str) -> None:
    record({"name": text, "parameters": kind(dict, "a table")})(value, where)
    if value["name"] == UnitLength.__name__:
        inside = record({"solver": _solver}, {"smoothing": number(0)})
        inside(value["parameters"], f"{where}.parameters")
    elif rebuilds(value):  # the parameters of a solver that a user defined are not known
        try:
            rebuild(value)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{where}.parameters is {value['parameters']}, which is not legal for the solver: {error}"
            ) from error


def _unit(value: Any, where: str) -> None:
    fields = {"name": text, "digest": text, "looks": each(number(), len(STATISTICS))}
    record(fields, {"count": whole(1), "group": _group, "groups": whole(1), "strata": _pairs})(value, where)
    most = value.get("count", 1)
    if value.get("groups", most) > most:
        refuse(value["groups"], f"{where}.groups", f"at most as many as its {most} images")


def _group(value: Any, where: str) -> None:
    text(value, where)
    if not value:
        refuse(value, where, "the name of a group")


_set = record(
    {
        "concept": optional(text),
        "images": each(_unit),
        "regions": truth,
        "skipped": _pairs,
        "repeats": _pairs,
    },
    {
        "negatives": whole(),
        "unused": whole(),
        "unmatched": whole(),
        "rest": truth,
        "joined": text,
        "joined_groups": text,
        "missing": whole(),
        "unpaired": whole(),
    },
)

_stratum = record(
    {"value": text, "images": whole(), "others": whole(), "auroc": optional(_share), "interval": optional(_interval)}
)

_association = record(
    {
        "column": text,
        "cramers_v": _share,
        "interval": _interval,
        "strata": each(_stratum, least=1),
        "auroc": optional(_share),
        "auroc_interval": optional(_interval),
    }
)

_quality = record(
    {
        **dict.fromkeys(("accuracy", "auroc", "image_accuracy", "image_auroc"), _share),
        **dict.fromkeys(("accuracy_interval", "auroc_interval"), _interval),
        **dict.fromkeys(("images", "random_images"), whole(1)),
        **dict.fromkeys(("locations", "random_locations"), number(above=0)),
        "run_cosine": optional(_cosine),
        "looks_auroc": table(number(0.5, 1), least=1),
        "cosine": table(_cosine),
        "conditional_auroc": table(_share),
        "absent": each(text),
    },
    {
        "place_auroc": optional(_share),
        "groups": whole(1),
        "random_groups": whole(1),
        "strata": each(_association),
        "image_score_auroc": _share,
        "image_score_interval": _interval,
    },
)

_cav = record(
    {
        "layer": text,
        "concept": text,
        "threshold": number(),
        "separation": number(above=0),
        "quality": _quality,
        "null": text,
        "statistics": table(number()),
    },
    {
        "presence": record({"kind": _presence_kind, "offered": whole()}, {"negatives": whole()}),
        "image_scores": record({"pictures": whole(2), "left_out": whole()}),
    },
)

_context = record(
    {
        "photos": _pairs,
        "composites": each(record({"photo": text, "textures": each(text), "seed": whole()})),
        "evidence": each(
            record(
                {
                    "layer": text,
                    "concept": text,
                    "composites": whole(),
                    "part": _shares,
                    "gain_low": number(),
                    "full": _shares,
                    "pasted": _share,
                },
                {"taken": truth},
            )
        ),
        "too_few": each(text),
        "skipped": _pairs,
    }
)

_within = record(
    {
        "digest": text,
        "pictures": whole(1),
        **dict.fromkeys(("mean", "least", "greatest"), _share),
        "median": optional(_share),
        "compared": each(
            record({"layer": text, "concept": text, "inside": _share, "whole": _share, "cosine": _cosine})
        ),
    }
)


def _precision(value: object, where: str) -> None:
    if value not in PRECISIONS:
        refuse(value, where, f"one of {', '.join(PRECISIONS)}")


_bank = record(
    {
        "model": record(
            {
                "spec": optional(text),
                "kind": text,
                "fingerprint": text,
                "transform": optional(_transform),
                "class_names": optional(each(text)),
            },
            {"layouts": table(text), "window": optional(_window), "precision": _precision},
        ),
        "layers": table(record({"layout": text, "grid": each(whole(1), least=1), "channels": whole(1)}), least=1),
        "solver": _solver,
        "seed": whole(),
        "folds": whole(2),
        "locations": whole(1),
        "runs": whole(1),
        "nulls": whole(),
        "cavs": each(_cav, least=1),
        "sets": each(_set, least=2),
    },
    {
        "rests": each(_set),
        "absent": _set,
        "context": optional(_context),
        "within": _within,
        FIELD: record(dict.fromkeys(FILES, text)),
    },
)


def check_labels(labels: Mapping[str, Any]) -> None:
    """Check the fields of `bank.json`, and that their names are consistent."""
    _bank(labels, "")
    if labels["model"]["transform"] is not None:
        ImageTransform.from_json(labels["model"]["transform"])
    *concepts, last = (entry["concept"] for entry in labels["sets"])
    if None in concepts or len(set(concepts)) < len(concepts) or last is not None:
        refuse([*concepts, last], "sets[].concept", "different names, followed by null for the random set")
    rests = [entry["concept"] for entry in labels.get("rests", ())]
    if not set(rests) <= set(concepts) or len(set(rests)) < len(rests):
        refuse(rests, "rests[].concept", f"different names out of {concepts}")
    if labels.get("absent", {}).get("concept") is not None:
        refuse(labels["absent"]["concept"], "absent.concept", "null")
    wanted = {(layer, concept) for layer in labels["layers"] for concept in concepts}
    for index, cav in enumerate(labels["cavs"]):
        where, quality = f"cavs[{index}]", cav["quality"]
        if (cav["layer"], cav["concept"]) not in wanted:
            pair = f"{cav['layer']}/{cav['concept']}"
            refuse(pair, f"{where}.layer/concept", "a layer and a concept of the bank without another CAV")
        wanted.remove((cav["layer"], cav["concept"]))
        for name, most in (("groups", quality["images"]), ("random_groups", quality["random_images"])):
            if not quality.get(name, most) <= most or ("groups" in quality) != (name in quality):
                refuse(quality.get(name), f"{where}.quality.{name}", f"given for both sets or none, at most {most}")
        for name in ("image_score_auroc", "image_score_interval"):
            if (name in quality) != ("image_scores" in cav):
                refuse(quality.get(name), f"{where}.quality.{name}", "given if and only if the CAV has image_scores")
        for name in ("cosine", "conditional_auroc"):
            if set(quality[name]) != set(concepts) - {cav["concept"]}:
                refuse(list(quality[name]), f"{where}.quality.{name}", "the names of the other concepts")
    if wanted:
        raise ValueError(f"cavs lacks {', '.join('/'.join(pair) for pair in sorted(wanted))}")
    for index, entry in enumerate((labels.get("context") or {"evidence": ()})["evidence"]):
        if entry["layer"] not in labels["layers"] or entry["concept"] not in concepts:
            pair = f"{entry['layer']}/{entry['concept']}"
            refuse(pair, f"context.evidence[{index}].layer/concept", "a layer and a concept of the bank")
