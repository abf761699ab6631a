"""Opening, locking and migrating a database."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from models import InputError
from service import rollup_repository, tables
from service.database import alembic_config, glance, migrate, newest_revision, open_engine, read, write
from service.turns import Turns
from tests.databases import Databases, PostgresServer

ROOT = Path(__file__).parents[2]


def test_sqlite_is_opened_for_service(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with read(engine) as conn:
        settings = {
            name: conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 30_000}
    engine.dispose()


def test_a_glance_sees_what_was_just_written_and_fails_as_a_read_does(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(sa.exc.OperationalError, match="no such table"):
        glance(engine, "SELECT 1 FROM seen")
    with write(engine) as conn:
        conn.exec_driver_sql("CREATE TABLE seen (id INTEGER)")
    assert glance(engine, "SELECT 1 FROM seen") is None
    with write(engine) as conn:
        conn.exec_driver_sql("INSERT INTO seen VALUES (7)")
        assert glance(engine, "SELECT id FROM seen") is None
    assert glance(engine, "SELECT id FROM seen") == (7,)


def test_postgresql_is_opened_for_service(postgres_server: PostgresServer) -> None:
    # As people write it, without the driver's name.
    engine = open_engine(postgres_server.url("postgres").replace("+psycopg", ""))
    timeouts = ("lock_timeout", "idle_in_transaction_session_timeout")
    asked = ("transaction_isolation", "transaction_read_only", "TimeZone", *timeouts)
    show = sa.select(*(sa.func.current_setting(name) for name in asked))
    with read(engine) as conn:
        assert conn.execute(show).one() == ("repeatable read", "on", "UTC", "30s", "2min")
    with write(engine) as conn:
        assert conn.execute(show).one() == ("read committed", "off", "UTC", "30s", "2min")
    engine.dispose()


def test_a_moment_is_the_same_wherever_it_was_written_down(engine: Engine) -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    here = datetime(2026, 11, 20, 23, 30, tzinfo=timezone(timedelta(hours=-3)))
    for moment in (far, here, datetime(1970, 1, 1, tzinfo=UTC)):
        with read(engine) as conn:
            assert conn.scalar(sa.select(sa.literal(moment, tables.UtcDateTime()))) == moment


@pytest.mark.parametrize(
    "url", ["", "no url", "sqlite://", "sqlite:///:memory:", "nosuch://host/db", "mysql://host/db"]
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        open_engine(url)
    assert caught.value.code == "database_unavailable"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone/listenwell\.db") as caught:
        open_engine(f"sqlite:///{tmp_path}/gone/listenwell.db")
    assert caught.value.code == "database_unavailable"


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database, but something of somebody's. " * 100)
    with pytest.raises(InputError, match="not a database"):
        open_engine(f"sqlite:///{path}")
    assert path.read_text().startswith("Not a database")


def test_a_password_is_never_shown() -> None:
    with pytest.raises(InputError) as caught:
        open_engine("nosuch://me:secret@host/db")
    assert "secret" not in str(caught.value)


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    row = {"tenant": "t", "touchpoint": "*", "day": date(2026, 1, 1), "measure": "n", "value": 1}

    def fail() -> None:
        with write(engine) as conn:
            conn.execute(tables.rollup.insert().values(row))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with read(engine) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(tables.rollup)) == 0


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_of_it(engine: Engine) -> None:
    count = sa.select(sa.func.count()).select_from(tables.rollup)
    row = {"tenant": "t", "touchpoint": "*", "day": date(2026, 1, 1), "measure": "n", "value": 1}
    with write(engine) as writer:
        writer.execute(tables.rollup.insert().values(row))
        with read(engine) as reader:
            assert reader.scalar(count) == 0
    with read(engine) as reader:
        assert reader.scalar(count) == 1


def test_a_second_writer_of_the_same_waits_for_the_first(engine: Engine) -> None:
    order: list[str] = []

    def second() -> None:
        with write(engine) as conn:
            rollup_repository.apply(conn, "t", {("*", date(2026, 1, 1), "n"): 1})
            order.append("second")

    with write(engine) as conn:
        rollup_repository.apply(conn, "t", {("*", date(2026, 1, 1), "n"): 1})
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_lower_case_knows_more_than_ascii(engine: Engine) -> None:
    with read(engine) as conn:
        assert conn.execute(sa.select(sa.func.lower("CAFÉ ÜBER ΣΟΦΙΑ"), sa.func.lower(None))).one() == (
            "café über σοφια",
            None,
        )


def test_the_migrations_make_the_tables(engine: Engine) -> None:
    with read(engine) as conn:
        context = MigrationContext.configure(
            conn,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                # What finds words in texts has no words in SQLAlchemy.
                "include_name": lambda name, *_: not (name or "").startswith("comment_text"),
            },
        )
        assert compare_metadata(context, tables.metadata) == []


def test_down_and_up_again(engine: Engine) -> None:
    """Also with rows in the tables that go."""
    with write(engine) as conn:
        row = {"tenant": "t", "touchpoint": "*", "day": date(2026, 1, 1), "measure": "n", "value": 1}
        conn.execute(tables.rollup.insert().values(row))
    with write(engine) as conn:
        command.downgrade(alembic_config(conn), "base")
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    migrate(engine)
    assert set(tables.metadata.tables) < set(sa.inspect(engine).get_table_names())


@pytest.fixture
def new_url(databases: Databases) -> Iterator[str]:
    """A database in which there is nothing yet."""
    with databases.new(migrated=False) as url:
        yield url


def test_a_failed_migration_leaves_nothing(new_url: str) -> None:
    engine = open_engine(new_url)
    with write(engine) as conn:
        conn.exec_driver_sql("CREATE TABLE rollup (something_else INTEGER)")
    with pytest.raises(sa.exc.DatabaseError, match="already exists"):
        migrate(engine)
    assert sa.inspect(engine).get_table_names() == ["rollup"]
    engine.dispose()


def test_several_processes_may_start_on_a_new_database_at_once(new_url: str) -> None:
    code = "import sys; from service.database import *; migrate(open_engine(sys.argv[1]))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, new_url], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    engine = open_engine(new_url)
    with read(engine) as conn:
        newest = ScriptDirectory.from_config(alembic_config(conn)).get_current_head()
        assert conn.exec_driver_sql("SELECT version_num FROM alembic_version").all() == [(newest,)]
    engine.dispose()


def test_the_newest_migration_is_where_alembic_would_go(engine: sa.Engine) -> None:
    with read(engine) as conn:
        heads = ScriptDirectory.from_config(alembic_config(conn)).get_heads()
    assert heads == [newest_revision()]


def test_writers_get_their_turn_in_the_order_in_which_they_came() -> None:
    turns, order = Turns(), list[int]()
    with turns.take(1) as own:
        assert own
        with turns.take(0.01) as late:
            assert not late, "it waits no longer than that"

        def wait(number: int) -> None:
            with turns.take(20):
                order.append(number)

        threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
        for number, thread in enumerate(threads):
            thread.start()
            deadline = time.monotonic() + 10
            while len(turns._waiting) <= number and time.monotonic() < deadline:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]
    with turns.take(0) as own:
        assert own
