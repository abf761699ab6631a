"""spaCy's DocBin: a document a comment, evidence as span groups, labels as categories. Needs the spacy extra.

`doc.spans["issues"]` and `doc.spans["strengths"]` hold the evidence, widened to whole tokens; `doc.cats` has 1 for
labels that are there and 0 for those that a person said are not; the rest is in `doc.user_data["listenwell"]`.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import models
from service.labels.rows import MENTIONS, Read, Row

_OURS = "listenwell"
_MISSING = "DocBin needs spaCy: pip install -e '.[spacy]'"


def write(path: Path, rows: Iterable[Row], _: models.Taxonomy) -> int:
    """Write a file; how many documents. Raises `MissingExtraError` without spaCy."""
    spacy, tokens = _spacy()
    make = spacy.blank("en").make_doc
    kept = tokens.DocBin(store_user_data=True)
    for row in rows:
        doc = make(row["text"])
        found = {group: row["labels"].get(group, []) for group in MENTIONS}
        for group, mentions in found.items():
            doc.spans[group] = [_span(doc, one["id"], span) for one in mentions for span in one["evidence"]]
        present = {one["id"] for group in found.values() for one in group}
        present |= set(row["labels"].get("categories", ()))
        doc.cats = dict.fromkeys(row["judged"]["labels"], 0.0) | dict.fromkeys(present, 1.0)
        others = {
            name: value for name, value in row["labels"].items() if name not in (*MENTIONS, "categories")
        }
        plain = {name: value for name, value in row.items() if name not in ("text", "labels")}
        doc.user_data[_OURS] = plain | {"labels": others}
        kept.add(doc)
    kept.to_disk(path)
    return len(kept)


def read(path: Path) -> Iterator[Read]:
    """The rows, or what is wrong with a document.

    Raises `MissingExtraError` without spaCy, `InputError` (`unreadable_file`) if the file is no DocBin.
    """
    spacy, tokens = _spacy()
    try:
        docs = list(tokens.DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
    except (OSError, ValueError, KeyError, TypeError, zlib.error) as error:
        # Whatever its unpacking meets: of zlib, of msgpack, of spaCy's own.
        raise models.InputError(
            f"{path.name}: is no DocBin that can be read", code="unreadable_file"
        ) from error
    for place, doc in enumerate(docs):
        yield Read(place, _row(doc))


def _row(doc: Any) -> Row | models.CommentError:
    # msgpack gives tuples for lists; JSON makes lists of them again.
    ours = json.loads(json.dumps(doc.user_data.get(_OURS)))
    if isinstance(ours, dict) and isinstance(ours.get("labels"), dict):
        return ours | {"text": doc.text, "labels": ours["labels"] | {"mentions": _mentions(doc)}}
    return models.CommentError(
        'has no doc.user_data["listenwell"], so whose labels they are is not known',
        code="missing_field",
        field="id",
    )


def _mentions(doc: Any) -> list[dict[str, Any]]:
    spans: dict[str, list[dict[str, int]]] = {label: [] for label, value in doc.cats.items() if value >= 0.5}
    for group in MENTIONS:
        for span in doc.spans.get(group, ()):
            spans.setdefault(span.label_, []).append({"start": span.start_char, "end": span.end_char})
    return [{"id": label, "evidence": quoted} for label, quoted in spans.items()]


def _span(doc: Any, label: str, span: dict[str, int]) -> Any:
    return doc.char_span(span["start"], span["end"], label=label, alignment_mode="expand")


def _spacy() -> tuple[Any, Any]:
    try:
        import spacy
        from spacy import tokens
    except ModuleNotFoundError as error:
        raise models.MissingExtraError(_MISSING) from error
    return spacy, tokens
