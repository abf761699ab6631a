"""What changed at which touchpoint, since when, and where its comments are: alerts from daily sums.

with read(engine) as conn:
    alerts(conn, "default", rules, date(2026, 11, 21))          as of the evening of November 20
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
from sqlalchemy.engine import Connection

from service.metrics.sums import Rules
from service.metrics.values import rounded
from service.rollup_repository import tag_measures
from service.rollups import CORRECTED, LABEL, MODEL
from service.statistics.changes import DAYS, Change, changes, judged

Days = dict[str, dict[str, list[int]]]


@dataclass(frozen=True)
class Watch:
    """The alerts as of the evening before `until`, of how many rates, and the touchpoints at which there was enough to
    go by for any."""

    until: date
    alerts: list[dict[str, Any]]
    watched: int
    judged: frozenset[str]


def alerts(conn: Connection, tenant: str, rules: Rules, until: date) -> dict[str, Any]:
    """What is watched, as `/v1/alerts` says it; see `watch`."""
    found = watch(conn, tenant, rules, until)
    return {"until": until.isoformat(), "watched": found.watched, "alerts": found.alerts}


def watch(conn: Connection, tenant: str, rules: Rules, until: date) -> Watch:
    """All rates of the model's tags that are no longer what they were on the day before `until`, the surest first.

    Of its own tags: people who correct the comments of some days only change no rate.

    Days on which any other model version tagged comments are left out: after a change of model the alerts wait
    until there is a baseline again, which a rescore gives at once.
    """
    first = until - timedelta(days=DAYS)
    by_place = _by_day(conn, tenant, first, until)
    watched = [
        (place, polarity, label)
        for place in sorted(by_place)
        for polarity, ids in (("issue", rules.issues), ("strength", rules.strengths))
        for label in ids
    ]
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


def _by_day(conn: Connection, tenant: str, first: date, until: date) -> Days:
    found: Days = defaultdict(lambda: defaultdict(lambda: [0] * DAYS))
    for place, day, measure, value in tag_measures(conn, tenant, first, until):
        found[place][measure][(day - first).days] = value
    return found


def _alert(change: Change, place: str, polarity: str, label: str, first: date, until: date) -> dict[str, Any]:
    since = first + timedelta(days=change.since)
    evidence = {"touchpoint": place, polarity: label, "from": since.isoformat(), "to": until.isoformat()}
    return {
        "touchpoint": place,
        "label": label,
        "polarity": polarity,
        "since": since.isoformat(),
        "direction": "up" if change.rate > change.expected else "down",
        "rate": rounded(change.rate, 4),
        "expected": rounded(change.expected, 4),
        "n": change.n,
        "p": float(f"{change.p:.2g}"),
        "comments": f"/v1/comments?{urlencode(evidence)}",
    }
