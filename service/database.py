"""Opening the database, SQLite or PostgreSQL: `open_engine`, `read`, `write`, `migrate`.

    engine = open_engine("sqlite:///listenwell.db")
    migrate(engine)
    with write(engine) as conn:
        repository.save(conn, record, analysis, received_at)

On SQLite a writer takes the write lock when its transaction begins (BEGIN IMMEDIATE) and the others wait for it, in
one process in the order in which they came. On PostgreSQL writers lock the rows they touch, always in the same order.
On both a reader sees the state at its first statement and never waits.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.errors import InputError, MissingExtraError
from service import tracing
from service.turns import Turns

if TYPE_CHECKING:
    from alembic.config import Config

Item = TypeVar("Item")
MIGRATIONS = Path(__file__).with_name("migrations")
LOCK_SECONDS = 30
"""How long a writer waits for the lock of another one."""
IDLE_SECONDS = 120
"""How long PostgreSQL keeps a transaction, and its locks, in which nothing is said: its process may be frozen."""
AWAY: tuple[type[SQLAlchemyError], ...] = (OperationalError, InterfaceError, PoolTimeout)
"""What a statement raises where the database is gone, busy or out of connections: to be tried again later."""
# A statement may hold some 32,000 values on SQLite and 65,000 on PostgreSQL.
_CHUNK = 5_000
_DRIVERS = frozenset({"sqlite", "sqlite+pysqlite", "postgresql+psycopg"})
_WRITES = "listenwell_writes"
_READING: dict[str, dict[str, Any]] = {
    # Several statements of one answer must tell of one moment, as they do on SQLite.
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 5,
    # A server that vanished without a word is noticed in half a minute and not in two hours.
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    # Many short statements of several workers: what one gains by more processes, or by compiling, another loses.
    "options": f"-c timezone=UTC -c lock_timeout={LOCK_SECONDS}s -c max_parallel_workers_per_gather=0 -c jit=off "
    f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s",
}
_TURNS: "WeakKeyDictionary[Engine, Turns]" = WeakKeyDictionary()
_MIGRATION_LOCK = 7_238_114_902  # any number that nothing else on the server locks


def open_engine(url: str) -> Engine:
    """Connect to a database; the schema may not be there yet (see `migrate`).

    Raises `InputError` (`database_unavailable`) if the URL is not one or nothing answers there, and
    `MissingExtraError` for PostgreSQL without its driver.
    """
    parsed = _parse(url)
    shown = parsed.render_as_string(hide_password=True)
    try:
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
        with engine.connect() as conn:
            if engine.dialect.name == "sqlite":
                _write_ahead(conn)
            conn.execute(sa.text("SELECT 1"))
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise InputError(f"database {shown}: {cause}", code="database_unavailable") from error
    return engine


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads; it takes no lock that a writer would wait for."""
    options = _READING.get(engine.dialect.name, {})
    with (
        _span(engine, "database.read"),
        engine.connect().execution_options(**options) as conn,
        conn.begin(),
    ):
        yield conn


def glance(engine: Engine, statement: str) -> Any:
    """The first row of a statement without parameters, or None, for what is asked at every request.

    On SQLite, whose driver begins no transaction for it, it is read past SQLAlchemy, at a tenth of the cost of `read`.
    Raises as `read` does.
    """
    if engine.dialect.name == "sqlite":
        # An error is left to SQLAlchemy, which comes to the same one and has its own words for it.
        with suppress(sqlite3.Error), closing(engine.raw_connection()) as connection:
            return connection.cursor().execute(statement).fetchone()
    with read(engine) as conn:
        return conn.exec_driver_sql(statement).first()


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that may write: committed at the end of the block, rolled back if it raises."""
    with (
        _span(engine, "database.write"),
        _turn(engine),
        engine.connect().execution_options(**{_WRITES: True}) as conn,
        conn.begin(),
    ):
        yield conn


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """In parts of as many values as one statement can hold."""
    return (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest version, in one transaction.

    Safe when several processes start at once: the second waits for the first and finds nothing to do.
    """
    if _is_newest(engine):
        return
    from alembic import command

    with write(engine) as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        command.upgrade(alembic_config(conn), "head")


def alembic_config(conn: Connection) -> "Config":
    """Alembic's configuration, bound to a connection in whose transaction the commands run."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = conn
    return config


def _turn(engine: Engine) -> AbstractContextManager[object]:
    """The writers of this process queue for an SQLite file, which has none for those who wait."""
    turns = _TURNS.get(engine)
    return nullcontext() if turns is None else turns.take(LOCK_SECONDS)


def _span(engine: Engine, name: str) -> AbstractContextManager[object]:
    """A transaction in a trace, with its wait for a connection and for locks."""
    return tracing.span(name, {"db.system.name": engine.dialect.name}, inside=True)


def newest_revision() -> str:
    """The revision that the last of our migrations leads to; their files are numbered by it."""
    return max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def _is_newest(engine: Engine) -> bool:
    """Whether there is nothing to migrate: seen at a look, where Alembic needs half a second to be imported."""
    version = sa.table("alembic_version", sa.column("version_num"))
    with read(engine) as conn:
        known = sa.inspect(conn).has_table(version.name)
        return known and conn.scalars(sa.select(version.c.version_num)).all() == [newest_revision()]


def _parse(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        # The URL itself may hold a password.
        raise InputError("database: not an SQLAlchemy URL", code="database_unavailable") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise InputError(
            "database: SQLite in memory cannot be shared between threads; name a file",
            code="database_unavailable",
        )
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in _DRIVERS:
        raise InputError(
            f"database: must be SQLite or PostgreSQL, not {parsed.drivername}", code="database_unavailable"
        )
    return parsed


def _sqlite(url: URL) -> Engine:
    # The service answers in up to 40 threads and beside them, and a connection to a file costs little.
    # An error's parameters would carry comments into the log.
    engine = sa.create_engine(
        url,
        connect_args={"timeout": LOCK_SECONDS, "check_same_thread": False},
        max_overflow=60,
        hide_parameters=True,
    )
    _TURNS[engine] = Turns()

    @sa.event.listens_for(engine, "connect")
    def prepare(dbapi: Any, _record: object) -> None:
        # The driver's own transaction handling would begin too late and too weakly.
        dbapi.isolation_level = None
        dbapi.execute("PRAGMA synchronous = NORMAL")
        dbapi.execute("PRAGMA foreign_keys = ON")
        # SQLite's own lower() knows ASCII only, and a search for "café" should find "CAFÉ".
        dbapi.create_function("lower", 1, _lower, deterministic=True)

    @sa.event.listens_for(engine, "begin")
    def begin(conn: Connection) -> None:
        writes = conn.get_execution_options().get(_WRITES, False)
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    try:
        engine = sa.create_engine(
            url,
            # What the URL says itself goes before.
            connect_args={name: value for name, value in _POSTGRESQL.items() if name not in url.query},
            # A server that was restarted is met with fresh connections, and no request pays for the old ones.
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=10,
            pool_timeout=10,
            hide_parameters=True,
        )
    except ImportError as error:
        raise MissingExtraError("PostgreSQL needs its driver: pip install -e '.[postgresql]'") from error
    # Rows go in as one statement of many values and not as a pipeline of statements: in a pipeline the server takes
    # a process that was frozen for one that works, and lets it keep its locks for ever.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    return engine


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _write_ahead(conn: Connection) -> None:
    """Switch the file to a write-ahead log, which stays so.

    The switch does not wait for locks as other statements do: two processes may open a new file at once.
    """
    driver: Any = conn.connection.driver_connection
    deadline = time.monotonic() + LOCK_SECONDS
    while driver.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
