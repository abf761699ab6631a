"""Labels from a file into the store, item by item: each becomes a correction, or an error that names it.

A row is one of `service.labels.rows`. What nobody judged in it and is as the model said (its `model`) stays the
model's; of a row that does not tell what the model said, only what was judged is taken. Without `judged` a row speaks
of every label of the groups that it has, so that labels which are not in it are not there.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

import models
from service import repository
from service.corrections.correcting import correct
from service.corrections.correction import OTHERS, NewCorrection, known_labels, read_correction
from service.database import write
from service.intake import item_error
from service.labels.rows import MENTIONS, Read, Row, hash_of

_GROUPS = (*MENTIONS, "categories")


@dataclass
class Imported:
    """How many rows came to what, and an error for each that came to nothing.

    `left_out` counts older annotations that stood beside the newest one of a comment.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True)
class _Spoken:
    """What a row speaks of: labels and other fields by a person's word, and what the model said, if that is known."""

    labels: set[str]
    fields: set[str]
    model: dict[str, Any] | None

    @property
    def found(self) -> set[str]:
        """The labels that the model had found."""
        return {id for group in _GROUPS for id in (self.model or {}).get(group) or ()}

    def changes(self, name: str, value: object) -> bool:
        """Whether another field was judged, or is not as the model had it."""
        model = self.model or {}
        return name in self.fields or (name in model and value != model[name])


def import_labels(
    engine: sa.Engine,
    tenant: str,
    read: Iterable[Read],
    taxonomy: models.Taxonomy,
    actor: str,
) -> Imported:
    """Put every row that is sound into the store, one transaction each; the same file again changes nothing."""
    done = Imported()
    for index, row, left_out in read:
        done.left_out += left_out
        try:
            if isinstance(row, models.CommentError):
                raise row
            done.outcomes[_import(engine, tenant, row, taxonomy, actor)] += 1
        except models.CommentError as error:
            done.errors.append(item_error(row, index, error))
        except models.InputError as error:
            fault = models.CommentError(error.detail, code=error.code, field="id")
            done.errors.append(item_error(row, index, fault))
    return done


def _import(engine: sa.Engine, tenant: str, row: Row, taxonomy: models.Taxonomy, actor: str) -> str:
    id = row.get("id")
    if not isinstance(id, str) or not id or "\0" in id or not _is_text(id):
        raise models.CommentError("id: must be the id of a comment", code="missing_field", field="id")
    with write(engine) as conn:
        stored = repository.locked(conn, tenant, id)
        if stored is None:
            raise models.InputError("no comment has this id", code="unknown_comment")
        _check_text(row, stored.record.text)
        return correct(conn, tenant, id, _correction(row, taxonomy, actor)).outcome


def _check_text(row: Row, text: str) -> None:
    """Whether the labels are of this text. Raises `CommentError` "changed_text", or "missing_field"."""
    given = row.get("text_sha256")
    if given is None and isinstance(row.get("text"), str):
        given = hash_of(row["text"]) if _is_text(row["text"]) else ""
    if given is None:
        raise models.CommentError(
            "text_sha256: is needed, or the text itself", code="missing_field", field="text_sha256"
        )
    if given != hash_of(text) or row.get("text", text) not in (None, text):
        raise models.CommentError(
            "text_sha256: the comment's text is not the one that was labelled",
            code="changed_text",
            field="text_sha256",
        )


def _is_text(value: str) -> bool:
    """Whether UTF-8 can say it: half of a pair of surrogates is no character."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _correction(row: Row, taxonomy: models.Taxonomy, actor: str) -> NewCorrection:
    """What a person says by a row: all that was judged, and all by which it differs from what the model said then.

    Not from what it says now, which another model may say, and not from what is in force, which the first import of a
    file changes: the second one is to say the same.
    """
    labels = row.get("labels")
    if not isinstance(labels, dict):
        raise models.CommentError("labels: must be a JSON object", code="invalid_type", field="labels")
    present, spoken = _present(labels), _spoken(row, labels, taxonomy)
    _check_known({*present, *spoken.labels}, taxonomy)
    changed = spoken.labels if spoken.model is None else spoken.labels | (set(present) ^ spoken.found)
    gone = (changed - set(present)) & set(_labels_of(labels, taxonomy))
    said = {
        "labels": {"add": [one for id, one in present.items() if id in changed], "remove": sorted(gone)},
        "actor": actor,
    }
    others = {name: labels[name] for name in OTHERS if name in labels and spoken.changes(name, labels[name])}
    return read_correction(said | others, taxonomy, actor, source="import")


def _check_known(labels: set[str], taxonomy: models.Taxonomy) -> None:
    """Also of labels that say nothing new, lest a file of other themes seem to be taken."""
    unknown = sorted(labels - set(known_labels(taxonomy)))
    if unknown:
        name = ascii(unknown[0])[1:-1][:80]
        raise models.CommentError(
            f"labels: {name} is no label of the taxonomy", code="unknown_label", field="labels"
        )


def _labels_of(labels: dict[str, Any], taxonomy: models.Taxonomy) -> list[str]:
    """The labels of the groups that a row has; `mentions` are of every group."""
    return [
        id for id, (group, _) in known_labels(taxonomy).items() if group in labels or "mentions" in labels
    ]


def _present(labels: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The mentions of a row by their labels, however its format has them."""
    found = [one for group in ("mentions", *MENTIONS) for one in _items(labels, group)]
    found += [{"id": one} for one in _items(labels, "categories")]
    if not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in found):
        raise models.CommentError("labels: each must have an id", code="invalid_type", field="labels")
    counts = Counter(one["id"] for one in found)
    if twice := sorted(id for id, count in counts.items() if count > 1):
        detail = f"labels: {ascii(twice[0])[1:-1][:80]} is named twice; give it once, with all its evidence"
        raise models.CommentError(detail, code="contradictory_labels", field="labels")
    return {one["id"]: {"id": one["id"], "evidence": one.get("evidence", [])} for one in found}


def _items(labels: dict[str, Any], group: str) -> list[Any]:
    items = labels.get(group, [])
    if not isinstance(items, list):
        raise models.CommentError(f"labels.{group}: must be a list", code="invalid_type", field="labels")
    return items


def _spoken(row: Row, labels: dict[str, Any], taxonomy: models.Taxonomy) -> _Spoken:
    judged, model = row.get("judged"), row.get("model")
    if judged is None:
        return _Spoken(set(_labels_of(labels, taxonomy)), {name for name in OTHERS if name in labels}, None)
    parts: list[Any] = (
        [judged.get(name) for name in ("labels", "fields")] if isinstance(judged, dict) else [None]
    )
    if not all(_are_names(part) for part in parts):
        raise models.CommentError(
            "judged: must be an object with the lists labels and fields", code="invalid_type", field="judged"
        )
    if model is not None and not (
        isinstance(model, dict) and all(_are_names(model.get(group) or []) for group in _GROUPS)
    ):
        raise models.CommentError(
            f"model: must be an object with lists of ids in {', '.join(_GROUPS)}",
            code="invalid_type",
            field="model",
        )
    return _Spoken(set(parts[0]), set(parts[1]), model)


def _are_names(part: object) -> bool:
    return isinstance(part, list) and all(isinstance(one, str) for one in part)
