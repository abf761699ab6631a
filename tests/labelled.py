"""A small labelled set, written for the tests: how its lines are made, and twelve of them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models import taxonomy

THEMES = {label.id: label.theme for label in taxonomy.load().labels}


def labelled_line(
    id: str,
    text: str,
    *,
    issues: Mapping[str, str] | None = None,
    strengths: Mapping[str, str] | None = None,
    fields: Mapping[str, Any] | None = None,
    **labels: Any,
) -> dict[str, Any]:
    """One line of a labelled file. `issues` and `strengths` map a label to the words that say so; `fields` are
    those beside `labels`, such as `question`."""
    plain = {"sentiment": 0, "mixed": False, "empathy": None, "effort": None, "loyalty": None}
    found = {"issues": _mentions(text, issues or {}), "strengths": _mentions(text, strengths or {})}
    return {
        "id": id,
        "text": text,
        **(fields or {}),
        "labels": {**plain, **found, "intent": "other", "touchpoints": [], **labels},
    }


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Write a JSONL file."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def stand_off(line: Mapping[str, Any]) -> dict[str, Any]:
    """The same labels without the text that they are of."""
    digest = hashlib.sha256(line["text"].encode()).hexdigest()
    return {name: value for name, value in line.items() if name not in ("text", "question")} | {
        "text_sha256": digest
    }


def twelve() -> list[dict[str, Any]]:
    """Comments with and without labels, of two sources and several lengths."""
    shop = {"source": "shop", "industry": "retail", "draw": "random"}
    bank = {"source": "bank", "industry": "finance", "draw": "enriched:support"}
    hold, bill = "The agent left me on hold for two hours.", "Nobody ever fixed my bill."
    return [
        labelled_line("c1", "The agent was kind.", strengths={"caring_treatment": "The agent was kind."},
                      sentiment=1, empathy=1, intent="praise", touchpoints=["support"], fields=shop),
        labelled_line("c2", "The agent was rude.", issues={"lack_of_empathy": "The agent was rude."},
                      sentiment=-2, empathy=-2, intent="complaint", touchpoints=["support"], fields=shop),
        labelled_line("c3", f"{hold} {bill}", issues={"inadequate_support": hold, "unresolved_issue": bill},
                      sentiment=-2, effort=1, loyalty=-1, intent="complaint", touchpoints=["billing"], fields=bank),
        labelled_line("c4", "The app is easy.", strengths={"easy_to_use": "The app is easy."},
                      sentiment=2, effort=-1, intent="praise", touchpoints=["digital"], fields=bank),
        labelled_line("c5", "The app crashes again.", issues={"poor_user_experience": "The app crashes again."},
                      sentiment=-1, intent="complaint", touchpoints=["digital"], fields=bank),
        labelled_line("c6", "I ordered on Monday.", touchpoints=["purchase"], fields=shop),
        labelled_line("c7", "Lovely quality. But the parcel was late.", mixed=True, intent="complaint",
                      strengths={"met_expectations": "Lovely quality."}, touchpoints=["delivery", "product"],
                      issues={"unmet_expectations": "But the parcel was late."}, fields=shop),
        labelled_line("c8", "Great price, I will return.", strengths={"met_expectations": "Great price"},
                      sentiment=2, loyalty=1, intent="praise", touchpoints=["pricing"], fields=shop),
        labelled_line("c9", "Do you open on Sundays?", intent="question", fields=shop),
        labelled_line("c10", "n/a", fields=bank),
        labelled_line("c11", "Die Lieferung kam leider viel zu spät und niemand hat sich entschuldigt.",
                      issues={"unmet_expectations": "Die Lieferung kam leider viel zu spät"}, sentiment=-1,
                      intent="complaint", touchpoints=["delivery"], fields=shop),
        labelled_line("c12", "Waiting times", issues={"inadequate_support": "Waiting times"}, sentiment=-1,
                      intent="complaint", touchpoints=["support"],
                      fields={**bank, "question": "What could we improve?"}),
    ]  # fmt: skip


def _mentions(text: str, words: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"id": label, "theme": THEMES[label], "evidence": [{"start": at, "end": at + len(quoted)}]}
        for label, quoted in words.items()
        for at in [text.index(quoted)]
    ]
