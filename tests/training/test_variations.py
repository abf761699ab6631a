"""Variations: near words by their vectors, sentences side by side, the same for the same seed."""

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece

from models.schema import Comment
from training.variations import near_words, vary

COMMENTS = [
    Comment("The waiter was rude. Never again!", question="Why?"),
    Comment("Late parcel. Nobody answers the phone. I wait."),
]
NEAR = {"waiter": ["waitress"], "parcel": ["letter"], "phone": ["chat"], "late": ["slow"]}


def test_near_words_are_those_whose_vectors_point_the_same_way() -> None:
    words = ["late", "slow", "tardy", "rude", "##ness", "é", "[UNK]", "on"]
    tokenizer = Tokenizer(WordPiece({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    vectors = torch.zeros(len(words), 2)
    vectors[0], vectors[1], vectors[2] = torch.tensor([[1.0, 0.0], [3.0, 0.3], [1.0, 1.0]])
    vectors[3] = torch.tensor([0.0, 1.0])
    near = near_words(tokenizer, vectors)
    assert near["late"] == ["slow", "tardy", "rude"]
    assert near["rude"][0] == "tardy"
    assert set(near) == {"late", "slow", "tardy", "rude"}


def test_variations_are_made_of_the_comments_words_and_of_near_ones() -> None:
    known = set(" ".join(comment.text for comment in COMMENTS).split())
    near = {"waitress", "letter.", "chat.", "Slow", "letter", "chat"}
    found = vary(COMMENTS, count=300, near=NEAR, seed=1)
    words = {word for comment in found for word in comment.text.split()}
    assert len(found) == 300
    assert words <= known | near
    assert words & near
    assert {comment.question for comment in found} == {None, "Why?"}
    assert any("rude." in comment.text and "phone." in comment.text for comment in found)
    assert any(comment.text.count(" ") == 1 for comment in found)  # of comments that have six words and more


def test_the_same_seed_gives_the_same_variations() -> None:
    first = vary(COMMENTS, count=40, near=NEAR, seed=3)
    assert first == vary(COMMENTS, count=40, near=NEAR, seed=3)
    assert first != vary(COMMENTS, count=40, near=NEAR, seed=4)


def test_comments_without_words_make_none() -> None:
    assert vary([Comment("  ")], count=5, near=NEAR, seed=1) == []
