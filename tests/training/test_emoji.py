"""Emoji as tokens of their own, that start as the words they stand for."""

import pytest
import torch
from tokenizers import Tokenizer

from evaluation.base_encoder import base_encoder_path
from training.emoji import add_emoji, with_emoji

VECTORS = "encoder.embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def read() -> tuple[Tokenizer, dict[int, list[int]]]:
    tokenizer = Tokenizer.from_file(str(base_encoder_path() / "tokenizer.json"))
    return tokenizer, add_emoji(tokenizer)


def test_an_emoji_is_a_token_with_its_place_in_the_text(read: tuple[Tokenizer, dict[int, list[int]]]) -> None:
    encoded = read[0].encode("My parcel\U0001f621 is LATE \U0001f44e\U0001f3fd", add_special_tokens=False)
    assert encoded.tokens == ["my", "parcel", "\U0001f621", "is", "late", "\U0001f44e\U0001f3fd"]
    assert encoded.offsets[2] == (9, 10)


def test_no_two_say_the_same_and_each_is_said_in_known_words(
    read: tuple[Tokenizer, dict[int, list[int]]],
) -> None:
    tokenizer, emoji = read
    assert sorted(emoji) == list(range(min(emoji), tokenizer.get_vocab_size()))
    assert all(tokenizer.token_to_id("[UNK]") not in words for words in emoji.values())
    assert "##" not in "".join(tokenizer.id_to_token(word) for words in emoji.values() for word in words)


def test_a_vector_starts_as_the_mean_of_its_words_and_is_added_once(
    read: tuple[Tokenizer, dict[int, list[int]]],
) -> None:
    tokenizer, emoji = read
    weights = {VECTORS: torch.randn(min(emoji), 4), "heads.bias": torch.ones(3)}
    grown = with_emoji(weights, emoji)
    assert grown[VECTORS].shape == (tokenizer.get_vocab_size(), 4)
    celebrate = tokenizer.token_to_id("celebrate")
    assert torch.equal(grown[VECTORS][tokenizer.token_to_id("\U0001f389")], weights[VECTORS][celebrate])
    assert torch.equal(grown["heads.bias"], weights["heads.bias"])
    assert torch.equal(with_emoji(grown, emoji)[VECTORS], grown[VECTORS])
