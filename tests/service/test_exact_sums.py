"""The daily sums equal a recount of the comments, whatever happens and whoever looks when.

The recount is plain SQL over what is stored, written apart from the code that keeps the sums.
"""

import random
import shutil
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine

from models import Analysis
from service import repository
from service.database import migrate, open_engine, read, write
from service.records import CommentRecord

START = datetime(2026, 11, 1, tzinfo=UTC)
IDS = [f"c{i}" for i in range(6)]
RECOUNT = sa.text("""
WITH place AS (
    SELECT key, touchpoint FROM comment WHERE touchpoint IS NOT NULL
    UNION ALL
    SELECT c.key, json_extract(t.value, '$.id')
    FROM comment c JOIN analysis a ON a.comment_key = c.key, json_each(a.body, '$.touchpoints') t
    WHERE c.touchpoint IS NULL
    UNION ALL
    SELECT key, '*' FROM comment
),
body AS (SELECT comment_key AS key, body AS b, json_extract(body, '$.status') = 'analyzed' AS read FROM analysis),
part (key, measure, value) AS (
    SELECT key, 'n', 1 FROM comment
    UNION ALL SELECT key, 'analyzed', read FROM body
    UNION ALL SELECT key, 'not_analyzed', NOT read FROM body
    UNION ALL SELECT key, 'no_content', read AND json_extract(b, '$.no_content') FROM body
    UNION ALL SELECT key, 'model:' || json_extract(b, '$.model_version'), read FROM body
    UNION ALL SELECT key, 'nps_promoters', nps BETWEEN 9 AND 10 FROM comment
    UNION ALL SELECT key, 'nps_passives', nps BETWEEN 7 AND 8 FROM comment
    UNION ALL SELECT key, 'nps_detractors', nps BETWEEN 0 AND 6 FROM comment
    UNION ALL SELECT key, 'csat_n', csat IS NOT NULL FROM comment
    UNION ALL SELECT key, 'csat_satisfied', csat >= 4 FROM comment
    UNION ALL SELECT key, 'ces_n', ces IS NOT NULL FROM comment
    UNION ALL SELECT key, 'ces_sum', ces FROM comment
    UNION ALL SELECT key, 'ces_sum_squares', ces * ces FROM comment
    UNION ALL SELECT key, 'sentiment_n', json_extract(b, '$.sentiment') IS NOT NULL FROM body
    UNION ALL SELECT key, 'sentiment_sum', CAST(round(json_extract(b, '$.sentiment.score') * 10000) AS INT) FROM body
    UNION ALL SELECT key, 'sentiment_positive', json_extract(b, '$.sentiment.label') = 'positive' FROM body
    UNION ALL SELECT key, 'sentiment_negative', json_extract(b, '$.sentiment.label') = 'negative' FROM body
    UNION ALL SELECT key, 'empathy_n', json_extract(b, '$.empathy') IS NOT NULL FROM body
    UNION ALL SELECT key, 'empathy_sum', CAST(round(json_extract(b, '$.empathy.score') * 10000) AS INT) FROM body
    UNION ALL SELECT body.key, 'label:' || json_extract(i.value, '$.id'), 1 FROM body, json_each(b, '$.issues') i
    UNION ALL SELECT body.key, 'label:' || json_extract(s.value, '$.id'), 1 FROM body, json_each(b, '$.strengths') s
)
SELECT c.tenant, place.touchpoint, date(c.occurred_at), part.measure, sum(part.value)
FROM part JOIN comment c ON c.key = part.key JOIN place ON place.key = part.key
GROUP BY 1, 2, 3, 4 HAVING sum(part.value) <> 0
ORDER BY 1, 2, 3, 4
""")
KEPT = sa.text("SELECT tenant, touchpoint, day, measure, value FROM rollup ORDER BY 1, 2, 3, 4")
# What is kept for the filters must say the same as the analyses do.
MENTIONS = sa.text("SELECT comment_key, label, polarity FROM mention ORDER BY 1, 2")
MENTIONS_RECOUNT = sa.text("""
    SELECT comment_key, json_extract(i.value, '$.id') AS label, 'issue' FROM analysis, json_each(body, '$.issues') i
    UNION ALL
    SELECT comment_key, json_extract(s.value, '$.id'), 'strength' FROM analysis, json_each(body, '$.strengths') s
    ORDER BY 1, 2
""")


def assert_exact(conn: Connection) -> None:
    assert conn.execute(KEPT).all() == conn.execute(RECOUNT).all()
    assert conn.execute(MENTIONS).all() == conn.execute(MENTIONS_RECOUNT).all()


def optional(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([None, *values])


contents = st.fixed_dictionaries(
    {
        "text": st.sampled_from(["one", "two", "three"]),
        "touchpoint": optional(["order", "shop", "billing"]),
        "occurred_at": st.sampled_from([START + timedelta(hours=h) for h in (0, 23, 24, 47, 400)]),
        "occurred_at_given": st.booleans(),
        "nps": optional([0, 6, 7, 8, 9, 10]),
        "csat": optional([1, 3, 4, 5]),
        "ces": optional([1, 4, 7]),
        "customer_id": optional(["u1", "u2"]),
    }
)
findings = st.fixed_dictionaries(
    {
        "issues": st.lists(st.sampled_from(["unresolved_issue", "lack_of_empathy"]), unique=True),
        "strengths": st.lists(st.sampled_from(["easy_to_use", "caring_treatment"]), unique=True),
        "touchpoints": st.lists(st.sampled_from(["billing", "support", "digital"]), unique=True),
        "sentiment": optional([-1.0, -0.4107, 0.0, 0.0001, 0.8]),
        "empathy": optional([-0.55, 0.0, 0.3333]),
        "read": st.sampled_from([True, True, False]),
        "no_content": st.sampled_from([False, False, True]),
        "version": st.sampled_from(["m1", "m2"]),
    }
)
tenants = st.sampled_from(["default", "other"])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database to copy."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


class Life(RuleBasedStateMachine):
    """Comments come, come again, change and go; `theirs` is what the clients believe is stored."""

    # Set by the test, which has them as fixtures.
    template: ClassVar[Path]
    record: ClassVar[Callable[..., CommentRecord]]
    analysis: ClassVar[Callable[..., Analysis]]

    sent = Bundle("sent")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = shutil.copy(self.template, self.folder.name)
        self.engine = open_engine(f"sqlite:///{path}")
        self.theirs: dict[tuple[str, str], CommentRecord] = {}

    def save(self, record: CommentRecord, found: dict[str, Any]) -> str:
        with write(self.engine) as conn:
            return repository.save(conn, record, type(self).analysis(**found), START)

    @rule(target=sent, tenant=tenants, id=st.sampled_from(IDS), content=contents, found=findings)
    def send(
        self, tenant: str, id: str, content: dict[str, Any], found: dict[str, Any]
    ) -> tuple[CommentRecord, dict[str, Any]]:
        record = type(self).record(tenant=tenant, id=id, **content)
        before = self.theirs.get((tenant, id))
        expected = (
            "created" if before is None else "replayed" if before.digest == record.digest else "replaced"
        )
        assert self.save(record, found) == expected
        self.theirs[tenant, id] = record
        return record, found

    @rule(old=sent)
    def send_again(self, old: tuple[CommentRecord, dict[str, Any]]) -> None:
        record, found = old
        before = self.theirs.get((record.tenant, record.id))
        outcome = self.save(record, found)
        assert (outcome == "replayed") == (before is not None and before.digest == record.digest)
        self.theirs[record.tenant, record.id] = record

    @rule(tenant=tenants, id=st.sampled_from(IDS))
    def delete(self, tenant: str, id: str) -> None:
        with write(self.engine) as conn:
            there = repository.delete(conn, tenant, id)
        assert there == (self.theirs.pop((tenant, id), None) is not None)

    @rule(tenant=tenants, customer=st.sampled_from(["u1", "u2"]))
    def delete_customer(self, tenant: str, customer: str) -> None:
        gone = [k for k, r in self.theirs.items() if k[0] == tenant and r.customer_id == customer]
        with write(self.engine) as conn:
            assert len(repository.delete_customer(conn, tenant, customer)) == len(gone)
        for key in gone:
            del self.theirs[key]

    @invariant()
    def sums_are_exact(self) -> None:
        with read(self.engine) as conn:
            assert_exact(conn)
            rows = conn.execute(sa.text("SELECT tenant, id, digest FROM comment")).all()
        assert {(row.tenant, row.id): row.digest for row in rows} == {
            key: record.digest for key, record in self.theirs.items()
        }

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()


def test_at_any_moment(
    template: Path, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> None:
    Life.template, Life.record, Life.analysis = (
        template,
        staticmethod(make_record),
        staticmethod(make_analysis),
    )
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            # A failure is shown as found: to shrink it takes five minutes. Remove this line to see a short one.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )


def _act(engine: Engine, dice: random.Random, record: CommentRecord, analysis: Analysis) -> None:
    with write(engine) as conn:
        match dice.random():
            case chance if chance < 0.75:
                repository.save(conn, record, analysis, START)
            case chance if chance < 0.95:
                repository.delete(conn, "default", record.id)
            case _:
                repository.delete_customer(conn, "default", dice.choice(["u1", "u2"]))


def test_under_concurrent_writers(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(60):
            record = make_record(
                id=dice.choice(IDS),
                occurred_at=START + timedelta(hours=dice.randrange(72)),
                touchpoint=dice.choice([None, "order", "shop"]),
                nps=dice.randrange(11),
                ces=dice.choice([None, 1, 7]),
                customer_id=dice.choice([None, "u1", "u2"]),
            )
            analysis = make_analysis(
                issues=dice.sample(["unresolved_issue", "lack_of_empathy"], dice.randrange(3)),
                touchpoints=dice.sample(["billing", "support", "digital"], dice.randrange(4)),
                sentiment=round(dice.uniform(-1, 1), 4),
            )
            _act(engine, dice, record, analysis)

    def look() -> None:
        while not done.is_set():
            with read(engine) as conn:
                assert_exact(conn)

    def guarded(task: Callable[..., None], *args: int) -> threading.Thread:
        def run() -> None:
            try:
                task(*args)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    looker = guarded(look)
    for writer in [guarded(work, seed) for seed in range(6)]:
        writer.join()
    done.set()
    looker.join()
    assert failures == []
    with read(engine) as conn:
        assert_exact(conn)
        assert conn.execute(KEPT).all() != []
