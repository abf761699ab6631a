"""A batch stored together comes to what its comments stored one by one come to, outcomes and all."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from models import Analysis
from service import repository
from service.database import open_engine, read, write
from service.records import CommentRecord, StoredComment
from service.save_repository import Pair
from tests.databases import Databases, empty
from tests.recount import assert_exact

START = datetime(2026, 11, 1, tzinfo=UTC)
IDS = ["a", "B", "é", "b-1", "b.1", "👍"]  # no two databases sort them alike unless they are told how
Make = Callable[..., Any]

comments = st.fixed_dictionaries(
    {
        "tenant": st.sampled_from(["default", "default", "other"]),
        "id": st.sampled_from(IDS),
        "text": st.sampled_from(["one", "two"]),
        "occurred_at": st.sampled_from([START, START + timedelta(days=1)]),
        "occurred_at_given": st.booleans(),
        "touchpoint": st.sampled_from([None, "order"]),
        "nps": st.sampled_from([None, 3]),
    }
)
findings = st.fixed_dictionaries(
    {
        "issues": st.sampled_from([[], ["unresolved_issue"], ["unresolved_issue", "lack_of_empathy"]]),
        "touchpoints": st.sampled_from([[], ["billing"], ["billing", "order"]]),
        "sentiment": st.sampled_from([None, -0.5, 0.5]),
        "read": st.booleans(),
    }
)
batches = st.lists(st.lists(st.tuples(comments, findings), max_size=8), min_size=1, max_size=4)


def everything(conn: Connection) -> dict[tuple[str, str], StoredComment]:
    return {
        (tenant, stored.record.id): stored
        for tenant in ("default", "other")
        for stored in repository.select(conn, tenant, repository.Filters(), 1_000).comments
    }


def contents(engine: Engine) -> tuple[Any, ...]:
    """All that can be seen of a database but the keys, whose order a batch does not promise."""
    with read(engine) as conn:
        assert_exact(conn)
        sums = [sorted(repository.measures(conn, tenant)) for tenant in ("default", "other")]
        return everything(conn), sums


def test_a_batch_is_its_comments_one_by_one(
    databases: Databases, make_record: Make, make_analysis: Make
) -> None:
    with databases.new() as here, databases.new() as there:
        one_by_one, together = open_engine(here), open_engine(there)

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(batches=batches)
        def check(batches: list[list[tuple[dict[str, Any], dict[str, Any]]]]) -> None:
            empty(one_by_one)
            empty(together)
            for number, batch in enumerate(batches):
                arrived = START + timedelta(hours=number)
                pairs = [(make_record(**fields), make_analysis(**found)) for fields, found in batch]
                outcomes = []
                for pair in pairs:
                    with write(one_by_one) as conn:
                        outcomes.append(repository.save(conn, *pair, arrived))
                with write(together) as conn:
                    assert repository.save_all(conn, pairs, arrived) == outcomes
                assert contents(together) == contents(one_by_one)

        check()
        one_by_one.dispose()
        together.dispose()


def test_more_than_a_statement_can_hold(engine: Engine, make_record: Make, make_analysis: Make) -> None:
    pairs = [(make_record(id=f"c{i:05}"), make_analysis(issues=["unresolved_issue"])) for i in range(5_100)]
    changed = [(make_record(id=record.id, text="Other."), analysis) for record, analysis in pairs]
    for batch, outcome in ((pairs, "created"), (pairs, "replayed"), (changed, "replaced")):
        with write(engine) as conn:
            assert set(repository.save_all(conn, batch, START)) == {outcome}
    with read(engine) as conn:
        assert_exact(conn)


@pytest.mark.parametrize("size", [1, 50])
def test_statements_do_not_grow_with_the_batch(
    engine: Engine, make_record: Make, make_analysis: Make, size: int
) -> None:
    statements: list[str] = []
    sa.event.listen(
        engine, "before_cursor_execute", lambda _c, _u, statement, *_rest: statements.append(statement)
    )
    for text in ("one", "two"):
        found = make_analysis(issues=["unresolved_issue"], touchpoints=["billing"])
        with write(engine) as conn:
            repository.save_all(
                conn, [(make_record(id=f"c{i}", text=text), found) for i in range(size)], START
            )
    assert len([one for one in statements if not one.startswith("BEGIN")]) <= 18


def test_writers_at_once_end_in_a_recount(engine: Engine, make_record: Make, make_analysis: Make) -> None:
    """Batches with the same ids in other orders, replays and deletes: none waits for ever, none fails."""
    failures: list[BaseException] = []

    def pair(dice: random.Random) -> Pair:
        record: CommentRecord = make_record(
            id=dice.choice(IDS) + str(dice.randrange(4)),
            text=dice.choice(["one", "two", "three"]),
            tenant=dice.choice(["default", "other"]),
            occurred_at=START + timedelta(days=dice.randrange(3)),
            customer_id=dice.choice([None, "u1", "u2"]),
            nps=dice.randrange(11),
        )
        found: Analysis = make_analysis(
            issues=dice.sample(["unresolved_issue", "lack_of_empathy"], dice.randrange(3)),
            touchpoints=dice.sample(["billing", "support", "digital"], dice.randrange(4)),
            sentiment=round(dice.uniform(-1, 1), 1),
        )
        return record, found

    def work(seed: int) -> None:
        dice = random.Random(seed)
        sent: list[Pair] = [pair(dice)]
        try:
            for _ in range(40):
                batch = [pair(dice) if dice.random() < 0.7 else dice.choice(sent) for _ in range(10)]
                sent = batch
                with write(engine) as conn:
                    match dice.random():
                        case chance if chance < 0.7:
                            repository.save_all(conn, batch, START)
                        case chance if chance < 0.85:
                            repository.delete(conn, "default", batch[0][0].id)
                        case _:
                            repository.delete_customer(conn, "default", dice.choice(["u1", "u2"]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with read(engine) as conn:
        assert_exact(conn)
        assert everything(conn)


def test_rows_go_to_postgresql_in_no_pipeline(
    engine: Engine, make_record: Make, make_analysis: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite is no server")
    piped: list[object] = []
    # The driver makes a pipeline of what comes here.
    monkeypatch.setattr(psycopg.Cursor, "executemany", lambda _self, query, *_given: piped.append(query))
    found = make_analysis(issues=["unresolved_issue"], touchpoints=["billing"])
    with write(engine) as conn:
        repository.save_all(conn, [(make_record(id=f"c{number}"), found) for number in range(3)], START)
    assert piped == []
