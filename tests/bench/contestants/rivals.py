"""What one would reach for instead, each as its users run it: batches of 32, its own defaults elsewhere.

All on the weights of all-MiniLM-L6-v2 and with twenty labels that may go together. Heads are fitted on random labels
and so say nothing: what is measured is the time, which does not depend on what they have learnt. spaCy has a network
of its own.
"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.base_encoder import base_encoder_path
from tests.bench.contestants.classifier import LABELS

BATCH = 32
_PRIMER = [
    f"The {thing} was {how}."
    for thing in ("app", "driver", "parcel", "agent", "bill", "website", "refund", "waiter")
    for how in ("late", "kind", "wrong", "easy", "rude", "quick", "never there", "just as promised")
]


class _Rival:
    """What all of these have in common."""

    def prepare(self, texts: list[str]) -> list[str]:
        """They take texts."""
        return texts

    def work(self, prepared: list[str], answers: Sequence[Any]) -> float:
        """Comments, each of which must have an answer for every label."""
        if len(answers) != len(prepared) or any(len(answer) != LABELS for answer in answers):
            raise ValueError("an answer is missing")
        return len(answers)

    def labels(self, answers: Any) -> list[list[str]]:
        """Nothing worth comparing."""
        return []


class TransformersPipeline(_Rival):
    """`transformers.pipeline("text-classification")`, in the order in which comments come."""

    def __init__(self, folder: str) -> None:
        from transformers import pipeline

        self._pipeline = pipeline("text-classification", model=folder, device="cpu")

    def run(self, prepared: list[str]) -> list[Any]:
        """The scores of all labels."""
        answers: list[Any] = self._pipeline(prepared, batch_size=BATCH, truncation=True, top_k=None)
        return answers


class SentenceTransformersHead(_Rival):
    """Vectors by sentence-transformers, which sorts by length itself, then scikit-learn's logistic regressions."""

    def __init__(self) -> None:
        from sentence_transformers import SentenceTransformer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier

        self._encoder = SentenceTransformer(str(base_encoder_path()), device="cpu")
        self._head = OneVsRestClassifier(LogisticRegression())
        self._head.fit(self._encoder.encode(_PRIMER, show_progress_bar=False), _flags())

    def run(self, prepared: list[str]) -> NDArray[np.float32]:
        """The probabilities of all labels."""
        vectors = self._encoder.encode(prepared, batch_size=BATCH, show_progress_bar=False)
        return np.asarray(self._head.predict_proba(vectors))


class SetFitPredict(_Rival):
    """`SetFitModel.predict`, its head scikit-learn's, its encoder not tuned: that would not change its speed."""

    def __init__(self) -> None:
        from setfit import SetFitModel

        path = str(base_encoder_path())
        self._model = SetFitModel.from_pretrained(path, multi_target_strategy="one-vs-rest", device="cpu")
        self._model.model_head.fit(self._model.encode(_PRIMER, show_progress_bar=False), _flags())

    def run(self, prepared: list[str]) -> Any:
        """Which labels there are."""
        return self._model.predict(prepared, batch_size=BATCH, as_numpy=True, show_progress_bar=False)


class SpacyTextcat(_Rival):
    """spaCy's `textcat_multilabel` as it comes, after a few steps on random labels."""

    def __init__(self) -> None:
        import spacy
        from spacy.training import Example

        self._nlp = spacy.blank("en")
        categorizer = self._nlp.add_pipe("textcat_multilabel")
        for label in range(LABELS):
            categorizer.add_label(str(label))  # type: ignore[attr-defined]
        examples = [
            Example.from_dict(
                self._nlp.make_doc(text), {"cats": dict(zip(map(str, range(LABELS)), row, strict=True))}
            )
            for text, row in zip(_PRIMER, _flags().astype(float).tolist(), strict=True)
        ]
        self._nlp.initialize(lambda: examples)
        for _ in range(3):
            self._nlp.update(examples)

    def run(self, prepared: list[str]) -> list[dict[str, float]]:
        """The scores of all labels."""
        return [doc.cats for doc in self._nlp.pipe(prepared)]


def _flags() -> NDArray[np.int64]:
    """Random labels for the primer, each of them there at least once and missing at least once."""
    dice = random.Random(0)
    rows = [[dice.randrange(2) for _ in range(LABELS)] for _ in _PRIMER]
    rows[0], rows[1] = [0] * LABELS, [1] * LABELS
    return np.array(rows)
