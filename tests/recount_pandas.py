"""Are the stored sums and the metrics those that pandas counts from the files? On real answers, on both databases.

    python -m tests.recount_pandas                                    # telecom and NHS answers, SQLite and PostgreSQL
    python -m tests.recount_pandas --file ../shared/data/touchpoints/telecom_nps.jsonl --database sqlite
    python -m tests.recount_pandas --database URL                     # a store of yours: filled first, if it is empty

Each file goes into a store of its own by `listenwell backfill` with the weightless model. Then the file is read again
by pandas, and with the stored analyses beside it everything is counted anew (`tests.pandas_counts`): the sums of every
touchpoint, day and month, and every metric of each, unrounded, and of all days as `listenwell touchpoints` prints it.
Counts must be equal and rates, means and ends of intervals within 1e-9; printed ones within half of their last digit.
The estimated rates are held by the error counts of the shipped model's card, since the weightless model has none.
The exit status is 1 with the first differences.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import sqlalchemy as sa
from click.testing import CliRunner

import models
from models.command import main as listenwell
from service.database import migrate, open_engine, read
from service.metrics import Rules, overview, touchpoint_metrics, values
from service.settings import Settings
from service.tables import analysis, comment, rollup, rollup_month
from tests import pandas_counts
from tests.databases import KINDS
from tests.page_timings import say, store

DATA = Path(__file__).parents[2] / "shared" / "data"
FILES = (DATA / "touchpoints" / "telecom_nps.jsonl", DATA / "backfill" / "nhs_comments.jsonl.gz")
SCORES = ("nps", "csat", "ces")
NEARLY = 1e-9
Errors = Mapping[str, Mapping[str, int]]


def backfilled(file: Path, url: str) -> None:
    """Store a file as its owner would. Raises `RuntimeError` where a row is not stored."""
    environment = {"LISTENWELL_DATABASE_URL": url, "LISTENWELL_MODEL": "weightless"}
    done = CliRunner().invoke(listenwell, ["backfill", str(file)], env=environment)
    if done.exit_code:
        raise RuntimeError(done.output[-2_000:]) from done.exception


def read_comments(file: Path, engine: sa.Engine) -> pd.DataFrame:
    """What the file says of every comment, and beside it what was stored as its analysis (`body`)."""
    sent = pd.read_csv(file, dtype={"id": str}) if file.suffix == ".csv" else _json_lines(file)
    days = pd.to_datetime(sent["occurred_at"], utc=True, format="ISO8601").dt.tz_localize(None).dt.floor("D")
    scores = {name: pd.to_numeric(sent[name]) if name in sent else float("nan") for name in SCORES}
    sent = sent[["id", "touchpoint"]].assign(day=days, **scores).set_index("id")
    with engine.connect() as conn:
        query = sa.select(comment.c.id, analysis.c.body).join_from(comment, analysis)
        stored = pd.DataFrame(conn.execute(query).all(), columns=["id", "body"]).set_index("id")
    if len(stored) != len(sent) or set(stored.index) != set(sent.index):
        raise RuntimeError(f"{len(sent):,} comments in the file, {len(stored):,} in the store")
    return sent.join(stored).reset_index()


def _json_lines(file: Path) -> pd.DataFrame:
    with (
        gzip.open(file, "rt", encoding="utf-8")
        if file.suffix == ".gz"
        else file.open(encoding="utf-8") as lines
    ):
        return pd.DataFrame([one | one.get("scores", {}) for one in map(json.loads, lines)])


def differences(
    engine: sa.Engine, comments: pd.DataFrame, errors: Errors
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """What is compared, how many numbers that are, and a row for each that differs."""
    rows = pandas_counts.placed(comments)
    for period, table in (("day", rollup), ("month", rollup_month)):
        expected = pandas_counts.counted(rows, period)
        yield f"sums of each {period}", *_apart(expected.where(expected != 0), _sums(engine, table, period))
    model = models.load("weightless")
    rules = Rules.of(Settings(model="weightless"), model.taxonomy, model.version, errors)
    labels = {"issues": rules.issues, "strengths": rules.strengths}
    with patch.object(values, "rounded", lambda value, digits: value):
        for period in ("day", "month"):
            expected = pandas_counts.metrics(rows, period, labels, errors)
            yield f"metrics of each {period}", *_apart(expected, _series(engine, rules, period))
        expected = pandas_counts.metrics(rows, "all", labels, errors)
        yield "metrics of all days", *_apart(expected, _whole(engine, rules))
    printed = _printed(engine)
    expected = pandas_counts.metrics(rows, "all", labels, {})
    yield "metrics of all days as printed", *_apart(expected, printed, _half_digits(printed))


def _sums(engine: sa.Engine, table: sa.Table, period: str) -> pd.DataFrame:
    columns = table.c.touchpoint, table.c[period], table.c.measure, table.c.value
    with engine.connect() as conn:
        stored = pd.DataFrame(
            conn.execute(sa.select(*columns)).all(), columns=["place", "day", "measure", "value"]
        )
    stored["day"] = pd.to_datetime(stored["day"])
    return stored.pivot(index=["place", "day"], columns="measure", values="value")


def _series(engine: sa.Engine, rules: Rules, period: Any) -> pd.DataFrame:
    found = {}
    with read(engine) as conn:
        for place in _places(conn):
            for one in touchpoint_metrics(conn, "default", place, rules, grain=period)["series"]:
                found[place, pd.Timestamp(one["from"])] = flat(one)
    return pd.DataFrame.from_dict(found, orient="index")


def _places(conn: sa.Connection) -> list[str]:
    return sorted(conn.scalars(sa.select(rollup.c.touchpoint).distinct()))


def _whole(engine: sa.Engine, rules: Rules) -> pd.DataFrame:
    with read(engine) as conn:
        return _of_overview(overview(conn, "default", rules))


def _printed(engine: sa.Engine) -> pd.DataFrame:
    url = engine.url.render_as_string(hide_password=False)
    environment = {"LISTENWELL_DATABASE_URL": url, "LISTENWELL_MODEL": "weightless"}
    return _of_overview(
        json.loads(CliRunner().invoke(listenwell, ["touchpoints", "--json"], env=environment).stdout)
    )


def _of_overview(found: Mapping[str, Any]) -> pd.DataFrame:
    objects = (found["total"], *found["touchpoints"])
    return pd.DataFrame.from_dict(
        {(one["touchpoint"], pd.Timestamp(0)): flat(one) for one in objects}, orient="index"
    )


def flat(answer: Mapping[str, Any]) -> dict[str, float]:
    """A touchpoint's object as numbers by name; those that are hidden are NaN."""
    found = {name: answer[name] for name in ("n", "analyzed", "not_analyzed", "no_content", "low_base")}
    found |= {f"model:{version}": count for version, count in answer["model_versions"].items()}
    for name in ("nps", "csat", "ces", "sentiment", "empathy", "effort", "loyalty"):
        found |= _named(name, answer[name])
    for kind in ("issues", "strengths"):
        for one in answer[kind]:
            name = f"{kind}.{one['id']}"
            found[f"{name}.count"] = one["observed"]["count"]
            found |= _named(f"{name}.observed", {key: one["observed"][key] for key in ("rate", "ci95")})
            estimated = one["estimated"] or {"rate": None, "ci95": None}
            found |= _named(f"{name}.estimated", {key: estimated[key] for key in ("rate", "ci95")})
    return found


def _named(name: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """ "ci95" is of the value that stands before it, "net_ci95" of "net"."""
    found, last = {}, ""
    for key, value in parts.items():
        if key.endswith("ci95"):
            of = key.removesuffix("ci95").rstrip("_") or last
            found[f"{name}.{of}.low"], found[f"{name}.{of}.high"] = value or (None, None)
        else:
            found[f"{name}.{key}"], last = value, key
    return found


def _half_digits(printed: pd.DataFrame) -> "pd.Series[float]":
    """Half of the last digit that each is printed with."""
    digits = {"nps": 1, "csat": 4, "ces": 3, "net": 1, "mean": 3, "index": 1, "coverage": 4, "rate": 4}
    parts = {name: [digits[part] for part in str(name).split(".") if part in digits] for name in printed}
    return pd.Series({name: 0.5 * 10.0 ** -found[0] if found else 0.0 for name, found in parts.items()})


def _apart(
    expected: pd.DataFrame, found: pd.DataFrame, slack: "pd.Series[float] | None" = None
) -> tuple[int, pd.DataFrame]:
    """How many numbers there are in either, and those that are not in both alike but for the `slack` of a column."""
    index, columns = expected.index.union(found.index), expected.columns.union(found.columns)
    one, other = (frame.reindex(index, columns=columns).astype(float) for frame in (expected, found))
    allowed = NEARLY + (0.0 if slack is None else slack.reindex(columns, fill_value=0.0).to_numpy())
    there = one.notna() | other.notna()
    # What only one of them has is apart by no number, and so not alike.
    wrong = there & ~((one - other).abs() <= allowed)
    pairs = pd.DataFrame({"pandas": one.stack(), "stored": other.stack()})
    return int(there.to_numpy().sum()), pairs[wrong.stack()]


def check(file: Path, url: str) -> bool:
    """Fill, recount, say; whether all is equal."""
    engine = open_engine(url)
    migrate(engine)
    with engine.connect() as conn:
        there = conn.scalar(sa.select(sa.func.count()).select_from(comment))
    if not there:
        began = time.monotonic()
        backfilled(file, url)
        say(f"{file.name}: back-filled in {time.monotonic() - began:.0f} s")
    comments = read_comments(file, engine)
    places, days = comments["touchpoint"].nunique(), comments["day"].nunique()
    say(f"{file.name}: {len(comments):,} comments, {places} touchpoints of their own, {days:,} days")
    sound = True
    for what, numbers, wrong in differences(engine, comments, models.load().calibration.errors):
        say(f"  {what}: {numbers:,} numbers, {len(wrong):,} differ")
        if len(wrong):
            sound = False
            say(wrong.head(20).to_string())
    engine.dispose()
    return sound


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--file", type=Path, action="append", help="CSV or JSON lines as the contract has them"
    )
    parser.add_argument("--database", default="both", help="sqlite, postgresql, both, or a URL")
    given = parser.parse_args()
    sound = True
    for database in KINDS if given.database == "both" else (given.database,):
        say(f"== {database.partition(':')[0]}")
        for file in given.file or FILES:
            with tempfile.TemporaryDirectory() as folder, store(database, Path(folder)) as url:
                sound &= check(file, url)
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
