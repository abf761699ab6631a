"""Labels from a file into the store, item by item: each becomes a correction, or an error that names it.

A row is one of `service.labels.rows`. What nobody judged in it and is as the model says stays the model's; without
`judged` it speaks of every label of the taxonomy, so that labels which are not in it are not there.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

import models
from service import repository
from service.corrections.correcting import correct
from service.corrections.correction import OTHERS, NewCorrection, known_labels, read_correction
from service.database import write
from service.intake import item_error
from service.labels.rows import MENTIONS, Row, hash_of, row_of
from service.records import StoredComment


@dataclass
class Imported:
    """How many rows came to what, and an error for each that came to nothing."""

    outcomes: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)


def import_labels(
    engine: sa.Engine,
    tenant: str,
    rows: Iterable[Row | models.CommentError],
    taxonomy: models.Taxonomy,
    actor: str,
) -> Imported:
    """Put every row that is sound into the store, one transaction each; the same file again changes nothing."""
    done = Imported()
    for index, row in enumerate(rows):
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
        return correct(conn, tenant, id, _correction(row, stored, taxonomy, actor)).outcome


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


def _correction(row: Row, stored: StoredComment, taxonomy: models.Taxonomy, actor: str) -> NewCorrection:
    """What a person says by a row: all that was judged, and all by which it differs from what the model says.

    Not from what is in force, which the first import of a file changes: the second one is to say the same.
    """
    labels = row.get("labels")
    if not isinstance(labels, dict):
        raise models.CommentError("labels: must be a JSON object", code="invalid_type", field="labels")
    present = {one["id"]: one for one in _present(labels)}
    model = row_of(replace(stored, corrected=None, corrections=()), taxonomy)["labels"]
    found = {one["id"] for one in _present(model)}
    judged, fields = _judged(row, labels, taxonomy)
    said = {
        "labels": {
            "add": [one for id, one in present.items() if id in judged or id not in found],
            "remove": sorted((judged | found) - set(present)),
        },
        "actor": actor,
    }
    spoken = {
        name: labels[name]
        for name in OTHERS
        if name in labels and (name in fields or labels[name] != model.get(name))
    }
    return read_correction(said | spoken, taxonomy, actor, source="import")


def _present(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """The mentions of a row, however its format has them."""
    found = [one for group in ("mentions", *MENTIONS) for one in _items(labels, group)]
    found += [{"id": one} for one in _items(labels, "categories")]
    if not all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in found):
        raise models.CommentError("labels: each must have an id", code="invalid_type", field="labels")
    return [{"id": one["id"], "evidence": one.get("evidence", [])} for one in found]


def _items(labels: dict[str, Any], group: str) -> list[Any]:
    items = labels.get(group, [])
    if not isinstance(items, list):
        raise models.CommentError(f"labels.{group}: must be a list", code="invalid_type", field="labels")
    return items


def _judged(row: Row, labels: dict[str, Any], taxonomy: models.Taxonomy) -> tuple[set[str], set[str]]:
    """Labels, and other fields."""
    judged = row.get("judged")
    if judged is None:
        return set(known_labels(taxonomy)), {name for name in OTHERS if name in labels}
    parts: list[Any] = (
        [judged.get(name) for name in ("labels", "fields")] if isinstance(judged, dict) else [None]
    )
    if not all(isinstance(part, list) and all(isinstance(one, str) for one in part) for part in parts):
        raise models.CommentError(
            "judged: must be an object with the lists labels and fields", code="invalid_type", field="judged"
        )
    return set(parts[0]), set(parts[1])
