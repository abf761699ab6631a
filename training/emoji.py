"""Emoji that an encoder can read: each becomes a token of its own, that starts where the word it stands for is.

    emoji = add_emoji(tokenizer)
    weights = with_emoji(weights, emoji)

The vocabulary of BERT holds none of them, so that "😡" and "🎉" read alike: as an unknown word. `emoji.toml` says in
a word or two what each means; its first vector is the mean of theirs.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources

import torch
from tokenizers import AddedToken, Tokenizer
from torch import Tensor

_VECTORS = "embeddings.word_embeddings.weight"
_TONES = [chr(tone) for tone in range(0x1F3FB, 0x1F400)]
# U+FE0F asks for the coloured picture of the sign before it.
_PICTURE = "\ufe0f"
# Hands and people may have a skin tone.
_TONED = frozenset("👎🖕👍👌👏🙌🙏💪👋🤝🤞🤦🤷")


def add_emoji(tokenizer: Tokenizer) -> dict[int, list[int]]:
    """Add the emoji to a tokenizer's vocabulary: the id of each new token, with the ids of the words it means.

    A sign that the vocabulary holds already keeps its place and its vector.
    """
    tokenizer.no_padding()
    found: dict[int, list[int]] = {}
    for sign, words in _meanings().items():
        meaning = tokenizer.encode(words, add_special_tokens=False).ids
        for written in _ways_of_writing(sign):
            if tokenizer.token_to_id(written) is None:
                found[tokenizer.get_vocab_size()] = meaning
                tokenizer.add_tokens([AddedToken(written, normalized=False)])
    return found


def with_emoji(weights: Mapping[str, Tensor], emoji: Mapping[int, list[int]]) -> dict[str, Tensor]:
    """The weights of an encoder, or of a network, with a row for each emoji, if they lack them yet."""
    first = min(emoji, default=None)
    name = next((name for name in weights if name.endswith(_VECTORS)), None)
    if first is None or name is None or len(weights[name]) > first:
        return dict(weights)
    rows = weights[name]
    new = [rows[meaning].mean(dim=0) for _, meaning in sorted(emoji.items())]
    return {**weights, name: torch.cat([rows, torch.stack(new)])}


def _meanings() -> dict[str, str]:
    file = resources.files("training").joinpath("emoji.toml")
    by_words: dict[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))["meanings"]
    return {sign: words for words, signs in by_words.items() for sign in signs}


def _ways_of_writing(sign: str) -> list[str]:
    toned = [sign + tone for tone in _TONES] if sign in _TONED else []
    return [sign, sign + _PICTURE, *toned]
