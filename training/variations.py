"""Comments varied, for teachers to speak of: a few words of one, sentences of two, words exchanged for near ones.

    near = near_words(tokenizer, encoder_weights(base)[WORDS])
    texts = vary(comments, count=24_000, near=near, seed=1)

A student follows a teacher where it has heard it speak, and labelled texts of an industry are few. What a variation
means is the teacher's to say: it need not mean what it was made from. After the augmentation of Jiao et al. 2020
(TinyBERT, section 3.3), with the encoder's own word vectors.
"""

import random
import re
from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import normalize

from models.schema import Comment
from models.segments import sentences

WORDS = "embeddings.word_embeddings.weight"
_NEAR = 8
_ROWS = 1_024
_LARGEST_SHARE = 0.35  # of a comment's words exchanged; TinyBERT's .4 is of longer texts
_CUT = 0.25
_WORDS_CUT = (2, 9)  # so many words stand alone: what a phrase says beside a whole text
_JOINED = 0.4
_SENTENCES = 3  # of each comment that is joined
_WORD = re.compile(r"[^\W\d_]{3,}")


def near_words(tokenizer: Tokenizer, vectors: Tensor) -> dict[str, list[str]]:
    """The eight nearest words by cosine of each plain word that is one token; `vectors` are (tokens, size)."""
    vocabulary = tokenizer.get_vocab()
    words = sorted(word for word in vocabulary if word.isascii() and _WORD.fullmatch(word))
    directions = normalize(vectors[[vocabulary[word] for word in words]].float(), dim=1)
    found: dict[str, list[str]] = {}
    for start in range(0, len(words), _ROWS):
        alike = directions[start : start + _ROWS] @ directions.T
        # The first is the word itself.
        for row, nearest in enumerate(alike.topk(min(_NEAR + 1, len(words))).indices[:, 1:].tolist()):
            found[words[start + row]] = [words[place] for place in nearest]
    return found


def vary(
    comments: Sequence[Comment], *, count: int, near: Mapping[str, Sequence[str]], seed: int
) -> list[Comment]:
    """`count` comments made from those, the same for the same seed; a question stays with its first sentence."""
    chance = random.Random(seed)
    worded = [comment for comment in comments if sentences(comment.text)]
    return [_one(worded, near, chance) for _ in range(count if worded else 0)]


def _one(comments: Sequence[Comment], near: Mapping[str, Sequence[str]], chance: random.Random) -> Comment:
    first = chance.choice(comments)
    text, kind = first.text, chance.random()
    if kind < _CUT:
        text = _few_words(text, chance)
    elif kind < _CUT + _JOINED:
        text = f"{_some(text, chance)} {_some(chance.choice(comments).text, chance)}"
    share = chance.uniform(0, _LARGEST_SHARE)
    return Comment(text=_exchanged(text, near, share, chance), question=first.question)


def _few_words(text: str, chance: random.Random) -> str:
    words = text.split()
    count = chance.randint(*_WORDS_CUT)
    start = chance.randrange(max(len(words) - count, 0) + 1)
    return " ".join(words[start : start + count])


def _some(text: str, chance: random.Random) -> str:
    """Up to three sentences of it, in a row."""
    spans = sentences(text)
    start = chance.randrange(len(spans))
    last = spans[min(start + chance.randint(1, _SENTENCES), len(spans)) - 1]
    return text[spans[start].start : last.end]


def _exchanged(text: str, near: Mapping[str, Sequence[str]], share: float, chance: random.Random) -> str:
    def other(match: re.Match[str]) -> str:
        word = match.group()
        others = near.get(word.lower())
        if not others or chance.random() >= share:
            return word
        new = chance.choice(others)
        return new.upper() if word.isupper() else new.capitalize() if word[0].isupper() else new

    return _WORD.sub(other, text)
