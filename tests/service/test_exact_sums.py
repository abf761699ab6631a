"""The daily sums equal a recount of the comments, whatever happens and whoever looks when."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

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
from sqlalchemy import Engine

from models import Analysis, InputError, taxonomy
from service import repository
from service.corrections.correcting import correct
from service.corrections.correction import read_correction
from service.database import read, write
from service.records import CommentRecord
from service.tables import rollup
from tests.databases import empty
from tests.recount import assert_exact

START = datetime(2026, 11, 1, tzinfo=UTC)
IDS = [f"c{i}" for i in range(6)]


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
        "sentiment": optional([-1.0, -0.4107, 0.0, 0.0001, 0.4107]),
        "empathy": optional([-0.55, 0.0, 0.3333]),
        "read": st.sampled_from([True, True, False]),
        "no_content": st.sampled_from([False, False, True]),
        "version": st.sampled_from(["m1", "m2"]),
    }
)
corrections = st.fixed_dictionaries(
    {
        "labels": st.one_of(
            st.just({"add": ["poor_communication"], "remove": ["caring_treatment"]}),
            st.just({"add": ["caring_treatment"]}),
            st.just({"remove": ["poor_communication", "lack_of_empathy"]}),
        )
    },
    optional={"sentiment": st.sampled_from([-2, "negative", 0, 1]), "empathy": st.sampled_from([None, 2])},
)
tenants = st.sampled_from(["default", "other"])


class Life(RuleBasedStateMachine):
    """Comments come, come again, change and go; `theirs` is what the clients believe is stored."""

    # Set by the test, which has them as fixtures.
    engine: ClassVar[Engine]
    record: ClassVar[Callable[..., CommentRecord]]
    analysis: ClassVar[Callable[..., Analysis]]

    sent = Bundle("sent")

    @initialize()
    def open(self) -> None:
        empty(self.engine)
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

    @rule(tenant=tenants, id=st.sampled_from(IDS), said=corrections)
    def correct_one(self, tenant: str, id: str, said: dict[str, Any]) -> None:
        new = read_correction(said, taxonomy.load(), "anna")
        with write(self.engine) as conn, suppress(InputError):
            # One that is not there, or that the model could not read: neither changes anything.
            correct(conn, tenant, id, new)
            assert (tenant, id) in self.theirs

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


def test_at_any_moment(
    engine: Engine, make_record: Callable[..., CommentRecord], make_analysis: Callable[..., Analysis]
) -> None:
    Life.engine, Life.record, Life.analysis = (
        engine,
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
        assert conn.scalar(sa.select(sa.func.count()).select_from(rollup))
