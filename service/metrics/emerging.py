"""What customers talk of that no label covers, and whether it grows: candidates for the taxonomy.

with read(engine) as conn:
    emerging(conn, "default", "*", Period(date(2026, 10, 24), date(2026, 11, 21)))
"""

from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any

from sqlalchemy.engine import Connection

from service import repository
from service.emerging_repository import Unexplained, unexplained
from service.metrics.journey import Period, period_of
from service.metrics.values import rounded
from service.statistics import discoveries, rate_difference
from service.statistics.themes import MIN_TEXTS, Theme, having, themes, words_of

NEWEST = 2_000
"""Comments that are looked at in either period, the newest ones."""
TYPICAL = 3


def emerging(conn: Connection, tenant: str, touchpoint: str, period: Period | None) -> dict[str, Any]:
    """The themes of a period's unexplained comments at a touchpoint (or "*"), each against as many days before.

    A share is of the unexplained comments that were looked at; `growth` is the difference of the two shares with
    its interval, and `real` where it is more than chance, with false discoveries controlled over all themes. Without
    enough comments before, `growth` is None.
    """
    now, before = _texts(conn, tenant, touchpoint, period)
    found = themes([one.text for one in now])
    spoken = [words_of(one.text) for one in before]
    # A text may speak of several themes: on both sides it counts for each, or all would seem to shrink.
    spoken_now = [words_of(one.text) for one in now]
    sides = [[len(having(texts, theme.words)) for texts in (spoken_now, spoken)] for theme in found]
    candidates = [
        _candidate(conn, theme, now, new, _growth((new, len(now)), (old, len(before))))
        for theme, (new, old) in zip(found, sides, strict=True)
    ]
    growths = [one["growth"] for one in candidates if one["growth"]]
    for growth, real in zip(growths, discoveries([one["p"] for one in growths]), strict=True):
        growth["real"] = real
    return {
        "touchpoint": touchpoint,
        "from": period and period.start.isoformat(),
        "to": period and period.end.isoformat(),
        "unexplained": len(now),
        "before": len(before),
        "enough": len(set(spoken_now)) >= MIN_TEXTS,
        "themes": candidates,
    }


def period_asked(from_day: date | None, to_day: date | None, last: date | None) -> Period | None:
    """The days asked for, to the newest comment (of the day `last`) if nobody says to where; else the last 28."""
    newest = last + timedelta(days=1) if last and last < date.max else None
    end = to_day or newest if from_day else to_day
    return period_of(from_day, end, newest.isoformat() if newest else None)


def _texts(
    conn: Connection, tenant: str, touchpoint: str, period: Period | None
) -> tuple[list[Unexplained], list[Unexplained]]:
    if period is None:
        return [], []
    spans = (period.start, period.end), (period.before, period.start)
    now, before = (unexplained(conn, tenant, touchpoint, span, NEWEST) for span in spans)
    return now, before


def _candidate(
    conn: Connection, theme: Theme, now: Sequence[Unexplained], n: int, growth: dict[str, Any] | None
) -> dict[str, Any]:
    chosen = repository.of_keys(conn, _typical(theme, now))
    return {
        "words": list(theme.words),
        "n": n,
        "share": rounded(n / len(now), 4),
        "growth": growth,
        "typical": [{"id": one.record.id, "text": one.record.text} for one in chosen],
    }


def _typical(theme: Theme, now: Sequence[Unexplained]) -> list[int]:
    """Keys of those with most of its words, and of these the nearest to the median length; no text twice."""
    rows = theme.rows[: 4 * TYPICAL]
    middle = median(len(now[row].text) for row in rows)
    ordered = sorted(rows, key=lambda row: (abs(len(now[row].text) - middle), row))
    texts = {now[row].text: now[row].key for row in reversed(ordered)}
    return list(reversed(texts.values()))[:TYPICAL]


def _growth(now: tuple[int, int], before: tuple[int, int]) -> dict[str, Any] | None:
    if before[1] < MIN_TEXTS:
        return None
    difference = rate_difference(*now, *before)
    return {
        "before": before[0],
        "difference": rounded(difference.value, 4),
        "ci95": [rounded(difference.low, 4), rounded(difference.high, 4)],
        "p": float(f"{difference.p:.2g}"),
        "real": False,
    }
