"""What the audit says of each touchpoint's labels, and where it disagrees with the model's card.

with read(engine) as conn:
    audits = audits_of(conn, "default", rules)          {"*": {"poor_communication": Audit(…), …}, …}
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
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
) -> Audits:
    """The audits that are large enough to estimate from, of comments of these days."""
    return by_place(audited(conn, tenant, (*rules.issues, *rules.strengths), from_day, to_day))


def by_place(found: Audited) -> Audits:
    """The rows of each touchpoint and label together; too few of them are left out."""
    audits: dict[str, dict[str, Audit]] = {}
    if not len(found):
        return audits
    order = np.lexsort((found.label, found.touchpoint))
    place, label = found.touchpoint[order], found.label[order]
    cuts = np.flatnonzero((place[1:] != place[:-1]) | (label[1:] != label[:-1])) + 1
    for rows in np.split(order, cuts):
        if len(rows) >= ENOUGH_AUDITED:
            of_place = audits.setdefault(str(found.touchpoint[rows[0]]), {})
            of_place[str(found.label[rows[0]])] = Audit(found.y[rows], found.f[rows], found.pi[rows])
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
