"""The pretrained encoder as a network of categories, and the vectors of clauses that it gives."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn

from evaluation.gold import json_lines, labelled_files
from models.artifact import EncoderConfig
from models.category_network import Direction, category_network
from models.encoder import Windows
from models.network import Network
from models.packing import Window, passes
from models.pipeline import read
from models.schema import Comment
from training.config import RunConfig
from training.encoders import encoder_weights, pretrained, shape_of

Vectors = NDArray[np.float32]

CORPUS = Path(__file__).parents[1] / "corpus"
_BACKGROUND = 1_000  # comments


class CategoryEncoder:
    """An encoder that is read with one mixture of clause and window; see `models.category_network`."""

    def __init__(self, base: Path, config: EncoderConfig, *, context: float, dropout: float) -> None:
        self.config = config
        self.tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        self.windows = Windows(self.tokenizer, config)
        self._context = context
        self._dropout = dropout
        self._base = base

    def network(self, width: int) -> Network:
        """A fresh network with the pretrained encoder and empty directions."""
        network = category_network(self.config, width, context=self._context, dropout=self._dropout)
        network.encoder.load_state_dict(encoder_weights(self._base))
        return network

    def first_windows(self, comments: Sequence[Comment]) -> list[Window | None]:
        """Of each comment the first window, None where it has no words."""
        readings = [read(comment) for comment in comments]
        kept = [place for place, reading in enumerate(readings) if reading.spans]
        found: list[Window | None] = [None] * len(comments)
        for place, cut in zip(kept, self.windows.cut([readings[place] for place in kept]), strict=True):
            found[place] = cut[0]
        return found

    def clauses(self, comments: Sequence[Comment], context: float | None = None) -> list[Vectors]:
        """For each comment the vectors of its clauses, shape (clauses, hidden); none where it has no words."""
        network = self.network(1)
        network.heads = nn.Sequential(Direction(self._context if context is None else context))
        return vectors_of(network, self.first_windows(comments), self.config.hidden_size)

    @cached_property
    def background(self) -> list[Vectors]:
        """`clauses` of ordinary feedback."""
        return self.clauses(ordinary_feedback(_BACKGROUND))

    def texts(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, shape (texts, hidden)."""
        found = self.clauses([Comment(text) for text in texts], context=1.0)
        return np.stack([rows[0] if len(rows) else np.zeros(self.config.hidden_size) for rows in found])


def ordinary_feedback(count: int) -> list[Comment]:
    """About `count` comments of all sorts, written by us: the same ones each time."""
    lines = [line for file in labelled_files([CORPUS]) for _, line in json_lines(file)]
    return [Comment(line["text"]) for line in lines[:: max(1, len(lines) // count)]]


@torch.inference_mode()
def vectors_of(network: Network, windows: Sequence[Window | None], width: int) -> list[Vectors]:
    """What a network gives for the clauses of each window, shape (clauses, width)."""
    network.eval()
    found: list[Vectors] = [np.zeros((0, width), dtype=np.float32)] * len(windows)
    kept = [(place, window) for place, window in enumerate(windows) if window is not None]
    for each in passes([window for _, window in kept]):
        rows = network(*(torch.from_numpy(array) for array in each.batch.arrays)).numpy()
        for number, place in each.places:
            found[kept[number][0]] = rows[place].copy()
    return found


def open_encoder(config: RunConfig, scratch: Path, *, context: float) -> CategoryEncoder:
    """The encoder that a run file names. Raises as `training.encoders.pretrained` does."""
    base, architecture = pretrained(config.network.base, scratch)
    # No head stands between the vector and its directions.
    shape = shape_of(base, architecture, replace(config.network, head_size=1))
    return CategoryEncoder(base, shape, context=context, dropout=config.loop.dropout)
