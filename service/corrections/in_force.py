"""The labels in force: the model's analysis with what people said put over it. Pure: no SQL, no clock.

    in_force(analysis, [said, …])  →  {"issues": [{"id": …, "by": "person"}, …], "sentiment": {…, "by": "model"}, …}

Later words go over earlier ones, label by label. What nobody spoke of stays the model's, also after the model has
changed; so a person's labels outlive every model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from models.taxonomy import Kind

KINDS: tuple[tuple[Kind, str], ...] = (
    ("issue", "issues"),
    ("strength", "strengths"),
    ("category", "categories"),
)
"""What a label can be, and under which key an analysis has those."""
GROUP_OF = dict(KINDS)
GROUPS = tuple(GROUP_OF.values())
SIDES = {"negative": -1, "neutral": 0, "positive": 1}
# Of an analysis, what counting needs beside labels and scores.
_KEPT = ("status", "no_content", "model_version", "taxonomy_version")


def in_force(analysis: Mapping[str, Any], corrections: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What counts, as plain JSON: labels and scores like those of an analysis, each with `by` ("model" or "person").

    `added` and `removed` name the labels by which it differs from the model's.
    """
    labels = {g: {one["id"]: _of_model(one) for one in analysis.get(g, ())} for g in GROUPS}
    own = {id: one for group in labels.values() for id, one in group.items()}
    first = set(own)
    said: dict[str, Any] = {}
    for correction in corrections:
        _put(labels, correction["labels"], own)
        said |= {name: value for name, value in correction.items() if name != "labels"}
    last = {id for group in labels.values() for id in group}
    found = {name: analysis[name] for name in _KEPT} | {g: list(labels[g].values()) for g in GROUPS}
    if last or said.get("sentiment") is not None:
        found["no_content"] = False
    if corrections:
        # A person has read it, even if a later model cannot.
        found["status"] = "analyzed"
    return found | {
        "touchpoints": [{"id": place["id"]} for place in analysis["touchpoints"]],
        "sentiment": _sentiment(analysis, said, found),
        "empathy": _empathy(analysis, said, found),
        "effort": _signal(analysis, said, "effort", 1),
        "loyalty": _signal(analysis, said, "loyalty", 1),
        "intent": _intent(analysis, said),
        "added": sorted(last - first),
        "removed": sorted(first - last),
    }


def _of_model(mention: Mapping[str, Any]) -> dict[str, Any]:
    return {name: mention[name] for name in ("id", "theme", "probability", "evidence")} | {"by": "model"}


def _put(
    labels: dict[str, dict[str, dict[str, Any]]],
    said: Mapping[str, Any],
    own: Mapping[str, Mapping[str, Any]],
) -> None:
    for id in said["remove"]:
        for group in labels.values():
            group.pop(id, None)
    for one in said["add"]:
        # An id that is a category's in one taxonomy may be an issue's in another: it counts once, as the model has it.
        group = next((of for of in labels.values() if one["id"] in of), labels[one["group"]])
        # Who takes back a "no" means the words that the model found, whose `own` they are.
        before = group.get(one["id"]) or own.get(one["id"]) or {"evidence": []}
        group[one["id"]] = {
            "id": one["id"],
            "theme": one["theme"],
            # A person who has read it is not in doubt.
            "probability": 1.0,
            "evidence": one["evidence"] or before["evidence"],
            "by": "person",
        }


def _sentiment(
    analysis: Mapping[str, Any], said: Mapping[str, Any], found: Mapping[str, Any]
) -> dict[str, Any] | None:
    model, given = analysis["sentiment"], said.get("sentiment")
    mixed = bool(found["issues"]) and bool(found["strengths"])
    if given is None:
        return model and {"label": model["label"], "score": model["score"], "mixed": mixed, "by": "model"}
    if model is not None and given == model["label"]:
        # To agree with the side is not to say how strong it is.
        return {"label": given, "score": model["score"], "mixed": mixed, "by": "person"}
    level = SIDES.get(given, given)
    label = "negative" if level < 0 else "positive" if level > 0 else "neutral"
    return {"label": label, "score": level / 2, "mixed": mixed, "by": "person"}


def _empathy(
    analysis: Mapping[str, Any], said: Mapping[str, Any], found: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Said of exactly where theme empathy is labelled, and with its sign, unless a person says a level."""
    kept = _signal(analysis, said, "empathy", 2)
    sides = sides_of_empathy(found)
    if "empathy" in said or sides == sides_of_empathy(analysis):
        return kept
    if not sides:
        return None
    sign = sum(sides)
    if kept is not None and (sign == 0 or kept["score"] * sign >= 0):
        return kept
    return {"score": sign / 2, "by": "person"}


def sides_of_empathy(labels: Mapping[str, Any]) -> set[int]:
    """The signs with which theme empathy is labelled."""
    groups = (("issues", -1), ("strengths", 1))
    return {sign for group, sign in groups if any(one["theme"] == "empathy" for one in labels[group])}


def _signal(
    analysis: Mapping[str, Any], said: Mapping[str, Any], name: str, top: int
) -> dict[str, Any] | None:
    if name not in said:
        model = analysis[name]
        return model and {"score": model["score"], "by": "model"}
    return None if said[name] is None else {"score": said[name] / top, "by": "person"}


def _intent(analysis: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any] | None:
    if "intent" in said:
        return {"label": said["intent"], "by": "person"}
    model = analysis["intent"]
    return model and {"label": model["label"], "by": "model"}
