"""What a person says of a comment's labels: read from JSON and checked, all but what needs the comment's text.

read_correction({"labels": {"add": ["poor_communication"], "remove": []}, "actor": "anna"}, taxonomy, "key k1")
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

import models
from service.faults import fault_of

MAX_NOTE = 2_000
"""Code points of a note."""
MAX_ACTOR = 128
Said = Mapping[str, Any]
"""A correction's content as it is kept: `labels` with `add` and `remove`, and those of `OTHERS` that were given."""
Source = Literal["api", "review", "disputed", "import"]
OTHERS = ("sentiment", "empathy", "effort", "loyalty", "intent")


def _number(value: object) -> object:
    """In Python true is 1 and 1.0 is 1; in JSON neither is meant."""
    if isinstance(value, bool | float):
        raise PydanticCustomError("invalid_value", "must be a whole number")
    return value


def _label(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


Level = Annotated[Literal[-2, -1, 0, 1, 2], BeforeValidator(_number)]
Side = Annotated[Literal[-1, 1], BeforeValidator(_number)]
_Sentiment = Annotated[Literal[-2, -1, 0, 1, 2, "negative", "neutral", "positive"], BeforeValidator(_number)]
_Line = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ACTOR, pattern=r"^[^\x00-\x1f\x7f]+$")]


class SpanIn(BaseModel):
    """Code points `start` to `end` (exclusive) of the text as it was sent."""

    model_config = ConfigDict(extra="forbid", strict=True)

    start: int = Field(ge=0)
    end: int = Field(ge=1)


class LabelIn(BaseModel):
    """A label that is there, with the words that say so, if they are given."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    evidence: list[SpanIn] = Field(default_factory=list, max_length=100)


class LabelsIn(BaseModel):
    """Ids of issues and strengths (or of categories of one's own) that are there, and that are not."""

    model_config = ConfigDict(extra="forbid", strict=True)

    add: list[Annotated[LabelIn, BeforeValidator(_label, json_schema_input_type=str | LabelIn)]] = Field(
        default_factory=list, max_length=500
    )
    remove: list[str] = Field(default_factory=list, max_length=500)


def _as_published(schema: dict[str, Any]) -> None:
    """What is left out is not what null says: no field has a default, and what cannot be null is not told to be."""
    for name, field in schema["properties"].items():
        field.pop("default", None)
        if name in ("sentiment", "intent"):
            field["anyOf"] = [one for one in field["anyOf"] if one != {"type": "null"}]


class CorrectionIn(BaseModel):
    """A correction as the public contract has it. What is not given stays as it was; null means: not expressed."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_as_published)

    labels: LabelsIn = Field(default_factory=LabelsIn)
    sentiment: _Sentiment | None = Field(
        None, description="A side, or a level from -2 (very negative) to 2 (very positive)."
    )
    empathy: Level | None = Field(
        None, description="A level from -2 (uncaring) to 2 (caring); null: nothing is said of it."
    )
    effort: Side | None = Field(None, description="1: hard, -1: easy, null: nothing is said of it.")
    loyalty: Side | None = Field(None, description="1: stays, -1: leaves, null: nothing is said of it.")
    intent: str | None = None
    actor: _Line | None = Field(None, description="Who says so; if not given, the key that is used.")
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE)] | None = Field(None, description="Why.")


@dataclass(frozen=True, kw_only=True)
class NewCorrection:
    """A correction that is yet to be made; its evidence is not yet held against the text."""

    said: Said
    actor: str
    via: str
    note: str | None = None
    source: Source = "api"


@dataclass(frozen=True, kw_only=True)
class Correction(NewCorrection):
    """A correction as kept; `id` grows with time."""

    id: int
    comment_id: str
    model_version: str
    at: datetime

    def same(self, new: NewCorrection) -> bool:
        """Whether the other says nothing else."""
        return (self.said, self.actor, self.note) == (new.said, new.actor, new.note)


def read_correction(
    item: object, taxonomy: models.Taxonomy, via: str, *, source: Source = "api"
) -> NewCorrection:
    """A correction from JSON. `via` is the actor where none is named.

    Raises `CommentError`: "invalid_type", "invalid_value", "unknown_field", "unknown_label",
    "contradictory_labels", or "empty_correction" where nothing is said.
    """
    if not isinstance(item, dict):
        raise models.CommentError("a correction must be a JSON object", code="invalid_type", field="")
    try:
        given = CorrectionIn.model_validate(item)
    except ValidationError as error:
        raise fault_of(error, item, "a correction") from None
    if "\0" in (given.note or ""):
        raise _fault("note", "must not contain the character U+0000", "invalid_text")
    others = {name: getattr(given, name) for name in OTHERS if name in given.model_fields_set}
    _check_others(others, taxonomy)
    labels = _labels(given.labels, taxonomy)
    if not (labels["add"] or labels["remove"] or others):
        raise _fault("labels", "a correction must say something", "empty_correction")
    return NewCorrection(
        said={"labels": labels, **others}, actor=given.actor or via, via=via, note=given.note, source=source
    )


def verdicts(said: Said) -> dict[str, bool]:
    """What is said of each label that is spoken of."""
    labels = said["labels"]
    return {one["id"]: True for one in labels["add"]} | dict.fromkeys(labels["remove"], False)


def known_labels(taxonomy: models.Taxonomy) -> dict[str, tuple[str, str]]:
    """The field of an analysis and the theme of every label that can be corrected, by id."""
    groups = {"issue": "issues", "strength": "strengths"}
    labels = {label.id: (groups[label.polarity], label.theme) for label in taxonomy.labels}
    return labels | {category.id: ("categories", category.id) for category in taxonomy.categories}


def _labels(given: LabelsIn, taxonomy: models.Taxonomy) -> dict[str, Any]:
    known = known_labels(taxonomy)
    for field, ids in (("labels.add", [one.id for one in given.add]), ("labels.remove", given.remove)):
        for id in ids:
            if id not in known:
                raise _fault(field, f"{ascii(id)[1:-1][:80]} is no label of the taxonomy", "unknown_label")
        if len(set(ids)) < len(ids):
            raise _fault(field, "names a label twice", "contradictory_labels")
    both = sorted({one.id for one in given.add} & set(given.remove))
    if both:
        raise _fault("labels", f"{both[0]} is both added and removed", "contradictory_labels")
    removed = set(given.remove)
    if taxonomy.exclusive and given.add:
        if len(given.add) > 1:
            raise _fault("labels.add", "names two categories that exclude each other", "contradictory_labels")
        removed = known.keys() - {given.add[0].id}
    return {
        "add": [
            {
                "id": one.id,
                "group": known[one.id][0],
                "theme": known[one.id][1],
                "evidence": [{"start": span.start, "end": span.end} for span in one.evidence],
            }
            for one in sorted(given.add, key=lambda one: one.id)
        ],
        "remove": sorted(removed),
    }


def _check_others(others: Mapping[str, Any], taxonomy: models.Taxonomy) -> None:
    for name in ("sentiment", "intent"):
        if name in others and others[name] is None:
            raise _fault(name, "must not be null: every comment has one", "invalid_value")
    if "intent" in others and others["intent"] not in taxonomy.intents:
        raise _fault("intent", f"must be one of {', '.join(taxonomy.intents)}", "unknown_label")


def _fault(field: str, problem: str, code: str) -> models.CommentError:
    return models.CommentError(f"{field}: {problem}", code=code, field=field)
