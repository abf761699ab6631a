"""How often drift is seen where there is none, and where a tenth of the traffic has changed its industry.

    python -m tests.simulations.drift                                            invented comments
    python -m tests.simulations.drift --data ../shared/data --cache build/drift  real ones, read by the shipped model

A week of `volume` comments is compared with the eight weeks before it as `GET /v1/drift` does, with the same bounded
samples: all comments, and three channels of a half, three tenths and a fifth of them. All are drawn, with replacement,
from one population; a week is a false alarm where any check of any source rings. For detection a tenth of the week's
comments is of an industry that was not there before; the audit is not part of it. With --data, analyses are kept in the
folder --cache for the next run; the population is health care, app stores, telecom and finance in equal parts, and each
of the four in turn is the one that was not there before; `others` are the labelled comments of dev.jsonl (airlines,
hotels, insurance and more).
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import models
from service.drift.repository import Read
from service.drift.sample import Names, Sample, arrays
from service.drift.watching import MOST_NEW, MOST_OLD, REFERENCE, WEEK, Source, compared, judge
from service.statistics import wilson

SHARE = 0.1
CHANNELS = np.array([0.5, 0.3, 0.2])
MOST = 3_000
"""Comments of an industry that are read."""
NAMES = Names(tuple(f"label-{number}" for number in range(20)), ("web", "shop"), ("complaint", "praise"))
_NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
Populations = Mapping[str, Sample]


def invented(rng: np.random.Generator, n: int, industry: int) -> Sample:
    """Comments of one industry: 500 words of all of them and 100 of its own, other rates of each label."""
    rates = np.random.default_rng(industry).beta(1, 12, len(NAMES.labels))
    common, own = (1 / np.arange(3, 503), 0.25 / np.arange(3, 103))
    weights = np.concatenate([common, own]) / (common.sum() + own.sum())
    rows = []
    for number, length in enumerate(rng.poisson(14, n) + 1):
        words = rng.choice(600, int(length), p=weights)
        text = " ".join(
            _word(int(word) if word < 500 else 500 + 100 * industry + int(word)) for word in words
        )
        found = [
            {"id": label, "probability": round(float(rng.uniform(0.4, 1)), 4)}
            for label, rate in zip(NAMES.labels, rates, strict=True)
            if rng.random() < rate
        ]
        rows.append(Read(f"{industry}-{number}", text, None, None, _NOON, _body(rng, found)))
    return arrays(rows, NAMES, "m1")


def _word(number: int) -> str:
    # Letters alone: digits are no words.
    return "w" + "".join(chr(97 + int(digit)) for digit in str(number))


def _body(rng: np.random.Generator, found: list[dict[str, Any]]) -> dict[str, Any]:
    score = float(rng.uniform(-1, 1))
    sides = {"negative": (1 - score) / 2, "neutral": 0.0, "positive": (1 + score) / 2}
    return {
        "model_version": "m1",
        "status": "analyzed",
        "issues": found,
        "strengths": [],
        "touchpoints": [],
        "sentiment": {"score": score, "probabilities": sides},
        "empathy": None,
        "effort": None,
        "loyalty": None,
        "intent": None,
        "language": {"code": "en"},
        "review": {"reasons": [], "doubts": []},
    }


def joined(parts: Sequence[Sample]) -> Sample:
    """One sample of several."""
    names = [one.name for one in fields(Sample)]
    return Sample(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def drawn(rng: np.random.Generator, parts: Sequence[Sample], n: int) -> Sample:
    """So many comments, each of any of the parts alike, with replacement."""
    counts = np.bincount(rng.integers(0, len(parts), n), minlength=len(parts))
    return joined(
        [part.take(rng.integers(0, len(part), count)) for part, count in zip(parts, counts, strict=True)]
    )


def rings(
    rng: np.random.Generator, usual: Sequence[Sample], volume: int, names: Names, strange: Sample | None
) -> list[str]:
    """The checks that ring in one week; a tenth of it is `strange` if that is given."""
    weeks = REFERENCE // WEEK
    old = drawn(rng, usual, min(weeks * volume, MOST_OLD))
    seen = min(volume, MOST_NEW)
    odd = 0 if strange is None else round(SHARE * seen)
    new = drawn(rng, usual, seen - odd)
    if strange is not None:
        new = joined([new, strange.take(rng.integers(0, len(strange), odd))])
    found = list(compared(_channels(rng, new), _channels(rng, old), names, rng))
    return [finding.check for _, finding in judge(found)]


def _channels(rng: np.random.Generator, sample: Sample) -> dict[Source, Sample]:
    channel = rng.choice(len(CHANNELS), len(sample), p=CHANNELS)
    return {None: sample} | {f"channel {one}": sample.take(channel == one) for one in range(len(CHANNELS))}


def read_all(data: Path, cache: Path) -> Populations:
    """The shared comments by industry, read by the shipped model, or as they were read before."""
    taxonomy = models.load().taxonomy
    names = Names.of(taxonomy)
    found = {}
    for industry, rows in _texts(data).items():
        kept = cache / f"{industry.replace('/', '-').replace(' ', '-')}.jsonl.gz"
        if not kept.exists():
            cache.mkdir(parents=True, exist_ok=True)
            _read(rows, kept)
        with gzip.open(kept, "rt", encoding="utf-8") as lines:
            bodies = [json.loads(line) for line in lines]
        reads = [
            Read(row["id"], row["text"], None, None, _NOON, body)
            for row, body in zip(rows, bodies, strict=True)
        ]
        found[industry] = arrays(reads, names, bodies[0]["model_version"])
    return found


def _texts(data: Path) -> dict[str, list[dict[str, Any]]]:
    by_industry: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(data / "pool" / "train_ok.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            by_industry.setdefault(row["industry"], []).append(row)
    rng = np.random.default_rng(1)
    found = {
        industry: [rows[place] for place in np.sort(rng.permutation(len(rows))[:MOST])]
        for industry, rows in sorted(by_industry.items())
    }
    lines = (data / "feedback" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    return found | {"others": [json.loads(line) for line in lines]}


def _read(rows: Sequence[Mapping[str, Any]], kept: Path) -> None:
    comments = [models.Comment(row["text"], question=row.get("question")) for row in rows]
    with gzip.open(kept, "wt", encoding="utf-8") as out:
        for analysis in models.load().pipe(comments):
            out.write(json.dumps(analysis.to_dict()) + "\n")


def cases(populations: Populations) -> Iterator[tuple[str, list[Sample], Sample | None]]:
    """What is usual and what is new in it: first nothing, then each industry."""
    usual = [name for name in populations if name != "others"]
    yield "nothing", [populations[name] for name in usual], None
    for name in populations:
        yield name, [populations[one] for one in usual if one != name], populations[name]


def main() -> None:
    """Print shares of weeks that ring, with Wilson's intervals, and how many weeks each check rang in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("build/drift"))
    parser.add_argument("--weeks", type=int, default=100)
    parser.add_argument("--volume", type=int, nargs="+", default=[500, 2_000])
    parser.add_argument("--only", help="One industry, or nothing.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    if given.data:
        populations, names = read_all(given.data, given.cache), Names.of(models.load().taxonomy)
    else:
        populations, names = {f"industry {one}": invented(rng, 1_500, one) for one in range(4)}, NAMES
    for volume in given.volume:
        for name, usual, strange in cases(populations):
            if given.only in (None, name):
                rang = [rings(rng, usual, volume, names, strange) for _ in range(given.weeks)]
                _tell(volume, name, rang)


def _tell(volume: int, name: str, rang: Sequence[Sequence[str]]) -> None:
    share = wilson(sum(map(bool, rang)), len(rang))
    checks = sorted({check for one in rang for check in one})
    by_check = ", ".join(f"{check} {sum(check in one for one in rang)}" for check in checks)
    ends = f"[{share.low:.1%}, {share.high:.1%}]"
    sys.stdout.write(
        f"{volume} a week, new: {name:18} rang in {share.value:.1%} {ends} of {len(rang)} weeks  {by_check}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
