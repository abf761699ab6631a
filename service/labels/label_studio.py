"""Label Studio's JSON: tasks with their results, as it imports and exports them.

A task's `data` has text, question, comment_id and text_sha256. A result has spans (`evidence`) and choices (`labels`,
`sentiment`, `empathy`, `effort`, `loyalty`, `intent`); beside the file its labelling interface is written, as XML. Of
several annotations of a task the newest is read, whose tick says that a label is there and whose highlights say where.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import models
from service.labels.rows import MENTIONS, NULLABLE, Read, Row

_SCALES: dict[str, tuple[int, ...]] = {
    "sentiment": (-2, -1, 0, 1, 2),
    "empathy": (-2, -1, 0, 1, 2),
    "effort": (-1, 1),
    "loyalty": (-1, 1),
}
_OPENING = '<View>\n  <Text name="text" value="$text"/>'
_NO_TASK = "is not a task of Label Studio with results of our interface"


def write(path: Path, rows: Iterable[Row], taxonomy: models.Taxonomy) -> int:
    """Write the tasks, and the interface beside them; how many tasks.

    Raises `InputError` "output_exists" where a file of another kind has the interface's name.
    """
    interface, count = path.with_suffix(".xml"), 0
    if interface.exists() and not interface.read_bytes().startswith(_OPENING.encode()):
        raise models.InputError(
            f"--output: {interface.name} beside {path.name} exists and is no interface of ours; name another file",
            code="output_exists",
        )
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for row in rows:
            file.write((",\n" if count else "\n") + json.dumps(_task(row), ensure_ascii=False))
            count += 1
        file.write("\n]\n")
    interface.write_text(_interface(taxonomy), encoding="utf-8")
    return count


def read(path: Path) -> Iterator[Read]:
    """The rows of the tasks that were annotated, or what is wrong with a task; others are counted and no more.

    Raises `InputError` (`invalid_json`) if the file is not a list of tasks.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise models.InputError(f"{path.name}: not JSON", code="invalid_json") from error
    if not isinstance(tasks, list):
        raise models.InputError(f"{path.name}: not a list of tasks", code="invalid_json")
    for place, task in enumerate(tasks):
        try:
            kept = _annotations(task)
            if kept:
                yield Read(place, _row(task, kept[-1]["result"]), len(kept) - 1)
        except models.CommentError as error:
            yield Read(place, error)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            yield Read(place, models.CommentError(_NO_TASK, code="invalid_value", field=""))


def _task(row: Row) -> dict[str, Any]:
    data = {name: row[name] for name in ("text", "question", "text_sha256")} | {"comment_id": row["id"]}
    meta = {name: row[name] for name in ("judged", "model", "train", "draw")}
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


def _annotations(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those of a task that were not cancelled, the newest last. Raises `CommentError` where that is not known."""
    kept = [one for one in task["annotations"] if not one.get("was_cancelled")]
    if len(kept) < 2:
        return kept
    if not all(one.get("updated_at") for one in kept):
        raise models.CommentError(
            f"annotations: there are {len(kept)}, and not each says updated_at, so the newest is not known",
            code="invalid_value",
            field="annotations",
        )
    return sorted(kept, key=lambda one: datetime.fromisoformat(one["updated_at"]))


def _row(task: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> Row:
    data, text, meta = task["data"], task["data"]["text"], task.get("meta") or {}
    spans: dict[str, list[dict[str, int]]] = {}
    ticked: list[str] = []
    others: dict[str, Any] = dict.fromkeys(_unsaid(meta))
    for result in results:
        # A relation between highlights has no name.
        name = result.get("from_name")
        if name == "evidence":
            for label in result["value"]["labels"]:
                spans.setdefault(label, []).append(_span(result["value"], text))
        elif name == "labels":
            ticked += result["value"]["choices"]
        elif name in _SCALES or name == "intent":
            said = result["value"]["choices"][0]
            others[name] = said if name == "intent" else int(said)
    _check_ticks(ticked, spans, meta)
    mentions = [{"id": label, "evidence": spans.get(label, [])} for label in dict.fromkeys(ticked)]
    row: Row = {"id": data["comment_id"], "text": text, "text_sha256": data.get("text_sha256")}
    kept = {name: meta[name] for name in ("judged", "model") if meta.get(name)}
    return row | {"labels": {"mentions": mentions, **others}} | kept


def _unsaid(meta: Mapping[str, Any]) -> list[str]:
    """What a task of ours says is not expressed by having no choice for it."""
    asked = {*(meta.get("model") or ()), *(meta.get("judged") or {}).get("fields", ())}
    return [name for name in NULLABLE if name in asked]


def _check_ticks(ticked: Sequence[str], spans: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Raises `CommentError` where tick and highlight differ, so that nobody knows which of them was meant.

    A label without words may be ticked; one of the model's that nobody judged was highlighted when it went out.
    """
    model, judged = meta.get("model") or {}, (meta.get("judged") or {}).get("labels", ())
    sent = {label for group in MENTIONS for label in model.get(group) or ()} - set(judged)
    wrong = [(label, "highlighted but not ticked") for label in spans if label not in ticked]
    wrong += [(label, "ticked but not highlighted") for label in ticked if label in sent - set(spans)]
    for label, problem in wrong:
        raise models.CommentError(
            f"labels: {ascii(label)[1:-1][:80]} is {problem}", code="contradictory_labels", field="labels"
        )


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
    parts = [_OPENING]
    if labels:
        parts.append(_control("Labels", "evidence", "Label", labels))
    parts.append(_control("Choices", "labels", "Choice", every, choice="multiple"))
    if taxonomy.intents:
        for name, levels in _SCALES.items():
            parts.append(_control("Choices", name, "Choice", [str(one) for one in levels]))
        parts.append(_control("Choices", "intent", "Choice", list(taxonomy.intents)))
    return "\n".join(parts) + "\n</View>\n"


def _control(tag: str, name: str, item: str, values: list[str], **more: str) -> str:
    extra = "".join(f" {key}={quoteattr(value)}" for key, value in more.items())
    inside = "".join(f"\n    <{item} value={quoteattr(value)}/>" for value in values)
    return f'  <{tag} name="{name}" toName="text"{extra}>{inside}\n  </{tag}>'
