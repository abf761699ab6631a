"""A store of any size, filled in minutes, for timings: `fill(engine, 1_000_000)`.

Some thousand comments are made of the sentences of `examples/feedback.csv` and tagged once by the weightless model;
each stored comment is one of them with a number of its own behind it, at its own time within eighteen months. Rows
are written in bulk, in the shape in which `save_all` writes them; the daily sums are the same contributions, added
up by matrix. `check_sample` holds both against a recount of some of the days.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

import models
from service import rollup_repository, stored_rows
from service.database import write
from service.records import RECORD_FIELDS, CommentRecord
from service.review.tables import annotation, audit_draw, doubt
from service.rollups import contribution
from service.tables import analysis, comment, comment_touchpoint, mention, rollup
from tests import recount

EXAMPLES = Path(__file__).parents[1] / "examples" / "feedback.csv"
END = datetime(2026, 11, 21, tzinfo=UTC)
DAYS = 548
PLACES = (
    "delivery order product support billing returns website app store account payment contact stock checkout "
    "warranty loyalty chat advice fitting recycling"
).split()
CHANNELS = ("survey", "email", "chat", "app", "phone")
REGIONS = ("north", "south", "east", "west", "centre", "islands")
TEMPLATES = 3_000
AUDITED = 1_000
_CHUNK = 20_000


@dataclass(frozen=True)
class Template:
    """A comment that many are like, with all that does not change from one to the other."""

    record: CommentRecord
    body: dict[str, Any]
    json: str


def fill(engine: Engine, comments: int, *, seed: int = 7) -> None:
    """Fill an empty, migrated store. The same seed gives the same comments."""
    rng = np.random.default_rng(seed)
    templates = _templates(rng)
    weights = np.array([1 / (1 + PLACES.index(one.record.touchpoint or PLACES[0])) for one in templates])
    chosen = rng.choice(len(templates), comments, p=weights / weights.sum())
    minutes = np.sort(rng.random(comments)) * DAYS * 1440
    days = (minutes // 1440).astype(int)
    for start in range(0, comments, _CHUNK):
        stop = min(start + _CHUNK, comments)
        with write(engine) as conn:
            _write_comments(conn, templates, chosen[start:stop], minutes[start:stop], start + 1)
    drawn = np.flatnonzero(rng.random(comments) < 0.02)
    with write(engine) as conn:
        for places in _days_of_sums(templates, chosen, days):
            rollup_repository.apply(conn, "default", places)
        _write_audit(conn, rng, templates, chosen, drawn)
        if conn.dialect.name == "postgresql":
            for table in ("comment", "annotation"):
                last = f"SELECT setval(pg_get_serial_sequence('{table}', 'key'), max(key)) FROM {table}"
                conn.exec_driver_sql(last)


def settle(engine: Engine) -> None:
    """What PostgreSQL's autovacuum would do in the minutes after; SQLite has nothing like it."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("VACUUM ANALYZE")


def check_sample(engine: Engine, *, days: int = 5, seed: int = 3) -> int:
    """Recount some days from their comments and hold them against the sums; how many comments that were."""
    rng = np.random.default_rng(seed)
    seen = 0
    for number in rng.choice(DAYS, days, replace=False).tolist():
        start = END - timedelta(days=DAYS - number)
        within = (comment.c.occurred_at >= start) & (comment.c.occurred_at < start + timedelta(days=1))
        query = sa.select(comment, analysis.c.body, analysis.c.corrected).join(analysis).where(within)
        with engine.connect() as conn:
            rows = list(conn.execute(query))
            kept = conn.execute(sa.select(rollup).where(rollup.c.day == start.date()))
            assert {tuple(key): value for *key, value in kept} == recount.sums(rows), start
        seen += len(rows)
    return seen


def _templates(rng: np.random.Generator) -> list[Template]:
    with EXAMPLES.open(encoding="utf-8", newline="") as file:
        sentences = [row["text"] for row in csv.DictReader(file) if row["text"].strip()]
    texts = [" ".join(rng.choice(sentences, 2, replace=False)) for _ in range(TEMPLATES)]
    weightless = models.load("weightless")
    found = weightless.analyze([models.Comment(text) for text in texts])
    made = []
    for number, (text, one) in enumerate(zip(texts, found, strict=True)):
        body = one.to_dict()
        record = CommentRecord(
            id="",
            text=text,
            touchpoint=PLACES[number % len(PLACES)],
            channel=CHANNELS[int(rng.integers(5) * rng.random())],
            occurred_at=END,
            metadata={"region": str(rng.choice(REGIONS)), "vip": bool(rng.random() < 0.1)},
            **_scores(rng, body),
        )
        made.append(Template(record, body, json.dumps(body)))
    return made


def _scores(rng: np.random.Generator, body: dict[str, Any]) -> dict[str, int | None]:
    """What customers answered beside: the better, the better they speak."""
    mood = body["sentiment"]["score"] if body["sentiment"] else 0.0
    nps = int(np.clip(round(7 + 3 * mood + rng.normal(0, 2)), 0, 10))
    csat = int(np.clip(round(3.5 + 1.5 * mood + rng.normal(0, 1)), 1, 5))
    ces = int(np.clip(round(4.5 + 2 * mood + rng.normal(0, 1.5)), 1, 7))
    given = rng.random(3) < (0.7, 0.5, 0.3)
    scores = zip(("nps", "csat", "ces"), (nps, csat, ces), given, strict=True)
    return {name: value if there else None for name, value, there in scores}


def _write_comments(
    conn: Connection, templates: Sequence[Template], chosen: Any, minutes: Any, first: int
) -> None:
    keyed = [(first + place, templates[number]) for place, number in enumerate(chosen.tolist())]
    times = [END - timedelta(days=DAYS) + timedelta(minutes=minute) for minute in minutes.tolist()]
    _insert(conn, comment, (_comment(key, one, at) for (key, one), at in zip(keyed, times, strict=True)))
    _insert(conn, analysis, (_analysis(key, one, at) for (key, one), at in zip(keyed, times, strict=True)))
    _insert(conn, mention, (row for key, one in keyed for row in stored_rows.mentions(key, one.body)))
    _insert(
        conn,
        comment_touchpoint,
        (
            {**row, "occurred_at": at}
            for (key, one), at in zip(keyed, times, strict=True)
            for row in stored_rows.places(key, one.record, one.body)
        ),
    )
    _insert(
        conn, doubt, (row for key, one in keyed for row in stored_rows.doubts(key, "default", one.body, None))
    )


def _comment(key: int, one: Template, at: datetime) -> dict[str, Any]:
    id = f"c-{key:07d}"
    values = {name: getattr(one.record, name) for name in RECORD_FIELDS}
    return values | {
        "key": key,
        "id": id,
        # A number of its own makes each text one of a kind, as texts of customers are.
        "text": f"{one.record.text} Ref {key:07d}.",
        "occurred_at": at,
        "metadata": json.dumps(one.record.metadata),
        "customer_id": f"u-{key % 300_000:06d}",
        "digest": sha256(id.encode()).hexdigest(),
        "received_at": at,
    }


def _analysis(key: int, one: Template, at: datetime) -> dict[str, Any]:
    return stored_rows.scores(one.body) | {
        "comment_key": key,
        "model_version": one.body["model_version"],
        "status": one.body["status"],
        "body": one.json,
        "corrected": None,
        "analyzed_at": at,
    }


def _insert(conn: Connection, table: sa.Table, rows: Iterable[Any]) -> None:
    """In bulk, past SQLAlchemy: JSON comes as text. Times are UTC."""
    names = [column.name for column in table.columns]
    values = ([row.get(name) for name in names] for row in rows)
    columns = ", ".join(f'"{name}"' for name in names)
    driver: Any = conn.connection.driver_connection
    if conn.dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
            for row in values:
                copy.write_row(row)
        return
    marks = ", ".join("?" for _ in names)
    driver.executemany(
        f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})',
        ([_sqlite(value) for value in row] for row in values),
    )


def _sqlite(value: Any) -> Any:
    """A time as SQLAlchemy writes it there."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def _days_of_sums(templates: Sequence[Template], chosen: Any, days: Any) -> Iterator[dict[Any, int]]:
    """The sums of each day: how often each template was chosen, times what it contributes."""
    parts = [contribution(one.record, one.body) for one in templates]
    names = sorted({(place, measure) for part in parts for place, _, measure in part})
    column = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((len(templates), len(names)), np.int64)
    for row, part in enumerate(parts):
        for (place, _, measure), value in part.items():
            matrix[row, column[place, measure]] = value
    for number in range(DAYS):
        day = (END - timedelta(days=DAYS - number)).date()
        sums = np.bincount(chosen[days == number], minlength=len(templates)) @ matrix
        yield {
            (place, day, measure): int(value)
            for (place, measure), value in zip(names, sums.tolist(), strict=True)
        }


def _write_audit(
    conn: Connection, rng: np.random.Generator, templates: Sequence[Template], chosen: Any, drawn: Any
) -> None:
    """Draws of the audit, some of them read by a person who mostly agrees with the model."""
    read = set(rng.choice(drawn, min(AUDITED, len(drawn)), replace=False).tolist())
    labels = [
        one.id for theme in models.load("weightless").taxonomy.themes for one in (theme.issue, theme.strength)
    ]
    draws, answers = [], []
    for place in drawn.tolist():
        one = templates[chosen[place]]
        tags = [found["id"] for group in ("issues", "strengths") for found in one.body[group]]
        draws.append(
            {
                "comment_key": place + 1,
                "tenant": "default",
                "lot": float(rng.random() * 0.02),
                "probability": 0.02,
                "model_version": one.body["model_version"],
                "tags": json.dumps(tags),
                "wanted": 1,
                "answered": int(place in read),
                "drawn_at": END,
            }
        )
        if place in read:
            verdicts = {label: bool((label in tags) != (rng.random() < 0.03)) for label in labels}
            answers.append(
                {
                    "key": len(answers) + 1,
                    "comment_key": place + 1,
                    "tenant": "default",
                    "stream": "audit",
                    "annotator": "anna",
                    "verdicts": json.dumps(verdicts),
                    "at": END,
                }
            )
    _insert(conn, audit_draw, draws)
    _insert(conn, annotation, answers)
