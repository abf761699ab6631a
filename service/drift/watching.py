"""Weeks against the eight weeks before each, per source: what is no longer as it was, and which comments made it so.

with read(engine) as conn:
    drift(conn, "default", rules, taxonomy, date(2026, 11, 9), date(2026, 11, 16), by="channel")
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
from sqlalchemy.engine import Connection

import models
from models.taxonomy import Taxonomy
from service.drift import repository
from service.drift.checks import MIN_NEW, Audits, Finding, audit, enough, findings, matters
from service.drift.repository import Read
from service.drift.sample import Names, Sample, arrays
from service.metrics.sums import Rules
from service.metrics.values import rounded
from service.records import CommentRecord
from service.review.audit_repository import audited
from service.rollups import WHOLE, touchpoints_of
from service.statistics.differences import discoveries

By = Literal["channel", "touchpoint"]
Source = str | None
"""A channel or touchpoint; None is all comments."""
WEEK = timedelta(days=7)
REFERENCE = 8 * WEEK
MOST_WEEKS = 8
FALSE_ALARMS = 0.04
"""Of the alarms of a week over all sources and checks, the share that chance may make: so often a quiet week rings."""
MOST_NEW, MOST_OLD = 2_000, 4_000
"""Comments that are looked at, a random part of more."""
_MOST_SOURCES = 10
"""The largest ones: more checks would need more draws than anybody waits for (`permutations.DRAWS`)."""


def weeks(from_day: date, to_day: date) -> list[date]:
    """The first days of the weeks from one day to before another. Raises `InputError` "invalid_value"."""
    count, rest = divmod((to_day - from_day).days, WEEK.days)
    if rest or not 1 <= count <= MOST_WEEKS:
        raise models.InputError(
            f"from: must be 1 to {MOST_WEEKS} whole weeks before to", code="invalid_value"
        )
    if from_day.toordinal() <= REFERENCE.days:
        raise models.InputError(f"from: must leave {REFERENCE.days} days before it", code="invalid_value")
    return [from_day + week * WEEK for week in range(count)]


def drift(
    conn: Connection, tenant: str, rules: Rules, taxonomy: Taxonomy, from_day: date, to_day: date, by: By
) -> dict[str, Any]:
    """What `GET /v1/drift` answers: for each week the checks of each source, and the alarms, the surest first.

    Scores count only as far as the model in force gave them: after a change of model, those checks wait until there
    are weeks to compare with, which a rescore gives at once.
    """
    names = Names.of(taxonomy)
    return {
        "from": from_day.isoformat(),
        "to": to_day.isoformat(),
        "by": by,
        "model_version": rules.model_version,
        "weeks": [_week(conn, tenant, rules, names, first, by) for first in weeks(from_day, to_day)],
    }


def judge(found: Sequence[tuple[Source, Finding]]) -> list[tuple[Source, Finding]]:
    """Those of a week's findings, by source, that are alarms: real, all judged together, and large enough to matter."""
    real = discoveries([finding.p for _, finding in found], FALSE_ALARMS)
    alarms = [one for one, is_real in zip(found, real, strict=True) if is_real and matters(one[1])]
    return sorted(alarms, key=lambda one: one[1].p)


def compared(
    new: Mapping[Source, Sample], old: Mapping[Source, Sample], names: Names, rng: np.random.Generator
) -> Iterator[tuple[Source, Finding]]:
    """The findings of each source that has comments enough, by source."""
    for source in sorted(new, key=lambda one: (-len(new[one]), one or ""))[: _MOST_SOURCES + 1]:
        if source in old and enough(len(new[source]), len(old[source])):
            yield from ((source, one) for one in findings(new[source], old[source], names, rng))


def _week(conn: Connection, tenant: str, rules: Rules, names: Names, first: date, by: By) -> dict[str, Any]:
    spans = (first, first + WEEK), (first - REFERENCE, first)
    new, old = (
        _by_source(repository.sample(conn, tenant, span, limit), names, rules.model_version, by)
        for span, limit in zip(spans, (MOST_NEW, MOST_OLD), strict=True)
    )
    # Asked again, the same comments are shuffled in the same way.
    found = list(compared(new, old, names, np.random.default_rng(first.toordinal())))
    audits = [_audits(conn, tenant, rules, span, by) for span in spans]
    # Of no others: the draws of the permutations are enough for so many checks.
    sources = {None} | {source for source, _ in found}
    for source in sorted(set(audits[0]) & set(audits[1]) & sources, key=lambda one: one or ""):
        if (one := audit(audits[0][source], audits[1][source])) is not None:
            found.append((source, one))
    return {
        "from": first.isoformat(),
        "to": (first + WEEK).isoformat(),
        "reference": {"from": spans[1][0].isoformat(), "to": spans[1][1].isoformat()},
        "sources": [
            {
                "source": source,
                "comments": len(new[source]) if source in new else 0,
                "reference_comments": len(old[source]) if source in old else 0,
                "checks": [_shown(one) for place, one in found if place == source],
            }
            for source in dict.fromkeys([None, *(place for place, _ in found)])
        ],
        "alarms": [
            {"source": source} | _shown(one) | {"comments": list(one.comments)}
            for source, one in judge(found)
        ],
    }


def _by_source(rows: Sequence[Read], names: Names, version: str, by: By) -> dict[Source, Sample]:
    """All comments, and those of each source that has enough; a comment without a source is among all alone."""
    whole = arrays(rows, names, version)
    places = [_sources(row, by) for row in rows]
    found: dict[Source, Sample] = {None: whole}
    counts = Counter(one for of in places for one in of)
    for source in (one for one, count in counts.items() if count >= MIN_NEW):
        found[source] = whole.take(np.array([source in of for of in places]))
    return found


def _sources(row: Read, by: By) -> set[str]:
    if by == "channel":
        return {row.channel} if row.channel is not None else set()
    record = CommentRecord(id=row.id, text="", touchpoint=row.touchpoint, occurred_at=row.occurred_at)
    return {place.id for place in touchpoints_of(record, row.body)}


def _audits(
    conn: Connection, tenant: str, rules: Rules, days: tuple[date, date], by: By
) -> dict[Source, Audits]:
    """Comments of these days that people audited and the model in force read, by source."""
    rows = audited(conn, tenant, [label for _, label in rules.labels], *days)
    known = repository.named(conn, sorted(set(rows.comment.tolist())))
    wrong: dict[Source, dict[str, bool]] = {}
    of_model = rows.model_version == rules.model_version
    for row in np.flatnonzero(of_model).tolist():
        id, channel = known[int(rows.comment[row])]
        place = str(rows.touchpoint[row])
        differs = bool(abs(rows.y[row] - rows.f[row]) > 0.5)
        sources: set[Source] = {None} if place == WHOLE else {place} if by == "touchpoint" else set()
        if place == WHOLE and by == "channel":
            sources.add(channel)
        for source in sources:
            of = wrong.setdefault(source, {})
            of[id] = of.get(id, False) or differs
    return {
        source: Audits(np.array(list(of), dtype=object), np.array(list(of.values()), dtype=bool))
        for source, of in wrong.items()
    }


def _shown(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "what": finding.what,
        "p": float(f"{finding.p:.2g}"),
        "distance": rounded(finding.distance, 4),
        "now": _rounded(finding.now),
        "before": _rounded(finding.before),
        "above": _rounded(finding.above),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else rounded(value, 4)
