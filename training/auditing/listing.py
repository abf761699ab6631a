"""All that an audit finds, as plain JSON: a line for every finding, in the order in which to settle them.

    {"kind": "suspect", "file": …, "id": …, "text": …, "question": …, "label": …, "labelled": true, "probability": 0.03}
    {"kind": "duplicates", "label": …, "having": [comment, …], "lacking": [comment, …]}
    {"kind": "contradiction", "file": …, "id": …, "text": …, "question": …, "label": …, "yes": [who], "no": [who]}
    {"kind": "annotator", "actor": …, "comments": …, "with_model": estimate, "with_others": estimate, "drift": …}

Comments' texts stand in it, since nothing can be settled without them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.gold import LabelledComment, label_matrix
from models.taxonomy import Taxonomy
from training.auditing.annotators import Annotator, Drift, annotators
from training.auditing.conflicts import conflicts, contradictions
from training.auditing.out_of_fold import Seen
from training.auditing.suspects import suspects

Finding = dict[str, Any]
SHOWN = 20
"""Comments on each side of a set of near-duplicates that are told; `having_n` and `lacking_n` count all."""


@dataclass(frozen=True)
class Listing:
    """The findings, and the labels that were too rare to look for errors in."""

    findings: list[Finding]
    not_judged: list[str]

    def counts(self) -> Mapping[str, int]:
        """How many of each kind."""
        return Counter(one["kind"] for one in self.findings)


def listing(
    comments: Sequence[LabelledComment],
    files: Sequence[str],
    taxonomy: Taxonomy,
    *,
    seed: int = 0,
    threads: int = 1,
) -> Listing:
    """Audit labelled comments; `files` names the file of each. Raises what `Seen` raises."""
    names = [label.id for label in taxonomy.labels]
    truth = label_matrix(comments, taxonomy)
    chances = Seen.of(comments, threads=threads).out_of_fold(truth, seed=seed)
    told = [_comment(comment, file) for comment, file in zip(comments, files, strict=True)]
    people = annotators(comments, chances, {name: at for at, name in enumerate(names)}, seed=seed)
    return Listing(
        findings=[
            *(
                {
                    "kind": "suspect",
                    **told[one.place],
                    "label": names[one.column],
                    "labelled": one.labelled,
                    "probability": round(one.probability, 4),
                }
                for one in suspects(truth, chances)
            ),
            *(
                {"kind": "duplicates", "label": one.label}
                | _side("having", one.having, told)
                | _side("lacking", one.lacking, told)
                for one in conflicts(comments)
            ),
            *(
                {"kind": "contradiction", **told[one.place], "label": one.label}
                | {"yes": list(one.yes), "no": list(one.no)}
                for one in contradictions(comments)
            ),
            *(_annotator(one) for one in people),
        ],
        not_judged=[names[column] for column in np.flatnonzero(np.isnan(chances).all(axis=0))],
    )


def _comment(comment: LabelledComment, file: str) -> Finding:
    return {"file": file, "id": comment.id, "text": comment.text, "question": comment.question}


def _side(name: str, places: Sequence[int], told: Sequence[Finding]) -> Finding:
    return {name: [told[place] for place in places[:SHOWN]], f"{name}_n": len(places)}


def _annotator(one: Annotator) -> Finding:
    return {
        "kind": "annotator",
        "actor": one.actor,
        "comments": one.comments,
        "with_model": one.with_model and one.with_model.to_dict(),
        "with_others": one.with_others and one.with_others.to_dict(),
        "drift": one.drift and _drift(one.drift),
    }


def _drift(drift: Drift) -> Finding:
    figures = {name: round(getattr(drift, name), 4) for name in ("value", "low", "high")}
    return figures | {"since": drift.since.isoformat(), "drifts": drift.drifts}
