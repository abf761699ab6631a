"""Labelled comments as the loop takes them: token ids, which clause is in which sentence, and the targets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluation.gold import LabelledComment, Labels
from models.encoder import Windows
from models.heads import LEVELS, Layout, Scores
from models.packing import Window, collate
from models.pipeline import read
from models.schema import Comment
from models.segments import Span
from models.taxonomy import Taxonomy

UNSAID = -1  # the level of empathy where none is said, the polarity where it is not known


@dataclass(frozen=True, slots=True)
class Example:
    """One comment. S sentences, N labels, D detected columns.

    `sentence_of`: for each clause of the window, the place of its annotated sentence. `sentences`: (S, N).
    `detected`: (D,). `sentiment`, `empathy`, `intent`: the place of the true level or intent.
    `labelled`: whether all these are known. If not, there may be a `polarity` (0 negative, 1 neutral, 2 positive)
    and `soft`, what teachers say: logits of shape (clauses, layout.width).
    """

    window: Window
    sentence_of: tuple[int, ...]
    sentences: NDArray[np.float32]
    detected: NDArray[np.float32]
    sentiment: int
    empathy: int
    intent: int
    labelled: bool = True
    polarity: int = UNSAID
    soft: Scores | None = None


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Examples as tensors. B comments, T tokens, C clauses, S sentences, all padded.

    `inputs`: what `Network.forward` takes. `membership`: (B, S, C) bool, clause in sentence. `soft`: (B, C, width)
    logits, of those rows that `taught` marks; None where no row has any. The rest as in `Example`, stacked.
    """

    inputs: tuple[Tensor, ...]
    membership: Tensor
    sentences: Tensor
    detected: Tensor
    sentiment: Tensor
    empathy: Tensor
    intent: Tensor
    labelled: Tensor
    polarity: Tensor
    taught: Tensor
    soft: Tensor | None

    @property
    def clauses(self) -> Tensor:
        """(B, C) bool: which clauses are there."""
        return self.membership.any(dim=1)


def make_examples(comments: Sequence[LabelledComment], windows: Windows, taxonomy: Taxonomy) -> list[Example]:
    """One example a comment that has words; of a comment longer than a window, what fits in the first."""
    layout = Layout(taxonomy)
    readings = [read(labelled.comment) for labelled in comments]
    kept = [place for place, reading in enumerate(readings) if reading.spans]
    cut = windows.cut([readings[place] for place in kept])
    return [
        _example(comments[place], readings[place].spans, of_reading[0], layout, taxonomy)
        for place, of_reading in zip(kept, cut, strict=True)
    ]


def make_unlabelled(
    comments: Sequence[Comment], windows: Windows, taxonomy: Taxonomy, polarities: Sequence[int] = ()
) -> list[Example]:
    """One example a comment that has words, of which nothing is known but, if given, its polarity."""
    layout = Layout(taxonomy)
    readings = [read(comment) for comment in comments]
    kept = [place for place, reading in enumerate(readings) if reading.spans]
    cut = windows.cut([readings[place] for place in kept])
    return [
        Example(
            window=of_reading[0],
            sentence_of=(0,) * len(of_reading[0].spans),
            sentences=np.zeros((1, len(layout.labels)), dtype=np.float32),
            detected=np.zeros(len(layout.detected), dtype=np.float32),
            sentiment=0,
            empathy=UNSAID,
            intent=0,
            labelled=False,
            polarity=polarities[place] if polarities else UNSAID,
        )
        for place, of_reading in zip(kept, cut, strict=True)
    ]


def with_soft(example: Example, soft: Scores) -> Example:
    """An example with what teachers say of its clauses; halved in size, for there are many."""
    return replace(example, soft=soft[: len(example.sentence_of)].astype(np.float16))


def by_length(examples: Sequence[Example], tokens: int) -> Iterator[list[int]]:
    """Places of examples of similar length, shortest first, as many as fit in a budget of padded tokens."""
    batch: list[int] = []
    for place in sorted(range(len(examples)), key=lambda i: len(examples[i].window.ids)):
        if batch and len(examples[place].window.ids) * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def make_batch(examples: Sequence[Example]) -> TrainingBatch:
    """Pad examples to one shape."""
    inputs = collate([example.window for example in examples])
    clauses = inputs.pooling.shape[1]
    most = max(len(example.sentences) for example in examples)
    membership = np.zeros((len(examples), most, clauses), dtype=bool)
    sentences = np.zeros((len(examples), most, examples[0].sentences.shape[1]), dtype=np.float32)
    for row, example in enumerate(examples):
        membership[row, example.sentence_of, range(len(example.sentence_of))] = True
        sentences[row, : len(example.sentences)] = example.sentences
    return TrainingBatch(
        inputs=tuple(torch.from_numpy(array) for array in inputs.arrays),
        membership=torch.from_numpy(membership),
        sentences=torch.from_numpy(sentences),
        detected=torch.from_numpy(np.stack([example.detected for example in examples])),
        sentiment=torch.tensor([example.sentiment for example in examples]),
        empathy=torch.tensor([example.empathy for example in examples]),
        intent=torch.tensor([example.intent for example in examples]),
        labelled=torch.tensor([example.labelled for example in examples]),
        polarity=torch.tensor([example.polarity for example in examples]),
        taught=torch.tensor([example.soft is not None for example in examples]),
        soft=_soft(examples, clauses),
    )


def _soft(examples: Sequence[Example], clauses: int) -> Tensor | None:
    width = next((example.soft.shape[1] for example in examples if example.soft is not None), None)
    if width is None:
        return None
    soft = np.zeros((len(examples), clauses, width), dtype=np.float32)
    for row, example in enumerate(examples):
        if example.soft is not None:
            soft[row, : len(example.soft)] = example.soft
    return torch.from_numpy(soft)


def detected_targets(labels: Labels, layout: Layout) -> NDArray[np.float32]:
    """What is there in the whole comment, shape (detected columns,)."""
    present = {mention.id for mention in labels.mentions}
    present |= {f"touchpoint_{key}" for key in labels.touchpoints}
    present |= {
        name
        for name, holds in (
            ("effort_hard", labels.effort == 1),
            ("effort_easy", labels.effort == -1),
            ("loyalty_leaving", labels.loyalty == -1),
            ("loyalty_staying", labels.loyalty == 1),
        )
        if holds
    }
    return np.array([name in present for name in layout.detected], dtype=np.float32)


def _example(
    labelled: LabelledComment, spans: Sequence[Span], window: Window, layout: Layout, taxonomy: Taxonomy
) -> Example:
    annotated = labelled.sentences or (Span(0, len(labelled.text)),)
    targets = np.zeros((len(annotated), len(layout.labels)), dtype=np.float32)
    for mention in labelled.labels.mentions:
        for evidence in mention.evidence:
            for place, sentence in enumerate(annotated):
                if _overlap(sentence, evidence) > 0:
                    targets[place, layout.index(mention.id)] = 1
    labels = labelled.labels
    return Example(
        window=window,
        sentence_of=tuple(_sentence_of(span, annotated) for span in spans[: len(window.spans)]),
        sentences=targets,
        detected=detected_targets(labels, layout),
        sentiment=LEVELS.index(labels.sentiment),
        empathy=UNSAID if labels.empathy is None else LEVELS.index(labels.empathy),
        intent=taxonomy.intents.index(labels.intent),
    )


def _sentence_of(span: Span, sentences: Sequence[Span]) -> int:
    return max(range(len(sentences)), key=lambda place: _overlap(span, sentences[place]))


def _overlap(a: Span, b: Span) -> int:
    return min(a.end, b.end) - max(a.start, b.start)
