"""What `/comments` shows of each comment: its words with the evidence marked, and why each label is there."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from models import Taxonomy
from service.corrections.in_force import KINDS
from service.highlight import evidence_of, label_name, marked
from service.records import CommentRecord, StoredComment
from service.views.showing import place_name


def comment_view(stored: StoredComment, taxonomy: Taxonomy, first: str | None = None) -> dict[str, Any]:
    """One comment; the label `first` comes first, since it is what was asked for."""
    counted, analysis = stored.counted, stored.analysis
    labels = [_label(one, kind, analysis, taxonomy) for kind, key in KINDS for one in counted.get(key, ())]
    return {
        "record": stored.record,
        "text": marked(stored.record.text, evidence_of(counted, taxonomy)),
        "labels": sorted(labels, key=lambda one: one["id"] != first),
        "removed": [
            {"id": id, "name": label_name(id, taxonomy), "kind": taxonomy.kinds.get(id, "issue")}
            for id in counted.get("removed", ())
        ],
        "places": [(place_name(place.id, taxonomy), place.inferred) for place in stored.touchpoints],
        "fields": list(_fields(stored.record)),
        "state": _state(counted),
        "correctable": analysis["status"] == "analyzed",
        "language": _language(analysis),
        "model": analysis["model_version"],
    }


def _label(
    one: Mapping[str, Any], kind: str, analysis: Mapping[str, Any], taxonomy: Taxonomy
) -> dict[str, Any]:
    """A label in force with what the model said of it; None where only a person said so."""
    said = next((m for _, key in KINDS for m in analysis.get(key, ()) if m["id"] == one["id"]), None)
    return {
        "id": one["id"],
        "name": label_name(one["id"], taxonomy),
        "kind": kind,
        "by": one.get("by", "model"),
        "probability": said and said["probability"],
        "threshold": said and said["threshold"],
    }


def _fields(record: CommentRecord) -> Iterator[tuple[str, str]]:
    """What was sent beside the text, written as `where` takes it."""
    fields = {f"metadata.{name}": value for name, value in record.metadata.items()}
    sent = {"channel": record.channel, "language": record.language, **fields}
    for name, value in sent.items():
        if value not in (None, ""):
            yield name, value if isinstance(value, str) else json.dumps(value)


def _state(analysis: Mapping[str, Any]) -> str:
    if analysis["status"] != "analyzed":
        return "not analysed"
    if analysis["no_content"]:
        return "no content"
    sentiment = analysis["sentiment"]
    return f"{sentiment['label']}{', mixed' if sentiment['mixed'] else ''}" if sentiment else "read"


def _language(analysis: Mapping[str, Any]) -> str | None:
    """What to say of the language: nothing where it is the one that the model reads best."""
    language = analysis["language"]
    if language["supported"]:
        return None if language["code"] in ("en", "und") else f"written in {language['code']}"
    return f"written in {language['code']} that the model does not read; shown as it was sent"
