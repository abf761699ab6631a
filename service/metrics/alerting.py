"""What changed at which touchpoint, since when, and where its comments are: alerts from daily sums.

with read(engine) as conn:
    alerts(conn, "default", rules, date(2026, 11, 21))          as of the evening of November 20
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
from sqlalchemy.engine import Connection

from service.metrics.sums import Rules
from service.metrics.values import rounded
from service.rollup_repository import Measure, analyzed_at_least, last_day, tag_measures
from service.rollups import CORRECTED, LABEL, MODEL
from service.statistics.changes import DAYS, MIN_COMMENTS, WEEK, Change, changes, judged

Days = dict[str, dict[str, list[int]]]


@dataclass(frozen=True)
class Watch:
    """The alerts as of the evening before `until`, of how many rates of touchpoints that had comments enough in the
    last week, and the touchpoints at which there was enough to go by for any."""

    until: date
    alerts: list[dict[str, Any]]
    watched: int
    judged: frozenset[str]


def alerts(conn: Connection, tenant: str, rules: Rules, until: date | None = None) -> dict[str, Any]:
    """What is watched, as `/v1/alerts` says it; see `watch`, and `lately` where no day is said."""
    found = lately(conn, tenant, rules) if until is None else watch(conn, tenant, rules, until)
    return {"until": found.until.isoformat(), "watched": found.watched, "alerts": found.alerts}


def lately(conn: Connection, tenant: str, rules: Rules, to_day: date | None = None) -> Watch:
    """As of the last whole day that is looked at, but not after the last one with a comment: a feed that comes late
    would else be judged by days that are still empty."""
    last = last_day(conn, tenant)
    today = datetime.now(UTC).date()
    end = min(today, to_day or today, last + timedelta(days=1) if last and last < date.max else today)
    if last is None or end.toordinal() <= DAYS:
        return Watch(end, [], 0, frozenset())
    return watch(conn, tenant, rules, end)


def watch(conn: Connection, tenant: str, rules: Rules, until: date) -> Watch:
    """All rates of the model's tags that are no longer what they were on the day before `until`, the surest first.

    Of its own tags: people who correct the comments of some days only change no rate. Touchpoints with too few comments
    in the last week for anything to be said are not looked at.

    Days on which any other model version tagged comments are left out: after a change of model the alerts wait
    until there is a baseline again, which a rescore gives at once.
    """
    first = until - timedelta(days=DAYS)
    places = analyzed_at_least(conn, tenant, MIN_COMMENTS, until - timedelta(days=WEEK), until)
    labels = [label for _, label in rules.labels]
    by_place = _by_day(tag_measures(conn, tenant, places, labels, first, until), first)
    watched = [(place, kind, label) for place in places for kind, label in rules.labels]
    nothing = [0] * DAYS
    counts, comments = np.zeros((len(watched), DAYS)), np.zeros((len(watched), DAYS))
    for row, (place, _, label) in enumerate(watched):
        sums = by_place[place]
        analyzed = np.array(sums.get("analyzed", nothing))
        own = analyzed == np.array(sums.get(MODEL + rules.model_version, nothing))
        comments[row] = analyzed * own
        corrected = np.array(sums.get(CORRECTED + label, nothing))
        counts[row] = np.clip(np.array(sums.get(LABEL + label, nothing)) - corrected, 0, analyzed) * own
    weekdays = np.array([(first + timedelta(days=day)).weekday() for day in range(DAYS)])
    found = changes(counts, comments, weekdays)
    return Watch(
        until,
        [_alert(change, *watched[change.series], first, until) for change in found],
        len(watched),
        frozenset(watched[row][0] for row in judged(comments)),
    )


def _by_day(measures: Iterable[Measure], first: date) -> Days:
    found: Days = defaultdict(lambda: defaultdict(lambda: [0] * DAYS))
    for place, day, measure, value in measures:
        found[place][measure][(day - first).days] = value
    return found


def _alert(change: Change, place: str, kind: str, label: str, first: date, until: date) -> dict[str, Any]:
    since = first + timedelta(days=change.since)
    evidence = {"touchpoint": place, kind: label, "from": since.isoformat(), "to": until.isoformat()}
    return {
        "touchpoint": place,
        "label": label,
        "polarity": kind,
        "since": since.isoformat(),
        "direction": "up" if change.rate > change.expected else "down",
        "rate": rounded(change.rate, 4),
        "expected": rounded(change.expected, 4),
        "n": change.n,
        "p": float(f"{change.p:.2g}"),
        "comments": f"/v1/comments?{urlencode(evidence)}",
    }
