"""How long every page and metrics call takes on a large store, and how large a first view is.

    python -m tests.page_timings                                    # a million comments on SQLite and PostgreSQL
    python -m tests.page_timings --comments 50000 --database sqlite
    python -m tests.page_timings --database URL                     # a store of yours; filled first if it is empty
    python -m tests.page_timings --database URL --cached PATH       # with its files kept in the system's page cache

The store is filled in bulk (`tests.filling`: 20 touchpoints, 18 months, weightless model), a sample of it is held
against a recount, and then the application is asked in its own process: each call 40 times with other touchpoints,
labels, days and words, all calls in turns, after one round that is not counted. Prints p50 and p95 in milliseconds
for each call, by the clock and by the processor (its own and, of a PostgreSQL on this machine, all its processes, to
ten milliseconds: what is left where others want the processor too), and the bytes of HTML, stylesheet and scripts of
a first view. Some virtual machines empty the page cache within a minute: without `--cached` it is their disk that is
timed there. The exit status is 1 where a p95 by the clock is not below 300 ms or a first view not below 150 KB.
"""

import argparse
import gc
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import numpy as np
import psutil  # type: ignore[import-untyped]
from sqlalchemy.engine import Engine
from starlette.testclient import TestClient

import models
from service import repository
from service.app import create_app
from service.database import open_engine, read
from service.settings import Settings
from tests.databases import KINDS, Databases, PostgresServer
from tests.filling import CHANNELS, END, PLACES, check_sample, fill, settle

MOST_MS = 300.0
MOST_BYTES = 150_000
_CACHED_SECONDS = 15.0
ISSUES = ("poor_communication", "unresolved_issue", "lack_of_empathy", "poor_user_experience")
STRENGTHS = ("caring_treatment", "easy_to_use", "clear_communication", "quick_resolution")
COMMON = ("delivery", "please", "great", "order", "the", "not")
SEVERAL = ("bench", "secateurs", "refund", "voucher", "parcel")
Call = Callable[[Random], str]
Taken = dict[str, list[tuple[float, float]]]


def calls() -> dict[str, Call]:
    """The address of each call, by its name; another one each time."""
    return _pages() | _evidence() | _metrics()


def _pages() -> dict[str, Call]:
    return {
        "journey": lambda rng: "/",
        "journey, some days": lambda rng: _path("/", _range(rng)),
        "heat map": lambda rng: _path("/heatmap", {"show": rng.choice(("issue", "strength"))}),
        "heat map, some days": lambda rng: _path("/heatmap", _range(rng)),
        "story": lambda rng: f"/touchpoints/{rng.choice(PLACES)}",
        "story, some days": lambda rng: _path(f"/touchpoints/{rng.choice(PLACES)}", _range(rng)),
        "story of all": lambda rng: "/all",
        "drivers page": lambda rng: _path(f"/touchpoints/{rng.choice(PLACES)}/drivers", _score(rng)),
        "emerging": lambda rng: "/emerging",
        "emerging, touchpoint": lambda rng: _path("/emerging", _place(rng) | _range(rng)),
        "review page": lambda rng: _path(
            "/review", {"stream": rng.choice(("uncertain", "audit", "disputed"))}
        ),
    }


def _evidence() -> dict[str, Call]:
    page = "/comments"
    return {
        "evidence": lambda rng: page,
        "evidence, touchpoint": lambda rng: _path(page, _place(rng)),
        "evidence, cell": lambda rng: _path(page, _place(rng) | _label(rng)),
        "evidence, cell, some days": lambda rng: _path(page, _place(rng) | _label(rng) | _range(rng)),
        "evidence, all filters": lambda rng: _path(
            page, _place(rng) | _label(rng) | _mood(rng) | _range(rng)
        ),
        "evidence, issue and strength": lambda rng: _path(
            page, {"issue": rng.choice(ISSUES), "strength": rng.choice(STRENGTHS)} | _place(rng)
        ),
        "evidence, mood": lambda rng: _path(
            page, _mood(rng) | {"empathy": rng.choice(("caring", "uncaring"))}
        ),
        "evidence, common word": lambda rng: _path(page, {"q": rng.choice(COMMON)}),
        "evidence, word": lambda rng: _path(page, {"q": rng.choice(SEVERAL)}),
        "evidence, one comment's number": lambda rng: _path(page, {"q": f"Ref {rng.randint(1, 50_000):07d}"}),
        "evidence, no such word": lambda rng: _path(
            page, {"q": rng.choice(("zeppelin", "quokka", "xylophone"))}
        ),
        "evidence, two letters": lambda rng: _path(page, {"q": rng.choice(("ed", "it", "re"))}),
        "evidence, word and filters": lambda rng: _path(
            page, {"q": rng.choice(SEVERAL + COMMON)} | _place(rng) | _label(rng)
        ),
        "comments, word and days": lambda rng: _path(
            "/v1/comments", {"q": rng.choice(SEVERAL), "limit": "50"} | _range(rng)
        ),
    }


def _metrics() -> dict[str, Call]:
    own = "/v1/touchpoints/{}/metrics"
    return {
        "touchpoints": lambda rng: "/v1/touchpoints",
        "touchpoints, some days": lambda rng: _path("/v1/touchpoints", _range(rng)),
        "metrics": lambda rng: own.format(rng.choice(PLACES)),
        "metrics, compared": lambda rng: _path(
            own.format(rng.choice(("*", *PLACES))), _range(rng) | {"compare": "previous"}
        ),
        "metrics by day, 90 days": lambda rng: _path(own.format("*"), _last(90) | {"grain": "day"}),
        "metrics by week": lambda rng: _path(own.format(rng.choice(PLACES)), {"grain": "week"}),
        "metrics by month": lambda rng: _path(own.format(rng.choice(PLACES)), {"grain": "month"}),
        "drivers": lambda rng: _path(f"/v1/touchpoints/{rng.choice(PLACES)}/drivers", _score(rng)),
        "drivers of all": lambda rng: _path("/v1/touchpoints/*/drivers", _score(rng)),
        "segments of all": lambda rng: _path("/v1/segments", _by(rng)),
        "segments": lambda rng: _path("/v1/segments", _by(rng) | _place(rng)),
        "segments, some days": lambda rng: _path("/v1/segments", _by(rng) | _range(rng)),
        "alerts": lambda rng: _path("/v1/alerts", {"to": _day(rng.randint(0, 60))}),
        "review": lambda rng: _path("/v1/review", {"stream": rng.choice(("uncertain", "audit"))}),
        "agreement": lambda rng: "/v1/review/agreement",
    }


def _path(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}"


def _day(before: int) -> str:
    return (END - timedelta(days=before)).date().isoformat()


def _last(days: int) -> dict[str, str]:
    return {"from": _day(days), "to": _day(0)}


def _range(rng: Random) -> dict[str, str]:
    """A week to half a year, newest or not."""
    end, days = rng.choice((0, 0, rng.randint(1, 180))), rng.choice((7, 28, 90, 180))
    return {"from": _day(end + days), "to": _day(end)}


def _place(rng: Random) -> dict[str, str]:
    return {"touchpoint": rng.choice(PLACES)}


def _label(rng: Random) -> dict[str, str]:
    kind, ids = rng.choice((("issue", ISSUES), ("strength", STRENGTHS)))
    return {kind: rng.choice(ids)}


def _mood(rng: Random) -> dict[str, str]:
    return {"sentiment": rng.choice(("negative", "neutral", "positive"))}


def _score(rng: Random) -> dict[str, str]:
    return {"metric": rng.choice(("nps", "csat", "ces"))}


def _by(rng: Random) -> dict[str, str]:
    return {"by": rng.choice(("channel", "metadata.region", "metadata.vip"))}


def measure(
    client: TestClient, rounds: int, only: str = "", processor: Callable[[], float] = time.process_time
) -> Taken:
    """Milliseconds of every call, by the clock and by the processor. Raises `RuntimeError` where one is not 200."""
    taken: Taken = defaultdict(list)
    rng = Random(11)
    for round in range(rounds + 1):
        for name, call in calls().items():
            if only not in name:
                continue
            address = call(rng)
            spent, began = processor(), time.perf_counter()
            answer = client.get(address)
            clock = time.perf_counter() - began
            if answer.status_code != 200:
                raise RuntimeError(f"{address}: {answer.status_code} {answer.text[:300]}")
            if round:
                taken[name].append((1000 * clock, 1000 * (processor() - spent)))
    return taken


def processor_of(engine: Engine) -> Callable[[], float]:
    """Seconds of the processor that this process and a PostgreSQL beside it have taken so far."""
    if engine.dialect.name == "sqlite":
        return time.process_time
    with read(engine) as conn:
        backend = conn.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        there = conn.exec_driver_sql("SELECT inet_server_addr()").scalar_one()
    if there is not None:
        return time.process_time
    server = psutil.Process(backend).parent()

    def seconds() -> float:
        ended = server.cpu_times()
        running = (one.cpu_times() for one in server.children())
        theirs = sum(times.user + times.system for times in running)
        return time.process_time() + theirs + ended.children_user + ended.children_system

    return seconds


def first_views(client: TestClient) -> dict[str, int]:
    """Bytes of each page with its stylesheet and scripts, as sent without compression."""
    found = {}
    for path in ("/", "/heatmap", "/all", f"/touchpoints/{PLACES[0]}", "/comments", "/emerging", "/review"):
        page = client.get(path)
        assets = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
        found[path] = len(page.content) + sum(len(client.get(asset).content) for asset in assets)
    return found


def say(line: str) -> None:
    """To whoever waits, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def report(taken: Taken, views: dict[str, int]) -> bool:
    """Print the tables; whether all figures are reached."""
    sound = True
    say(f"{'call':32} {'n':>4} {'p50 ms':>8} {'p95 ms':>8} {'p50 cpu':>8} {'p95 cpu':>8}")
    for name, times in taken.items():
        (p50, cpu50), (p95, cpu95) = np.percentile(times, (50, 95), axis=0)
        sound &= bool(p95 < MOST_MS)
        missed = "" if p95 < MOST_MS else "  MISSED"
        say(f"{name:32} {len(times):4} {p50:8.0f} {p95:8.0f} {cpu50:8.0f} {cpu95:8.0f}{missed}")
    for path, size in views.items():
        sound &= size < MOST_BYTES
        say(f"first view of {path}: {size / 1000:.1f} KB{'' if size < MOST_BYTES else '  MISSED'}")
    return sound


@contextmanager
def store(database: str, folder: Path) -> Iterator[str]:
    """The URL of a new, migrated store of a kind, or the one that was named."""
    if database == "sqlite":
        with Databases("sqlite", folder).new() as url:
            yield url
    elif database == "postgresql":
        with PostgresServer() as server, Databases("postgresql", folder, server).new() as url:
            yield url
    else:
        yield database


def run(url: str, comments: int, rounds: int, only: str) -> bool:
    """Fill, check, ask and report."""
    settings = Settings(model="weightless", database_url=url)
    with TestClient(create_app(settings, models.load("weightless").analyze)) as client:
        engine = open_engine(url)
        with read(engine) as conn:
            there = repository.count(conn, "default")
        if not there:
            began = time.monotonic()
            fill(engine, comments)
            settle(engine)
            seconds = time.monotonic() - began
            say(f"filled in {seconds:.0f} s; {check_sample(engine):,} comments recounted")
        processor = processor_of(engine)
        engine.dispose()
        # As `listenwell serve` does after its start: no look for cycles goes through all that is there for good.
        gc.collect()
        gc.freeze()
        say(f"{there or comments:,} comments, {len(PLACES)} touchpoints, {len(CHANNELS)} channels")
        return report(measure(client, rounds, only, processor), first_views(client))


def _keep_read(path: Path) -> None:
    while True:
        time.sleep(_CACHED_SECONDS)
        _read(path)


def _read(path: Path) -> None:
    """All of a file, or of the files in a folder and below it, so that the system keeps them in memory."""
    # In a process of its own: what it costs is not this one's processor time.
    subprocess.run(
        ["find", path, "-type", "f", "-exec", "cat", "{}", "+"], stdout=subprocess.DEVNULL, check=True
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--comments", type=int, default=1_000_000)
    parser.add_argument("--database", default="both", help="sqlite, postgresql, both, or a URL")
    parser.add_argument("--rounds", type=int, default=40, help="how often each call is asked")
    parser.add_argument("--only", default="", help="only calls with this in their names")
    parser.add_argument("--cached", type=Path, help="the file or folder that the store is in")
    given = parser.parse_args()
    if given.cached is not None:
        _read(given.cached)
        threading.Thread(target=_keep_read, args=(given.cached,), daemon=True).start()
    sound = True
    for database in KINDS if given.database == "both" else (given.database,):
        say(f"== {database.partition(':')[0]}")
        with tempfile.TemporaryDirectory() as folder, store(database, Path(folder)) as url:
            sound &= run(url, given.comments, given.rounds, given.only)
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
