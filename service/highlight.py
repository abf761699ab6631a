"""A comment's text as safe HTML with its evidence marked: escape first, then mark.

    marked("Kind but <b>slow", [Evidence(0, 4, "strength", "Caring treatment")])
    → <mark class="strength" title="Caring treatment">Kind</mark> but &lt;b&gt;slow

The text is cut at every boundary of every span, so that spans may overlap or lie in one another; each piece is
escaped by itself and wrapped once. Offsets are code points of the text as it was sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from models import Taxonomy
from models.taxonomy import Kind
from service.corrections.in_force import KINDS


class Evidence(NamedTuple):
    """Code points `start` to `end` (exclusive) speak for the label called `name`."""

    start: int
    end: int
    kind: Kind
    name: str


def evidence_of(analysis: Mapping[str, Any], taxonomy: Taxonomy) -> list[Evidence]:
    """The evidence of all issues, strengths and categories of an analysis (the contract's JSON object)."""
    return [
        Evidence(span["start"], span["end"], kind, label_name(mention["id"], taxonomy))
        for kind, key in KINDS
        for mention in analysis.get(key, ())
        for span in mention["evidence"]
    ]


def label_name(label: str, taxonomy: Taxonomy) -> str:
    """What people call a label; one of an older taxonomy keeps its id."""
    own = (category.name for category in taxonomy.categories if category.id == label)
    known = taxonomy.by_id.get(label)
    return known.name if known else next(own, label)


def marked(text: str, evidence: Iterable[Evidence]) -> Markup:
    """The text escaped, with a `mark` around each piece that is evidence of something."""
    spans = [span for span in evidence if 0 <= span.start < span.end <= len(text)]
    edges = sorted({0, len(text), *(edge for span in spans for edge in span[:2])})
    pieces = (
        _piece(text[start:end], [span for span in spans if span.start <= start and end <= span.end])
        for start, end in pairwise(edges)
    )
    return Markup().join(pieces)


def excerpt(text: str, evidence: Sequence[Evidence], longest: int | None) -> tuple[str, list[Evidence]]:
    """At most `longest` code points (and an ellipsis at each cut) from shortly before the first evidence on.

    >>> excerpt("They came late, and then left.", [Evidence(16, 29, "issue", "Late")], 12)
    ('…and then…', [Evidence(start=1, end=9, kind='issue', name='Late')])
    """
    if longest is None or len(text) <= longest:
        return text, list(evidence)
    first = min((span.start for span in evidence), default=0)
    start = max(0, min(first - longest // 3, len(text) - longest))
    if start:
        start = text.find(" ", start) + 1 or start
    end = min(len(text), start + longest)
    if end < len(text):
        end = max(text.rfind(" ", start, end), start) if " " in text[start:end] else end
    before, after = "…" if start else "", "…" if end < len(text) else ""
    shift = len(before) - start
    kept = [
        span._replace(start=max(span.start, start) + shift, end=min(span.end, end) + shift)
        for span in evidence
        if span.start < end and span.end > start
    ]
    return f"{before}{text[start:end]}{after}", kept


def _piece(text: str, spans: list[Evidence]) -> Markup:
    if not spans:
        return escape(text)
    kinds = " ".join(sorted({span.kind for span in spans}))
    names = " · ".join(dict.fromkeys(span.name for span in spans))
    return Markup('<mark class="{}" title="{}">{}</mark>').format(kinds, names, text)
