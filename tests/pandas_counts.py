"""The metrics of touchpoints in pandas: from comments, their answers and their analyses, by formulas of its own.

    counted(rows, "day")                  what was counted at every touchpoint on every day, as the sums name it
    metrics(rows, "day", labels, errors)  the metrics of the same, unrounded, as the API names them

Written apart from `service/rollups.py`, `service/metrics` and `service/statistics`, to be held against them. `rows`
are `placed(comments)`; of these each has `touchpoint`, `day` (UTC), `nps`, `csat`, `ces` as sent, and `body`, the
analysis as it was stored. People's corrections are not in it: for those see `tests/recount.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

Z = 1.959963984540054
SCORED = ("sentiment", "empathy", "effort", "loyalty")
EVERYWHERE = "*"
_PERIODS = {"day": "D", "month": "M"}


def placed(comments: pd.DataFrame) -> pd.DataFrame:
    """A row for each comment and place: its own touchpoint, else each that the analysis inferred, and everywhere."""
    inferred = comments["body"].map(lambda body: [one["id"] for one in body["touchpoints"]])
    own = comments["touchpoint"].map(lambda place: [place])
    places = own.where(comments["touchpoint"].notna(), inferred)
    whole = places.map(lambda found: [EVERYWHERE, *found])
    parts = observations(comments).assign(place=whole, day=comments["day"])
    return parts.explode("place", ignore_index=True)


def observations(comments: pd.DataFrame) -> pd.DataFrame:
    """What each comment is counted as: a column for each kind, NaN where it says nothing of a score."""
    bodies = comments["body"]
    read = bodies.map(lambda body: body["status"] == "analyzed")
    side = bodies.map(lambda body: (body["sentiment"] or {}).get("label"))
    found = {
        "n": 1,
        "analyzed": read,
        "not_analyzed": ~read,
        "no_content": read & bodies.map(lambda body: bool(body["no_content"])),
        "nps_promoters": comments["nps"].ge(9),
        "nps_passives": comments["nps"].between(7, 8),
        "nps_detractors": comments["nps"].le(6),
        "csat_n": comments["csat"].notna(),
        "csat_satisfied": comments["csat"].ge(4),
        "sentiment_positive": side.eq("positive"),
        "sentiment_negative": side.eq("negative"),
    }
    versions = bodies.map(lambda body: f"model:{body['model_version']}").where(read)
    tags = bodies.map(lambda body: [f"label:{one['id']}" for one in (*body["issues"], *body["strengths"])])
    named = pd.concat([versions.dropna(), tags.explode().dropna()])
    crossed = pd.crosstab(named.index, named).reindex(comments.index, fill_value=0)
    scores = {
        name: bodies.map(lambda body, name=name: body[name]["score"] if body[name] else np.nan).astype(float)
        for name in SCORED
    }
    whole = pd.DataFrame({**found}, index=comments.index).astype("int64")
    return pd.concat([whole, crossed, pd.DataFrame({**scores, "ces": comments["ces"].astype(float)})], axis=1)


def counted(rows: pd.DataFrame, period: str) -> pd.DataFrame:
    """Counts, sums and sums of squares by place and period ("day" or "month"), as the stored sums name them."""
    parts = rows.drop(columns=["place", "day", "ces", *SCORED])
    for name, scale in (("ces", 1), *((name, 10_000) for name in SCORED)):
        whole = (rows[name] * scale).round()
        parts[f"{name}_n"] = whole.notna()
        parts[f"{name}_sum"] = whole.fillna(0)
        parts[f"{name}_sum_squares"] = whole.fillna(0) ** 2
    return parts.astype("int64").groupby([rows["place"], start_of(rows["day"], period)]).sum()


def metrics(
    rows: pd.DataFrame,
    period: str,
    labels: Mapping[str, Sequence[str]],
    errors: Mapping[str, Mapping[str, int]],
) -> pd.DataFrame:
    """Every metric by place and period, or over all days ("all"); values from fewer than five answers are NaN.

    `labels` are the ids of "issues" and "strengths", `errors` what the model's card says of them.
    """
    keys = [rows["place"], start_of(rows["day"], period)]
    count = rows.drop(columns=["place", "day", "ces", *SCORED]).groupby(keys).sum()
    scores = rows[["ces", *SCORED]].groupby(keys)
    n, mean, variance = scores.count(), scores.mean(), scores.var(ddof=1)
    shown = {name: count[name] for name in ("n", "analyzed", "not_analyzed", "no_content")}
    versions = [name for name in count if str(name).startswith("model:")]
    shown |= {name: count[name].where(count[name] > 0) for name in versions}
    shown["low_base"] = count["n"] < 30
    shown |= _points(
        "nps", "value", *(count[f"nps_{side}"] for side in ("promoters", "passives", "detractors"))
    )
    shown |= _share("csat", count["csat_satisfied"], count["csat_n"]) | {"csat.n": count["csat_n"]}
    shown |= _mean("ces", "mean", (n["ces"], mean["ces"], variance["ces"]), 1, (1, 7)) | {"ces.n": n["ces"]}
    good, bad, all = count["sentiment_positive"], count["sentiment_negative"], n["sentiment"]
    shown |= _points("sentiment", "net", good, all - good - bad, bad)
    for name in SCORED:
        scale, key = (1, "mean") if name == "sentiment" else (100, "index")
        shown |= _mean(name, key, (n[name], mean[name], variance[name]), scale, (-scale, scale))
        shown[f"{name}.n"] = n[name]
        if name != "sentiment":
            shown[f"{name}.coverage"] = (n[name] / count["analyzed"]).where(count["analyzed"] >= 5)
    for kind, ids in labels.items():
        for id in ids:
            shown |= _label(f"{kind}.{id}", count.get(f"label:{id}", 0 * count["n"]), count, errors.get(id))
    return pd.DataFrame(shown)


def start_of(days: pd.Series, period: str) -> Any:
    """The first day of each day's period; for "all" one and the same day."""
    if period == "all":
        return pd.Series(pd.Timestamp(0), index=days.index)
    return days.dt.to_period(_PERIODS[period]).dt.start_time


def _points(name: str, key: str, up: Any, level: Any, down: Any) -> dict[str, Any]:
    """Rocks 2016: the plain difference; the interval with 3/4, 3/2 and 3/4 answers more, drawn to the value."""
    n = up + level + down
    value = (up - down) / n
    high, low = (up + 0.75) / (n + 3), (down + 0.75) / (n + 3)
    half = Z * np.sqrt((high * (1 - high) + low * (1 - low) + 2 * high * low) / (n + 3))
    ends = np.minimum(high - low - half, value), np.maximum(high - low + half, value)
    return _interval(name, key, (value, *ends), n >= 5, 100, (-100, 100)) | {f"{name}.n": n}


def _share(name: str, successes: Any, n: Any) -> dict[str, Any]:
    """Wilson 1927: the shares that a score test at 95% does not reject, as roots of its quadratic."""
    a, b, c = n + Z**2, -(2 * successes + Z**2), successes**2 / n
    root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0))
    ends = (-b - root) / (2 * a), (-b + root) / (2 * a)
    key = "rate" if "." in name else "value"
    return _interval(name, key, (successes / n, *ends), n >= 5, 1, (0, 1))


def _mean(
    name: str, key: str, of: tuple[Any, Any, Any], scale: float, within: tuple[float, float]
) -> dict[str, Any]:
    """Student 1908."""
    n, mean, variance = of
    half = _student(n - 1) * np.sqrt(variance / n)
    return _interval(name, key, (mean, mean - half, mean + half), n >= 5, scale, within)


def _student(degrees: Any) -> Any:
    """The 97.5% quantile by Abramowitz & Stegun 26.7.5, as the documentation of the metrics says it is."""
    v = degrees.where(degrees > 2).astype(float)
    g1 = np.polyval([1, 0, 1, 0], Z) / 4
    g2 = np.polyval([5, 0, 16, 0, 3, 0], Z) / 96
    g3 = np.polyval([3, 0, 19, 0, 17, 0, -15, 0], Z) / 384
    g4 = np.polyval([79, 0, 776, 0, 1482, 0, -1920, 0, -945, 0], Z) / 92160
    return Z + g1 / v + g2 / v**2 + g3 / v**3 + g4 / v**4


def _label(name: str, tagged: Any, count: pd.DataFrame, errors: Mapping[str, int] | None) -> dict[str, Any]:
    analyzed = count["analyzed"]
    shown = {f"{name}.count": tagged} | _share(f"{name}.observed", tagged, analyzed)
    read = analyzed - count["no_content"]
    rates = _corrected(tagged, read, errors) if errors else None
    if rates is None:
        rates = (analyzed * np.nan,) * 3
    whole = tuple(rate.clip(0, 1) * read / analyzed for rate in rates)
    return shown | _interval(f"{name}.estimated", "rate", whole, read >= 5, 1, (0, 1))


def _corrected(tagged: Any, n: Any, errors: Mapping[str, int]) -> tuple[Any, Any, Any] | None:
    """Rogan & Gladen 1978, with the interval of Lang & Reiczigel 2014 about a centre from 0 to 1.

    None where the tagger may be chance.
    """
    ill, well = errors["tp"] + errors["fn"], errors["tn"] + errors["fp"]
    if not ill or not well:
        return None
    se, sp = (errors["tp"] + 1) / (ill + 2), (errors["tn"] + 1) / (well + 2)
    of_se, of_sp = se * (1 - se) / (ill + 2), sp * (1 - sp) / (well + 2)
    if se + sp - 1 <= Z * np.sqrt(of_se + of_sp):
        return None
    value = (tagged / n - errors["fp"] / well) / (errors["tp"] / ill - errors["fp"] / well)
    seen = (tagged + Z**2 / 2) / (n + Z**2)
    true = (seen + sp - 1) / (se + sp - 1)
    shift = 2 * Z**2 * (true * of_se - (1 - true) * of_sp)
    spread = seen * (1 - seen) / (n + Z**2) + true**2 * of_se + (1 - true) ** 2 * of_sp
    error = np.sqrt(spread) / (se + sp - 1)
    centre = true + shift
    # At 99.9 % neither none nor all of them can be so: the card is not true here.
    hidden = (value < 0) & (centre + 3.0902 * error <= 0) | (value > 1) & (centre - 3.0902 * error >= 1)
    nearest = centre.clip(0, 1)
    ends = np.minimum(nearest - Z * error, value), np.maximum(nearest + Z * error, value)
    return value.mask(hidden), ends[0].mask(hidden), ends[1].mask(hidden)


def _interval(
    name: str, key: str, parts: Sequence[Any], enough: Any, scale: float, within: tuple[float, float]
) -> dict[str, Any]:
    names = (f"{name}.{key}", f"{name}.{key}.low", f"{name}.{key}.high")
    return {one: (scale * part).clip(*within).where(enough) for one, part in zip(names, parts, strict=True)}
