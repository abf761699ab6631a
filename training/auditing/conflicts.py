"""Where labels contradict each other: the same words with other labels, and people who say yes and no of one comment.

    conflicts(comments)         # near-duplicates that differ
    contradictions(comments)    # people's last words that differ

Needs no model. Near-duplicates may differ rightly ("was" and "was not"): that is for people to say.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluation.gold import LabelledComment
from models.text import words_of
from training.split import group_near_duplicates

ALIKE = 0.7
"""Jaccard similarity of their words (Jaccard 1912), from which on two texts are nearly the same."""


@dataclass(frozen=True)
class Conflict:
    """A label that some of these near-duplicates have and others have not; places in the order given."""

    label: str
    having: tuple[int, ...]
    lacking: tuple[int, ...]


@dataclass(frozen=True)
class Contradiction:
    """A label of one comment of which people say different things, each by their last word."""

    place: int
    label: str
    yes: tuple[str, ...]
    no: tuple[str, ...]


def conflicts(comments: Sequence[LabelledComment]) -> list[Conflict]:
    """Labels on which near-duplicates differ, the largest sets first.

    Only answers to the same question are held against each other: "Staff" may be praise to one and blame to another.
    """
    sets: dict[tuple[int, str | None], list[int]] = defaultdict(list)
    for place, group in enumerate(group_near_duplicates([one.text for one in comments])):
        sets[group, comments[place].question].append(place)
    alike = [same for places in sets.values() for same in _alike(places, comments)]
    found = [one for places in alike if len(places) > 1 for one in _differing(places, comments)]
    return sorted(found, key=lambda one: -len(one.having) - len(one.lacking))


def contradictions(comments: Sequence[LabelledComment]) -> list[Contradiction]:
    """What people contradict each other in, comment by comment. Who thought better of it counts once."""
    found = []
    for place, comment in enumerate(comments):
        last: dict[str, dict[str, bool]] = defaultdict(dict)
        for said in sorted(comment.said, key=lambda one: one.at):
            for label, there in said.labels.items():
                last[label][said.actor] = there
        for label, by in sorted(last.items()):
            yes = tuple(sorted(actor for actor, there in by.items() if there))
            no = tuple(sorted(set(by) - set(yes)))
            if yes and no:
                found.append(Contradiction(place, label, yes, no))
    return found


def _alike(places: Sequence[int], comments: Sequence[LabelledComment]) -> Iterator[list[int]]:
    """A group parted into sets that are alike: each has the commonest text that is left and what is like it."""
    by_text: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place in places:
        by_text[tuple(words_of(comments[place].text))].append(place)
    texts = sorted(by_text, key=lambda text: -len(by_text[text]))
    while texts:
        near = [text for text in texts if _similarity(texts[0], text) >= ALIKE]
        yield sorted(place for text in near for place in by_text[text])
        texts = [text for text in texts if text not in near]


def _similarity(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    first, second = set(one), set(other)
    return 1.0 if one == other else len(first & second) / len(first | second)


def _differing(places: Sequence[int], comments: Sequence[LabelledComment]) -> Iterator[Conflict]:
    labels = {place: {mention.id for mention in comments[place].labels.mentions} for place in places}
    counts = Counter(label for found in labels.values() for label in found)
    for label, count in sorted(counts.items()):
        if count < len(places):
            having = tuple(place for place in places if label in labels[place])
            yield Conflict(label, having, tuple(place for place in places if place not in having))
