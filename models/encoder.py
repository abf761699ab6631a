"""The encoder as a scorer: tokenize, cut into windows of clauses, pack them into passes, run, put back in order.

A window is `[CLS] question [SEP] clauses [SEP]`: consecutive clauses of one comment, as many as fit. A long
comment has several windows and is read to its end, up to `max_windows`; what lies beyond is not read and the
scores then have fewer rows than the reading has spans.

The pass itself is behind `Runtime`: arrays in, arrays out, on ONNX Runtime or torch.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from tokenizers import Encoding, Tokenizer

from models.artifact import SPECIAL_TOKENS, Artifact, EncoderConfig
from models.errors import ArtifactError
from models.heads import Scores
from models.packing import Batch, Window, passes
from models.scorer import Reading

# How a window begins, and how its parts end.
_SIGNS = {"bert": ("[CLS]", "[SEP]"), "mpnet": ("<s>", "</s>")}


class Runtime(Protocol):
    """One forward pass. Safe to call from several threads."""

    def forward(self, batch: Batch) -> Scores:
        """Logits, shape (R, S, layout.width)."""
        ...


class Windows:
    """Cuts readings into windows of token ids. Used by serving and by training alike."""

    def __init__(self, tokenizer: Tokenizer, config: EncoderConfig) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._config = config
        self._cls, self._sep = (_token(tokenizer, sign) for sign in _SIGNS[config.architecture])
        # An MPNet takes the place of a token in its row for its place in the text.
        self.may_share = config.architecture == "bert"

    def cut(self, readings: Sequence[Reading]) -> list[list[Window]]:
        """The windows of each reading, in order."""
        texts = self._encode([reading.text for reading in readings])
        # A survey asks all its customers the same.
        asked = sorted({reading.question for reading in readings})
        questions = dict(zip(asked, self._encode(asked), strict=True))
        return [
            list(self._windows(reading, text, questions[reading.question]))
            for reading, text in zip(readings, texts, strict=True)
        ]

    def _encode(self, texts: list[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch(texts, add_special_tokens=False)

    def _windows(self, reading: Reading, text: Encoding, question: Encoding) -> Iterator[Window]:
        asked = question.ids[: self._config.max_question_tokens]
        room = self._config.max_tokens - SPECIAL_TOKENS - len(asked)
        pieces = _pieces(reading, text)
        if any(len(piece) > room for piece in pieces):
            pieces = _fitted(pieces, reading, text, room)
        # A clause without a token of its own (signs unknown to the tokenizer's normalizer) reads as [SEP].
        pieces = [piece or [self._sep] for piece in pieces]
        window: list[list[int]] = []
        count = length = 0
        for piece in pieces:
            if window and length + len(piece) > room:
                yield self._window(asked, window)
                count += 1
                window, length = [], 0
                if count == self._config.max_windows:
                    return
            window.append(piece)
            length += len(piece)
        yield self._window(asked, window)

    def _window(self, asked: list[int], pieces: list[list[int]]) -> Window:
        head = [self._cls, *asked, self._sep]
        ids, spans = list(head), []
        for piece in pieces:
            spans.append((len(ids), len(ids) + len(piece)))
            ids.extend(piece)
        ids.append(self._sep)
        return Window(ids=ids, segments=[0] * len(head) + [1] * (len(ids) - len(head)), spans=spans)


class Encoder:
    """A `Scorer` on an encoder. Computes; changes nothing."""

    def __init__(self, windows: Windows, runtime: Runtime) -> None:
        self._windows = windows
        self._runtime = runtime

    @classmethod
    def open(cls, artifact: Artifact, runtime: Runtime) -> "Encoder":
        """The tokenizer of an artifact before a runtime."""
        tokenizer = Tokenizer.from_file(str(artifact.path / "tokenizer.json"))
        return cls(Windows(tokenizer, artifact.config), runtime)

    def score(self, readings: Sequence[Reading]) -> list[Scores]:
        """See `Scorer.score`."""
        cut = self._windows.cut(readings)
        windows = [window for of_reading in cut for window in of_reading]
        rows: list[Scores | None] = [None] * len(windows)
        for each in passes(windows, shared=self._windows.may_share):
            scores = self._runtime.forward(each.batch)
            for number, (row, clauses) in each.places:
                rows[number] = scores[row, clauses]
        of_windows = iter(rows)
        return [np.concatenate([next(of_windows) for _ in of_reading]) for of_reading in cut]


def _token(tokenizer: Tokenizer, sign: str) -> int:
    found: int | None = tokenizer.token_to_id(sign)
    if found is None:
        raise ArtifactError(f"tokenizer.json: it has no {sign}")
    return found


def _pieces(reading: Reading, text: Encoding) -> list[list[int]]:
    """Token ids of each clause; a token between two clauses (", but") belongs to the clause after it.

    It is read with that clause, so that the encoder sees every word, though the words of evidence leave it out.
    """
    pieces: list[list[int]] = [[] for _ in reading.spans]
    ends = [span.end for span in reading.spans]
    place = 0
    for token, (start, _) in zip(text.ids, text.offsets, strict=True):
        while place < len(ends) - 1 and start >= ends[place]:
            place += 1
        pieces[place].append(token)
    return pieces


def _fitted(pieces: list[list[int]], reading: Reading, text: Encoding, room: int) -> list[list[int]]:
    """The pieces, those that exceed the room without what lies before their clause, and cut where that is not enough.

    Hundreds of dashes before a clause would else leave no room for its words.
    """
    ends = [end for _, end in text.offsets]
    fitted, first = [], 0
    for span, piece in zip(reading.spans, pieces, strict=True):
        own = ends[first : first + len(piece)]
        first += len(piece)
        before = sum(end <= span.start for end in own) if len(piece) > room else 0
        fitted.append(piece[before : before + room])
    return fitted
