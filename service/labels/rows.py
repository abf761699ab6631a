"""A labelled comment as one JSON object: the form of labelled files, which training and evaluation read.

    {"id": …, "text": …, "text_sha256": …, "labels": {"issues": […], …}, "judged": {"labels": […], "fields": […]},
     "model": {"version": …, "issues": ["easy_to_use"], …, "sentiment": 1, …},
     "said": [{"actor": …, "at": …, "labels": {"easy_to_use": false}}]}

`labels` are those in force, `judged` says which of them a person spoke of; the others are the model's. A label
without words that say so has the whole text as its evidence. `model` is what the model itself found, by which a change
made elsewhere is told from its words. `said` is who said what of labels, in order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, NamedTuple

import sqlalchemy as sa

import models
from service import repository
from service.corrections import repository as corrections
from service.corrections.correction import OTHERS, known_labels, verdicts
from service.corrections.in_force import GROUPS, SIDES, sides_of_empathy
from service.database import read
from service.records import StoredComment

Row = dict[str, Any]
MENTIONS = ("issues", "strengths")
NULLABLE = ("empathy", "effort", "loyalty")
"""What a comment need not express: in a file of our own, null or absent says that it does not."""
_BATCH = 500


class Read(NamedTuple):
    """A row of a file, or what is wrong with it, and its place there from 0 on, nothing left out of the count.

    `left_out` are older annotations of the same comment beside it that nobody reads.
    """

    place: int
    row: Row | models.CommentError
    left_out: int = 0


@dataclass
class LeftOut:
    """How many corrected comments there is no row for, and why."""

    others: int = 0
    """Read or corrected by another taxonomy than the one in force."""
    undecided: int = 0
    """Without exactly one of categories that exclude each other."""

    def told(self) -> list[str]:
        """A line for each reason."""
        reasons = (
            (
                self.others,
                "were read by a model of another taxonomy; bring them to this one: listenwell rescore",
            ),
            (self.undecided, "have not exactly one of categories that exclude each other; say which"),
        )
        return [f"left out: {count} corrected comments {why}" for count, why in reasons if count]


def rows(
    engine: sa.Engine,
    tenant: str,
    taxonomy: models.Taxonomy,
    *,
    measuring: bool = False,
    left_out: LeftOut | None = None,
) -> Iterator[Row]:
    """A row for each comment that people corrected; with `measuring` also those drawn for the audit.

    The latter are marked `"train": false`: whoever trains on them can measure nothing by them any more. `left_out`
    counts those that a labelled file of this taxonomy has no words for.
    """
    left_out = left_out or LeftOut()
    last = 0
    while True:
        with read(engine) as conn:
            found = corrections.corrected(conn, tenant, last, _BATCH)
            stored = repository.of_keys(conn, [key for key, drawn in found if measuring or not drawn])
        if not found:
            return
        drawn = {key for key, is_drawn in found if is_drawn}
        for one in stored:
            # There is nothing to label in an empty text, and labelled files have none.
            if not one.record.text:
                continue
            if not _is_of(one, taxonomy):
                left_out.others += 1
            elif taxonomy.exclusive and len(one.labels["categories"]) != 1:
                left_out.undecided += 1
            else:
                yield row_of(one, taxonomy, train=one.key not in drawn)
        last = found[-1][0]


def row_of(stored: StoredComment, taxonomy: models.Taxonomy, *, train: bool = True) -> Row:
    """One comment."""
    text, said = stored.record.text, [one.said for one in stored.corrections]
    return {
        "id": stored.record.id,
        "text": text,
        "text_sha256": hash_of(text),
        "question": stored.record.question,
        "draw": "correction",
        "group": _customer(stored),
        "train": train,
        "labels": _labels(stored, taxonomy),
        "judged": {
            "labels": sorted({label for one in said for label in verdicts(one)}),
            "fields": [name for name in OTHERS if any(name in one for one in said)],
        },
        "model": _of_model(stored, taxonomy),
        "said": [
            {"actor": one.actor, "at": one.at.isoformat(), "labels": verdicts(one.said)}
            for one in stored.corrections
        ],
    }


def _is_of(stored: StoredComment, taxonomy: models.Taxonomy) -> bool:
    """Whether it was read and corrected by this taxonomy, or by an earlier one all of whose labels are there still."""
    said = {label for one in stored.corrections for label in verdicts(one.said)}
    if not said <= known_labels(taxonomy).keys():
        return False
    if stored.analysis["taxonomy_version"] == taxonomy.version:
        return True
    found = {one["id"] for group in GROUPS for one in stored.labels[group]}
    # A model of categories alone tells no sentiment, and any other one does.
    same_kind = (stored.analysis["sentiment"] is None) == bool(taxonomy.categories)
    return same_kind and found <= known_labels(taxonomy).keys()


def _customer(stored: StoredComment) -> str | None:
    """Stands for whose comment it is, so that one person's words are not on both sides of a split."""
    record = stored.record
    return None if record.customer_id is None else hash_of(f"{record.tenant}\0{record.customer_id}")[:16]


def hash_of(text: str) -> str:
    """SHA-256 (hex) of a text as UTF-8."""
    return sha256(text.encode("utf-8")).hexdigest()


def _labels(stored: StoredComment, taxonomy: models.Taxonomy) -> dict[str, Any]:
    found, text = stored.labels, stored.record.text
    if taxonomy.categories:
        return {"categories": [one["id"] for one in found["categories"]]}
    sentiment, intent = found["sentiment"], found["intent"]
    return {
        **{group: [_mention(one, text) for one in found[group]] for group in MENTIONS},
        "sentiment": _level(sentiment["score"], SIDES[sentiment["label"]]) if sentiment else 0,
        "mixed": bool(sentiment and sentiment["mixed"]),
        "empathy": _empathy(found),
        **{name: _side(found[name]) for name in ("effort", "loyalty")},
        "intent": intent["label"] if intent else "other",
        "touchpoints": [one["id"] for one in found["touchpoints"]],
    }


def _mention(one: Mapping[str, Any], text: str) -> dict[str, Any]:
    quoted = [{"start": span["start"], "end": span["end"]} for span in one["evidence"]]
    return {"id": one["id"], "evidence": quoted or [{"start": 0, "end": len(text)}]}


def _of_model(stored: StoredComment, taxonomy: models.Taxonomy) -> dict[str, Any]:
    own = _labels(replace(stored, corrected=None, corrections=()), taxonomy)
    ids = {group: [one["id"] for one in own[group]] for group in MENTIONS if group in own}
    others = {name: own[name] for name in ("categories", *OTHERS) if name in own}
    return {"version": stored.analysis["model_version"]} | ids | others


def _nearest(score: float) -> int:
    return round(2 * score)


def _level(score: float, side: int) -> int:
    """A level on the side that is said: a score too near to 0 to be a level of its own does not lose it."""
    level = _nearest(score)
    return level if (level > 0) - (level < 0) == side else side


def _empathy(found: Mapping[str, Any]) -> int | None:
    """By the codebook its sign is that of theme empathy, where only one is labelled; a person's level is their own."""
    signal = found["empathy"]
    if signal is None:
        return None
    sides = sides_of_empathy(found)
    if signal["by"] == "person" or len(sides) != 1:
        return _nearest(signal["score"])
    return _level(signal["score"], sides.pop())


def _side(signal: Mapping[str, Any] | None) -> int | None:
    return None if signal is None else 1 if signal["score"] >= 0 else -1
