"""A test set stays one: every evaluation on it is logged, and no model is measured on what it has learnt from.

    check_unseen(comments, folder, "dev.jsonl")    # raises "trained_on"
    click.echo(log(Path("dev.jsonl"), "evaluate", [version]), err=True)

The log stands beside the file, `dev.jsonl.log`, a JSON line for each evaluation: whoever looks often enough finds a
good figure by luck, and here it can be seen how often that was. Where nothing can be written there it is kept in the
application's folder of whoever evaluates.

A model's folder holds `learnt.txt`: a hash of each text that it, the model it went on from and its teachers learnt
from or were tuned on, in order of the hashes. Texts of fewer than five words are left out: many customers say "good
service".
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from evaluation.gold import CORRECTION, LabelledComment
from models.artifact import LEARNT
from models.errors import InputError
from models.loading import facts_of
from models.text import words_of

FEW = 5
"""Words under which a text may be the same by chance."""
_DIGITS = 12  # 48 bits: among 50,000 texts learnt and 1,000 tested, one false alarm in five million


def hashes_of(texts: Iterable[str]) -> set[str]:
    """A hash of each text's words, whatever their case and the signs between them; short texts have none."""
    worded = (words_of(text) for text in texts)
    joined = (" ".join(words).encode() for words in worded if len(words) >= FEW)
    return {hashlib.sha256(text).hexdigest()[:_DIGITS] for text in joined}


def learnt_by(model: str | Path) -> set[str] | None:
    """The hashes of what a model has learnt from; none for the weightless one; None where an older one does not say."""
    artifact = facts_of(str(model)).artifact
    if artifact is None:
        return set()
    file = artifact.path / LEARNT
    return set(file.read_text(encoding="ascii").split()) if file.exists() else None


def check_unseen(comments: Sequence[LabelledComment], model: str | Path, data: str) -> None:
    """Refuse to measure a model, named as for `models.load`, on what it says that it learnt from.

    Of one that does not say, this is told on stderr. Raises `InputError` "trained_on", naming the file, how many
    comments they are, and the first.
    """
    learnt, name = learnt_by(model), f"the model {Path(model).name}"
    if learnt is None:
        click.echo(f"{data}: {name} does not say what it learnt from; it may have been this.", err=True)
    refuse_seen(comments, learnt or set(), data, name)


def tell_of_corrections(comments: Sequence[LabelledComment], data: str) -> None:
    """Say on stderr whose word the labels are where a store wrote them."""
    few = sum(one.draw == CORRECTION for one in comments)
    if few:
        click.echo(
            f"{data}: {few:,} of {len(comments):,} are corrections from a store. What no person judged in them is what "
            "the model in force said, and is measured here as true: the figures flatter that model.",
            err=True,
        )


def refuse_seen(comments: Sequence[LabelledComment], learnt: set[str], data: str, model: str) -> None:
    """The same for texts whose hashes are `learnt`."""
    seen = [one.id for one in comments if hashes_of([one.text]) & learnt]
    if seen:
        raise InputError(
            f"{data}: {model} was trained on {len(seen)} of {len(comments)} comments, the first {seen[0]!r}: "
            "what is measured on them is worth nothing",
            code="trained_on",
        )


def log(data: Path, command: str, models: Sequence[str]) -> str:
    """Log an evaluation of models (versions) on a file; how often that has been done, in a sentence."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    entry = {"at": now, "command": command, "file": data.name, "sha256": digest, "models": list(models)}
    for file in (
        data.with_name(f"{data.name}.log"),
        Path(click.get_app_dir("listenwell")) / "evaluations.log",
    ):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
        except OSError:
            continue
        return _told(entry, _entries(file, data.name)) + f" Logged in {file}."
    return f"{data.name}: this evaluation could not be logged, neither beside the file nor at home."


def _entries(file: Path, name: str) -> list[dict[str, Any]]:
    """What can be read of them: a full disk leaves half a line, and that is no reason to lose an evaluation."""
    entries = (_entry(line) for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return [entry for entry in entries if entry is not None and entry["file"] == name]


def _entry(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.keys() >= {"at", "file", "sha256", "models"} else None


def _told(entry: dict[str, Any], entries: Sequence[dict[str, Any]]) -> str:
    same = [one for one in entries if one["sha256"] == entry["sha256"]]
    models = {version for one in same for version in one["models"]}
    told = f"{entry['file']}: evaluation {len(same)}, {len(models)} models measured on it so far."
    if len(same) < len(entries):
        last = next(one for one in reversed(entries) if one["sha256"] != entry["sha256"])
        told += (
            f" It was another file on {last['at'][:10]}: figures from before are not of the same comments."
        )
    return told
