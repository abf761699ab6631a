"""May the second model of a comparison be promoted? A pure function over the report of `models compare`.

    gate(report)  →  {"passed": False, "refusals": [{"check": "calibration", "detail": "labels_ece: 0.021 → 0.058 …"}]}

"Not worse" means two things here. Macro-F1 must be shown to be no worse: the lower 95 % bound of the difference has
to lie above the margin, and a file with few comments cannot show that, whatever the model. A label, the calibration,
a behaviour or the speed is refused only where it is worse beyond doubt, for there are many of them: behaviours by an
exact test of the cases that one model alone passes (McNemar 1947), with Bonferroni's allowance for their number.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

MACRO_F1 = -0.005
"""The lower bound of b minus a, issues and strengths each, must be above this."""
LABEL_F1 = -0.03
"""A label with enough positives is worse where the upper bound of b minus a is below this."""
CHANCE = 0.025
"""How probable it may be that any of the behaviours is refused by chance, where none is worse."""
TIME = 1.2
"""A model is too slow where the lower bound of its time over that of the other is above this."""

_Report = Mapping[str, Any]


def gate(report: _Report) -> dict[str, Any]:
    """Every reason to refuse, with its figures; none means that it may pass."""
    checks = {
        "macro_f1": _macro_f1,
        "label": _labels,
        "calibration": _calibration,
        "behaviour": _behaviour,
        "speed": _speed,
    }
    refusals = [
        {"check": name, "detail": detail} for name, check in checks.items() for detail in check(report)
    ]
    limits = {"macro_f1": MACRO_F1, "label_f1": LABEL_F1, "time": TIME}
    return {"passed": not refusals, "limits": limits, "refusals": refusals}


def _macro_f1(report: _Report) -> Iterator[str]:
    found = {one["task"]: one for one in report["measures"] if one["measure"] == "macro_f1"}
    for task in ("issues", "strengths"):
        one = found.get(task)
        if one is None or one["difference"]["low"] is None:
            yield f"{task} macro-F1: cannot be measured on this file"
        elif one["difference"]["low"] <= MACRO_F1:
            yield f"{task} macro-F1: {_moved(one)}; {_verdict(one['difference'])}"


def _verdict(gap: Mapping[str, Any]) -> str:
    """Worse, or too few comments to tell; the width of an interval goes with the root of their number."""
    if gap["high"] < 0:
        return "it is worse"
    asked = f"the lower bound must be above {_signed(MACRO_F1)}"
    room = gap["value"] - MACRO_F1
    if room <= 0:
        return f"it is not shown to be no worse: {asked}"
    enough = math.ceil(gap["n"] * ((gap["value"] - gap["low"]) / room) ** 2)
    return (
        f"it is not shown to be no worse: {asked}, which with this difference takes some {enough:,} comments"
    )


def _labels(report: _Report) -> Iterator[str]:
    for one in report["labels"]:
        high = one["difference"]["high"]
        if one["enough"] and high is not None and high < LABEL_F1:
            yield f"{one['id']}: F1 {_moved(one)}, {one['support']} positives"


def _calibration(report: _Report) -> Iterator[str]:
    for one in report["calibration"]:
        low = one["difference"]["low"]
        if low is not None and low > 0:
            yield f"{one['measure']}: calibration error {_moved(one)}"


def _behaviour(report: _Report) -> Iterator[str]:
    found = report["behaviour"]
    if found is None:
        return
    judged = [("all", found), *((each["name"], each) for each in found["capabilities"])]
    for name, one in judged:
        if _by_chance(one["lost"], one["gained"]) < CHANCE / len(judged):
            told = f"{one['lost']} cases lost, {one['gained']} gained"
            yield f"behaviour tests, {name}: pass rate {_moved(one)}; {told}"


def _by_chance(lost: int, gained: int) -> float:
    """How probable so many losses or more are among the cases that changed, were gains as likely."""
    changed = lost + gained
    as_bad = sum(math.comb(changed, many) for many in range(lost, changed + 1))
    return float(as_bad / 2**changed)


def _speed(report: _Report) -> Iterator[str]:
    ratio = report["speed"]["ratio"]
    if ratio["low"] > TIME:
        yield (
            f"time: {ratio['value']:.2f} times [{ratio['low']:.2f}, {ratio['high']:.2f}] that of the other; "
            f"at most {TIME} times is within the budget"
        )


def _moved(one: Mapping[str, Any]) -> str:
    gap = one["difference"]
    return (
        f"{one['a']['value']:.3f} → {one['b']['value']:.3f}, difference {_signed(gap['value'])} "
        f"[{_signed(gap['low'])}, {_signed(gap['high'])}], n = {gap['n']:,}"
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}"
