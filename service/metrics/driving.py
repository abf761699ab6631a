"""What a touchpoint's NPS, CSAT or ease goes with, from its comments.

with read(engine) as conn:
    associated(conn, "default", "support.phone", "nps", rules, taxonomy)
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
from sqlalchemy.engine import Connection

from models.taxonomy import Taxonomy
from service.driver_repository import Scored, scored
from service.metrics.sums import Rules
from service.metrics.values import rounded
from service.statistics import Estimate
from service.statistics.drivers import UNREAD, Drivers, Floats, Impact, drivers

Score = Literal["nps", "csat", "ces"]
NEWEST = 3_000
"""Comments that are looked at, the newest ones: enough for any interval."""


def associated(
    conn: Connection,
    tenant: str,
    touchpoint: str,
    score: Score,
    rules: Rules,
    taxonomy: Taxonomy,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> dict[str, Any]:
    """Impacts and shares of a score, with all figures null where fewer than `low_base_below` comments have one."""
    found = scored(conn, tenant, touchpoint, score, (from_day, to_day), NEWEST)
    labels = [label for _, label in rules.labels]
    columns = {label: column for column, label in enumerate(labels)}
    tags, of_model = _tags(found, columns)
    scores = np.array([_points(score, one.score, rules) for one in found])
    themes = [[columns[theme.issue.id], columns[theme.strength.id]] for theme in taxonomy.themes]
    judged = None
    if len(found) >= rules.low_base_below and np.ptp(scores) > 0:
        same_model = {one.model_version for one in found} == {rules.model_version}
        errors = [rules.errors.get(label) if same_model else None for label in labels]
        judged = drivers(tags, scores, themes, errors, of_model=of_model)
    return {
        "touchpoint": touchpoint,
        "metric": score,
        "n": len(found),
        "r2": judged and _shown(judged.r2, 4),
        "labels": [
            {"id": label, **_impact(judged.impacts[column] if judged else None, int(tags[:, column].sum()))}
            for label, column in columns.items()
        ],
        "themes": [
            {"id": theme.key, "share": _share(judged, place)} for place, theme in enumerate(taxonomy.themes)
        ],
    }


def _tags(found: Sequence[Scored], columns: Mapping[str, int]) -> tuple[Floats, Floats]:
    """(comments, labels) of 0 and 1: those in force, and those that the model itself set."""
    tags = np.zeros((len(found), len(columns)))
    for row, one in enumerate(found):
        tags[row, [columns[label] for label in one.labels if label in columns]] = 1
    of_model = tags.copy()
    for row, one in enumerate(found):
        of_model[row, [columns[label] for label in one.added if label in columns]] = 0
        of_model[row, [columns[label] for label in one.removed if label in columns]] = 1
    of_model[[not one.read for one in found]] = UNREAD
    return tags, of_model


def _points(score: Score, value: int, rules: Rules) -> float:
    """What a comment adds to the metric: NPS in points, CSAT 0 or 1, ease 1 to 7."""
    if score == "nps":
        return 100.0 if value >= 9 else 0.0 if value >= 7 else -100.0
    if score == "csat":
        return float(value >= 4)
    return float(value if rules.ces_easiest == 7 else 8 - value)


def _impact(impact: Impact | None, n: int) -> dict[str, Any]:
    observed = impact and impact.observed
    corrected = impact and impact.corrected
    return {
        "n": n,
        "observed": observed and _shown(observed, 4),
        "corrected": corrected and _shown(corrected, 4),
        "attenuated": corrected is None,
    }


def _share(found: Drivers | None, place: int) -> dict[str, Any] | None:
    share = found and found.shares[place]
    return _shown(share, 4) if share else None


def _shown(estimate: Estimate, digits: int) -> dict[str, Any]:
    ends = [rounded(estimate.low, digits), rounded(estimate.high, digits)]
    return {"value": rounded(estimate.value, digits), "ci95": ends}
