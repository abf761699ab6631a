"""What the audit says of each touchpoint's labels, and where it disagrees with the model's card.

with read(engine) as conn:
    audits = audits_of(conn, "default", rules)          {"*": {"poor_communication": Audit(…), …}, …}
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection

from service.corrections.in_force import GROUPS
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
    labels = [label for _, label in rules.labels]
    return by_place(audited(conn, tenant, labels, from_day, to_day, touchpoint))


def by_place(found: Audited) -> Audits:
    """The rows of each touchpoint and label together; too few of them are left out."""
    audits: dict[str, dict[str, Audit]] = {}
    places, place = np.unique(found.touchpoint, return_inverse=True)
    labels, label = np.unique(found.label, return_inverse=True)
    both = place * len(labels) + label
    order = np.argsort(both, kind="stable")
    pairs, start, many = np.unique(both[order], return_index=True, return_counts=True)
    for pair, first, n in zip(pairs.tolist(), start.tolist(), many.tolist(), strict=True):
        if n >= ENOUGH_AUDITED:
            own = order[first : first + n]
            audit = Audit(found.y[own], found.f[own], found.pi[own])
            audits.setdefault(str(places[pair // len(labels)]), {})[str(labels[pair % len(labels)])] = audit
    return audits


def judge_disagreements(answers: Iterable[Mapping[str, Any]]) -> None:
    """Mark as `real` where the tagger errs here otherwise than on its card, over all touchpoints shown together."""
    found = [
        one["estimated"]["disagreement"]
        for answer in answers
        for key in GROUPS
        for one in answer[key]
        if one["estimated"] and one["estimated"]["disagreement"]
    ]
    for disagreement, real in zip(found, discoveries([one["p"] for one in found]), strict=True):
        disagreement["real"] = real
