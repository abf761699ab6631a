"""What the measures of a corpus see: repetition, and a style that gives itself away."""

import random

from training.diversity import diversity, told_apart

WORDS = "the van was late and nobody rang me so I went to their desk on a wet day with my old card".split()


def sentences(number: int, *, seed: int, opening: str = "") -> list[str]:
    generator = random.Random(seed)
    return [opening + " ".join(generator.choices(WORDS, k=generator.randint(6, 14))) for _ in range(number)]


def test_copies_and_common_openings_are_counted() -> None:
    varied, copied = sentences(60, seed=1), ["The driver was late again today"] * 30 + sentences(30, seed=2)
    assert diversity(varied)["in a near-duplicate pair"] == 0
    found = diversity(copied)
    assert found["in a near-duplicate pair"] >= 0.5
    assert found["commonest opening"] >= 0.5
    assert found["distinct triples"] < diversity(varied)["distinct triples"]


def test_a_style_gives_itself_away_and_likeness_does_not() -> None:
    real, alike = sentences(150, seed=3), sentences(150, seed=4)
    stiff = sentences(150, seed=5, opening="As a valued customer ")
    assert told_apart(alike, real, masked=False) < 0.65
    assert told_apart(stiff, real, masked=False) > 0.95
    assert told_apart(stiff, real, masked=True) > 0.95
