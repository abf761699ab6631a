"""What the audit says of each touchpoint's labels, and where it disagrees with the model's card.

with read(engine) as conn:
    audits = audits_of(conn, "default", rules)          {"*": {"poor_communication": Audit(…), …}, …}
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy.engine import Connection

from service.metrics.sums import Rules
from service.review.audit_repository import Audited, audited
from service.statistics import Audit, discoveries
from service.statistics.rates import ENOUGH_AUDITED

Audits = Mapping[str, Mapping[str, Audit]]
"""By touchpoint ("*" is all comments) and label."""


def audits_of(
    conn: Connection,
    tenant: str,
    rules: Rules,
    from_day: date | None = None,
    to_day: date | None = None,
    touchpoint: str | None = None,
) -> Audits:
    """The audits that are large enough to estimate from, of comments of these days, of one touchpoint or of all."""
    labels = (*rules.issues, *rules.strengths)
    return by_place(audited(conn, tenant, labels, from_day, to_day, touchpoint))


def by_place(found: Audited) -> Audits:
    """The rows of each touchpoint and label together; too few of them are left out."""
    audits: dict[str, dict[str, Audit]] = {}
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, one in enumerate(zip(found.touchpoint.tolist(), found.label.tolist(), strict=True)):
        rows[one].append(row)
    for (place, label), own in rows.items():
        if len(own) >= ENOUGH_AUDITED:
            audits.setdefault(place, {})[label] = Audit(found.y[own], found.f[own], found.pi[own])
    return audits


def judge_disagreements(answers: Iterable[Mapping[str, Any]]) -> None:
    """Mark as `real` where the tagger errs here otherwise than on its card, over all touchpoints shown together."""
    found = [
        one["estimated"]["disagreement"]
        for answer in answers
        for key in ("issues", "strengths")
        for one in answer[key]
        if one["estimated"] and one["estimated"]["disagreement"]
    ]
    for disagreement, real in zip(found, discoveries([one["p"] for one in found]), strict=True):
        disagreement["real"] = real
