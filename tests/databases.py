"""Databases for tests, on SQLite and on a PostgreSQL that the tests start themselves.

    with PostgresServer() as server, Databases("postgresql", folder, server).new() as url:
        engine = open_engine(url)

A new database is a copy of a migrated, empty one, which takes ten milliseconds on either.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal

import psutil  # type: ignore[import-untyped]
import sqlalchemy as sa

from service.database import migrate, open_engine, write
from service.tables import metadata

Kind = Literal["sqlite", "postgresql"]
KINDS: tuple[Kind, ...] = ("sqlite", "postgresql")
_START_SECONDS = 30


class NotInstalledError(Exception):
    """PostgreSQL's programs or its driver are missing."""


class PostgresServer:
    """A PostgreSQL of its own in a temporary folder: reached by a socket in there, gone at the end.

    Unless it is to be `durable` it survives its own death but not that of the machine: nothing waits for the
    disk. Raises `NotInstalledError` where there is none to start.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._fsync = "on" if durable else "off"
        self._programs = _programs()
        self._owner = _owner()
        # Not pytest's folders: the user postgres may not look into them.
        self.folder = Path(tempfile.mkdtemp(prefix="listenwell-pg-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        if self._owner:
            os.chown(self.folder, self._owner["user"], self._owner["group"])
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(
            [self._programs / "initdb", "--pgdata", self.folder / "data", *options],
            cwd=self.folder,
            capture_output=True,
            text=True,
            **self._owner,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": self._fsync,
            "max_connections": 60,
        }
        command = [self._programs / "postgres", "-D", self.folder / "data"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._owner,
            )
        self._wait()

    def stop(self, *, immediately: bool = False) -> None:
        """End it: with all connections closed in order, or `immediately`, as if it had crashed."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
            self._process.wait(_START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """SIGKILL to the server and all its processes at once."""
        assert self._process is not None
        for one in [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait(_START_SECONDS)

    def backends(self) -> list[psutil.Process]:
        """Its processes that serve a connection to one of the databases."""
        assert self._process is not None
        below = psutil.Process(self._process.pid).children()
        # PostgreSQL names them so: "postgres: postgres test_1 [local] idle".
        return [one for one in below if " test_" in _title(one)]

    def run(self, *statements: str) -> None:
        """Statements that create and drop databases."""
        engine = sa.create_engine(
            self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool
        )
        with engine.connect() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return self.run("SELECT 1")
            except sa.exc.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)


class Databases:
    """Gives out the URLs of new databases of one kind, at the newest version and empty."""

    def __init__(self, kind: Kind, folder: Path, server: PostgresServer | None = None) -> None:
        self.kind = kind
        self.server = server
        self._folder = folder
        self._numbers = count(1)
        if server is not None:
            server.run("CREATE DATABASE template_listenwell")
        self._template = self._url("template_listenwell")
        engine = open_engine(self._template)
        migrate(engine)
        engine.dispose()

    @contextlib.contextmanager
    def new(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a database that nobody else has; gone at the end."""
        name = f"test_{next(self._numbers)}"
        url = self._url(name)
        if self.server is not None:
            template = "template_listenwell" if migrated else "template0"
            self.server.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        elif migrated:
            shutil.copy(self._folder / "template_listenwell.db", self._folder / f"{name}.db")
        try:
            yield url
        finally:
            if self.server is not None:
                self.server.run(f"DROP DATABASE {name} WITH (FORCE)")
            else:
                for ending in ("", "-wal", "-shm"):
                    (self._folder / f"{name}.db{ending}").unlink(missing_ok=True)

    def _url(self, name: str) -> str:
        if self.server is not None:
            return self.server.url(name)
        return f"sqlite:///{self._folder / name}.db"


def empty(engine: sa.Engine) -> None:
    """Delete all rows: quicker than another database where a test needs dozens."""
    with write(engine) as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(table.delete())


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _programs() -> Path:
    """Where initdb and postgres are."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise NotInstalledError("psycopg is not installed: pip install -e '.[test]'") from error
    found = shutil.which("pg_config")
    # Debian's own pg_config fails where the files to build against are not installed.
    told = subprocess.run([found, "--bindir"], capture_output=True, text=True).stdout.split() if found else []
    # Debian keeps them out of the path, one folder for each version.
    newest = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True
    )
    for folder in [*map(Path, told), *newest]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise NotInstalledError("PostgreSQL's programs initdb and postgres are not installed")


def _owner() -> dict[str, Any]:
    """Whom it runs as: PostgreSQL refuses root."""
    if os.getuid():
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError as error:
        raise NotInstalledError("there is no user postgres to run PostgreSQL as") from error
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
