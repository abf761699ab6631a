"""What several pages show alike: names, addresses, a rate with how it was made, a change in words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from models import Taxonomy
from models.taxonomy import Kind
from service.corrections.in_force import KINDS
from service.highlight import label_name
from service.rollups import WHOLE

METHODS = {
    "prediction_powered": (
        "audit",
        "corrected by a random audit of these comments (prediction-powered, PPI++)",
    ),
    "rogan_gladen": ("card", "corrected by the errors on the model's card (Rogan-Gladen)"),
    "tags": (
        "tags",
        "tags as counted, not corrected: the model's errors here are not known, or not those on its card",
    ),
}
"""How a rate was made: a word to stand beside the number, and the same in full."""
_TITLES = {
    "nps": "NPS",
    "csat": "CSAT",
    "ces": "Ease",
    "sentiment": "Net sentiment",
    "empathy": "Empathy",
    "effort": "Effort",
    "loyalty": "Loyalty",
}


def kinds_of(taxonomy: Taxonomy) -> list[tuple[Kind, str]]:
    """What the labels of a taxonomy are, each with the key under which an answer has those of its kind."""
    told = set(taxonomy.kinds.values())
    return [(kind, group) for kind, group in KINDS if kind in told]


def place_name(id: str, taxonomy: Taxonomy) -> str:
    """What people call a touchpoint; a client's own keeps its id."""
    if id == WHOLE:
        return "All comments"
    return next((one.name for one in taxonomy.touchpoints if one.key == id), id)


def story_address(place: str, **query: str | None) -> str:
    """Where a touchpoint's story is told."""
    path = "/all" if place == WHOLE else f"/touchpoints/{quote(place, safe='')}"
    return _with(path, query)


def evidence_address(place: str, **query: str | None) -> str:
    """Where comments are listed; `from` and `to` come as `from_` and `to`."""
    return _with("/comments", {"touchpoint": None if place == WHOLE else place, **query})


def _with(path: str, query: Mapping[str, str | None]) -> str:
    kept = {name.rstrip("_"): value for name, value in query.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path


def rate_shown(label: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A label's rate: the estimate where there is one, else the share of tags; None where it is hidden."""
    estimated, observed = label["estimated"], label["observed"]
    used = estimated or observed
    word, method = METHODS[estimated["method"] if estimated else "tags"]
    doubt = estimated["disagreement"] if estimated else None
    return {
        "id": label["id"],
        "rate": used["rate"],
        "ci95": used["ci95"],
        "count": observed["count"],
        "observed": observed,
        "n": metrics["analyzed"],
        "word": word,
        "method": method,
        "audited": estimated["audited"] if estimated else 0,
        "disagreement": doubt if doubt and doubt["real"] else None,
        "low": metrics["low_base"],
    }


def most_frequent(metrics: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The "issues" (or another `key`) that were found, the surely most frequent first: by where intervals begin."""
    found = [rate_shown(one, metrics) for one in metrics[key] if one["observed"]["count"]]
    told = [one for one in found if one["rate"] is not None]
    return sorted(told, key=lambda one: (one["ci95"][0], one["rate"]), reverse=True)


def change_shown(change: Mapping[str, Any], taxonomy: Taxonomy) -> dict[str, Any]:
    """A real change in words: what, by how much, from where to where at 95 %."""
    label = change["label"]
    metric = change["metric"]
    factor, digits = (100, 0) if label or metric == "csat" else (1, 1 if metric == "ces" else 0)
    low, high = sorted(factor * end for end in change["ci95"])
    unit = "%-points" if factor == 100 else "points" if metric != "ces" else ""
    return {
        "what": label_name(label, taxonomy) if label else _TITLES.get(metric, metric),
        "by": _signed(factor * change["difference"], digits),
        "ends": (_signed(low, digits), _signed(high, digits)),
        "unit": unit,
        "better": change["better"],
        "direction": "up" if change["difference"] > 0 else "down",
        "label": label,
        "kind": next((kind for kind, group in KINDS if group == metric), None),
    }


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def weighed(changes: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many changes are for the better, for the worse, and neither (more or less of a category)."""
    found = Counter(one["better"] for one in changes)
    return {"better": found[True], "worse": found[False], "other": found[None]}


def alarms(rates: Mapping[str, list[dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Where audit and card disagree: touchpoint and rate."""
    return [(place, one) for place, of in rates.items() for one in of if one["disagreement"]]
