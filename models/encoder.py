"""The encoder as a scorer: tokenize, pack clauses into windows, batch by length, run, put back in order.

A window is `[CLS] question [SEP] clauses [SEP]`: consecutive clauses of one comment, as many as fit. A long
comment has several windows and is read to its end, up to `max_windows`; what lies beyond is not read and the
scores then have fewer rows than the reading has spans.

The pass itself is behind `Runtime`: arrays in, arrays out, on ONNX Runtime or torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from models.artifact import Artifact, EncoderConfig
from models.errors import ArtifactError
from models.heads import Scores
from models.scorer import Reading

Ids = NDArray[np.int64]

# Tokens of a batch, padding included. Larger ones are no faster, leave the processor's cache and take more memory.
TOKENS_PER_BATCH = 384
# Tokens of padding that a batch may hold: about what one more pass costs by itself.
_PADDING = 128
# How a window begins, and how its parts end.
_SIGNS = {"bert": ("[CLS]", "[SEP]"), "mpnet": ("<s>", "</s>")}
# Without a question there is no first segment but [CLS] [SEP]: the same shape either way.
_SPECIAL = 3


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of similar length. T tokens (padded), S spans (padded), B windows.

    `ids`, `segments`, `mask`: (B, T) int64. `pooling`: (B, S, T) float32, each row the mean over one span's
    tokens (all zeros for padding).
    """

    ids: Ids
    segments: Ids
    mask: Ids
    pooling: NDArray[np.float32]


class Runtime(Protocol):
    """One forward pass. Safe to call from several threads."""

    def forward(self, batch: Batch) -> Scores:
        """Logits, shape (B, S, layout.width)."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """Token ids of one pass and, for each clause in it, its first and last-plus-one token."""

    ids: list[int]
    segments: list[int]
    spans: list[tuple[int, int]]


class Windows:
    """Cuts readings into windows of token ids. Used by serving and by training alike."""

    def __init__(self, tokenizer: Tokenizer, config: EncoderConfig) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._config = config
        self._cls, self._sep = (_token(tokenizer, sign) for sign in _SIGNS[config.architecture])

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
        room = self._config.max_tokens - _SPECIAL - len(asked)
        pieces = [piece[:room] for piece in _pieces(reading, text)]
        window: list[list[int]] = []
        count = 0
        for piece in pieces:
            if window and sum(map(len, window)) + len(piece) > room:
                yield self._window(asked, window)
                count += 1
                window = []
                if count == self._config.max_windows:
                    return
            window.append(piece)
        yield self._window(asked, window)

    def _window(self, asked: list[int], pieces: list[list[int]]) -> Window:
        head = [self._cls, *asked, self._sep]
        ids, spans = list(head), []
        for piece in pieces:
            # A clause without a token of its own (signs unknown to the tokenizer's normalizer) reads as [SEP].
            spans.append((len(ids), len(ids) + max(len(piece), 1)))
            ids.extend(piece or [self._sep])
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
        for places in batches([_size(len(window.ids)) for window in windows]):
            scores = self._runtime.forward(_shaped([windows[place] for place in places]))
            for row, place in enumerate(places):
                rows[place] = scores[row, : len(windows[place].spans)]
        of_windows = iter(rows)
        return [np.concatenate([next(of_windows) for _ in of_reading]) for of_reading in cut]


def batches(lengths: Sequence[int], tokens: int = TOKENS_PER_BATCH) -> Iterator[list[int]]:
    """Places of similar length, shortest first, as many as fit in a budget of padded tokens without much padding."""
    batch: list[int] = []
    held = 0
    for place in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        longest = lengths[place]
        if batch and (longest * (len(batch) + 1) > tokens or longest * len(batch) - held > _PADDING):
            yield batch
            batch, held = [], 0
        batch.append(place)
        held += longest
    if batch:
        yield batch


def _shaped(windows: Sequence[Window]) -> Batch:
    """`collate` to one of few shapes: a runtime makes itself ready for each one it meets, in time and in memory."""
    spans = max(len(window.spans) for window in windows)
    return collate(
        windows, tokens=_size(max(len(window.ids) for window in windows)), spans=1 << (spans - 1).bit_length()
    )


def _size(length: int) -> int:
    step = 4 if length <= 32 else 8 if length <= 64 else 16 if length <= 128 else 32
    return -(-length // step) * step


def collate(windows: Sequence[Window], *, tokens: int = 0, spans: int = 0) -> Batch:
    """Pad windows to one shape, of so many tokens and spans at least."""
    size = (len(windows), max(tokens, *(len(window.ids) for window in windows)))
    ids, segments, mask = (np.zeros(size, dtype=np.int64) for _ in range(3))
    pooling = np.zeros(
        (size[0], max(spans, *(len(window.spans) for window in windows)), size[1]), dtype=np.float32
    )
    for row, window in enumerate(windows):
        length = len(window.ids)
        ids[row, :length], segments[row, :length], mask[row, :length] = window.ids, window.segments, 1
        for span, (start, end) in enumerate(window.spans):
            pooling[row, span, start:end] = 1 / (end - start)
    return Batch(ids=ids, segments=segments, mask=mask, pooling=pooling)


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
