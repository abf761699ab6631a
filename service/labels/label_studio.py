"""Label Studio's JSON: tasks with their results, as it imports and exports them.

A task's `data` has text, question, comment_id and text_sha256. A result has spans (`evidence`) and choices (`labels`,
`sentiment`, `empathy`, `effort`, `loyalty`, `intent`); beside the file its labelling interface is written, as XML.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import models
from service.labels.rows import MENTIONS, Row

_SCALES: dict[str, tuple[int, ...]] = {
    "sentiment": (-2, -1, 0, 1, 2),
    "empathy": (-2, -1, 0, 1, 2),
    "effort": (-1, 1),
    "loyalty": (-1, 1),
}


def write(path: Path, rows: Iterable[Row], taxonomy: models.Taxonomy) -> int:
    """Write the tasks, and the interface beside them; how many tasks."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for row in rows:
            file.write((",\n" if count else "\n") + json.dumps(_task(row), ensure_ascii=False))
            count += 1
        file.write("\n]\n")
    path.with_suffix(".xml").write_text(_interface(taxonomy), encoding="utf-8")
    return count


def read(path: Path) -> Iterator[Row | models.CommentError]:
    """The rows of the tasks that were annotated, or what is wrong with a task.

    Raises `InputError` (`invalid_json`) if the file is not a list of tasks.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise models.InputError(f"{path.name}: not JSON", code="invalid_json") from error
    if not isinstance(tasks, list):
        raise models.InputError(f"{path.name}: not a list of tasks", code="invalid_json")
    for task in tasks:
        try:
            row = _row(task)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            yield models.CommentError(
                "is not a task of Label Studio with results of our interface", code="invalid_value", field=""
            )
        else:
            if row is not None:
                yield row


def _task(row: Row) -> dict[str, Any]:
    data = {name: row[name] for name in ("text", "question", "text_sha256")} | {"comment_id": row["id"]}
    meta = {name: row[name] for name in ("judged", "train", "draw")}
    return {
        "data": data,
        "meta": meta,
        "annotations": [{"result": list(_results(row)), "was_cancelled": False}],
    }


def _results(row: Row) -> Iterator[dict[str, Any]]:
    labels = row["labels"]
    mentions = list(chain.from_iterable(labels.get(group, ()) for group in MENTIONS))
    spans = [(mention["id"], span) for mention in mentions for span in mention["evidence"]]
    for place, (id, span) in enumerate(spans):
        quoted = row["text"][span["start"] : span["end"]]
        value = {"start": span["start"], "end": span["end"], "text": quoted, "labels": [id]}
        yield {"id": f"e{place}", **_of("evidence", "labels"), "value": value}
    present = [one["id"] for one in mentions] + labels.get("categories", [])
    yield {"id": "labels", **_of("labels", "choices"), "value": {"choices": present}}
    for name in (*_SCALES, "intent"):
        if labels.get(name) is not None:
            yield {"id": name, **_of(name, "choices"), "value": {"choices": [str(labels[name])]}}


def _of(name: str, kind: str) -> dict[str, str]:
    return {"from_name": name, "to_name": "text", "type": kind}


def _row(task: Mapping[str, Any]) -> Row | None:
    """None for a task that nobody has annotated yet."""
    kept = [one for one in task["annotations"] if not one.get("was_cancelled")]
    if not kept:
        return None
    data, text = task["data"], task["data"]["text"]
    spans: dict[str, list[dict[str, int]]] = {}
    others: dict[str, Any] = {}
    for result in kept[-1]["result"]:
        name, value = result["from_name"], result["value"]
        if name == "evidence":
            for label in value["labels"]:
                spans.setdefault(label, []).append(_span(value, text))
        elif name == "labels":
            for label in value["choices"]:
                spans.setdefault(label, [])
        elif name in _SCALES or name == "intent":
            others[name] = value["choices"][0] if name == "intent" else int(value["choices"][0])
    mentions = [{"id": label, "evidence": quoted} for label, quoted in spans.items()]
    judged = (task.get("meta") or {}).get("judged")
    row: Row = {"id": data["comment_id"], "text": text, "text_sha256": data.get("text_sha256")}
    return row | {"labels": {"mentions": mentions, **others}} | ({"judged": judged} if judged else {})


def _span(value: Mapping[str, Any], text: str) -> dict[str, int]:
    """Offsets in code points, whether those given are such or, from a browser, UTF-16 code units."""
    start, end = int(value["start"]), int(value["end"])
    quoted = value.get("text")
    if quoted is not None and text[start:end] != quoted:
        units = text.encode("utf-16-le")
        before, inside = (
            units[: 2 * start].decode("utf-16-le"),
            units[2 * start : 2 * end].decode("utf-16-le"),
        )
        if inside == quoted:
            return {"start": len(before), "end": len(before) + len(inside)}
        # Neither: for whoever checks offsets to refuse.
        return {"start": start, "end": -1}
    return {"start": start, "end": end}


def _interface(taxonomy: models.Taxonomy) -> str:
    labels = [label.id for label in taxonomy.labels]
    every = labels + [category.id for category in taxonomy.categories]
    parts = ['  <Text name="text" value="$text"/>']
    if labels:
        parts.append(_control("Labels", "evidence", "Label", labels))
    parts.append(_control("Choices", "labels", "Choice", every, choice="multiple"))
    if taxonomy.intents:
        for name, levels in _SCALES.items():
            parts.append(_control("Choices", name, "Choice", [str(one) for one in levels]))
        parts.append(_control("Choices", "intent", "Choice", list(taxonomy.intents)))
    return "<View>\n" + "\n".join(parts) + "\n</View>\n"


def _control(tag: str, name: str, item: str, values: list[str], **more: str) -> str:
    extra = "".join(f" {key}={quoteattr(value)}" for key, value in more.items())
    inside = "".join(f"\n    <{item} value={quoteattr(value)}/>" for value in values)
    return f'  <{tag} name="{name}" toName="text"{extra}>{inside}\n  </{tag}>'
