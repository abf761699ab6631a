"""What one comment adds to the daily sums of its touchpoints. Pure: no SQL, no clock.

    contribution(record, analysis)  →  {("support.phone", date(2026, 11, 20), "nps_detractors"): 1, …}

Stored sums are the sum of the contributions of the stored comments, so a change of what is counted here needs
a migration that recounts. All values are integers (scores in ten-thousandths), so that sums are exact in any
order.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date
from typing import Any

from service.corrections.in_force import GROUPS
from service.records import CommentRecord, StoredTouchpoint

WHOLE = "*"
"""The touchpoint under which every comment counts once; no client's slug can be that."""
SCALE = 10_000
"""Scores are summed as whole ten-thousandths: analyses have four decimals."""
_SCORED = ("sentiment", "empathy", "effort", "loyalty")
LABEL = "label:"
MODEL = "model:"
CORRECTED = "corrected:"
MEASURES = (
    "n",
    "analyzed",
    "not_analyzed",
    "no_content",
    "nps_promoters",
    "nps_passives",
    "nps_detractors",
    "csat_n",
    "csat_satisfied",
    "ces_n",
    "ces_sum",
    "ces_sum_squares",
    "sentiment_n",
    "sentiment_sum",
    "sentiment_sum_squares",
    "sentiment_positive",
    "sentiment_negative",
    "empathy_n",
    "empathy_sum",
    "empathy_sum_squares",
    "effort_n",
    "effort_sum",
    "effort_sum_squares",
    "loyalty_n",
    "loyalty_sum",
    "loyalty_sum_squares",
    "corrected",
)
"""All measures but `label:<id>`, `model:<version>` and `corrected:<id>`.

`label:<id>` counts the labels in force; less `corrected:<id>`, which people added less those that they removed, it
counts what the model found. `corrected` counts comments that people corrected.
"""

RollupKey = tuple[str, date, str]


def touchpoints_of(record: CommentRecord, analysis: Mapping[str, Any]) -> tuple[StoredTouchpoint, ...]:
    """Where a comment counts: under the touchpoint it names, else under each that the analysis inferred."""
    if record.touchpoint is not None:
        return (StoredTouchpoint(record.touchpoint, inferred=False),)
    return tuple(StoredTouchpoint(t["id"], inferred=True) for t in analysis["touchpoints"])


def contribution(record: CommentRecord, analysis: Mapping[str, Any]) -> Counter[RollupKey]:
    """The counts of one comment by (touchpoint, day in UTC, measure).

    `analysis` is the contract's object, or what is in force in its place (`service.corrections.in_force`).
    """
    day = record.occurred_at.astimezone(UTC).date()
    # No two of them have a measure in common.
    measures = {**_answers(record), **_findings(analysis), **_scores(analysis), **changes(analysis)}
    found = [(measure, value) for measure, value in measures.items() if value]
    places = [WHOLE, *(touchpoint.id for touchpoint in touchpoints_of(record, analysis))]
    return Counter({(place, day, measure): value for place in places for measure, value in found})


def _answers(record: CommentRecord) -> Counter[str]:
    counts = Counter(["n"])
    if record.nps is not None:
        side = "promoters" if record.nps >= 9 else "passives" if record.nps >= 7 else "detractors"
        counts[f"nps_{side}"] = 1
    if record.csat is not None:
        counts["csat_n"] = 1
        counts["csat_satisfied"] = int(record.csat >= 4)
    if record.ces is not None:
        counts["ces_n"] = 1
        counts["ces_sum"] = record.ces
        counts["ces_sum_squares"] = record.ces**2
    return counts


def _findings(analysis: Mapping[str, Any]) -> Counter[str]:
    counts = Counter([analysis["status"]])
    if analysis["status"] != "analyzed":
        return counts
    counts[MODEL + analysis["model_version"]] = 1
    counts["no_content"] = int(analysis["no_content"])
    # Analyses that were stored before there were categories do not speak of any.
    counts.update({LABEL + mention["id"] for group in GROUPS for mention in analysis.get(group, ())})
    if analysis["sentiment"] is not None and analysis["sentiment"]["label"] != "neutral":
        counts[f"sentiment_{analysis['sentiment']['label']}"] = 1
    return counts


def changes(analysis: Mapping[str, Any]) -> dict[str, int]:
    """By what people's labels differ from the model's; an analysis that nobody corrected says nothing of it."""
    if "added" not in analysis:
        return {}
    added, removed = ({CORRECTED + id: by for id in analysis[n]} for n, by in (("added", 1), ("removed", -1)))
    return {"corrected": 1} | added | removed


def _scores(analysis: Mapping[str, Any]) -> dict[str, int]:
    if analysis["status"] != "analyzed":
        return {}
    sums: dict[str, int] = {}
    for name in _SCORED:
        if analysis[name] is not None:
            score = round(analysis[name]["score"] * SCALE)
            sums |= {f"{name}_n": 1, f"{name}_sum": score, f"{name}_sum_squares": score**2}
    return sums
