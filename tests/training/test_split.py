"""Near-duplicates never straddle the split, and the split does not depend on what else is there."""

import random

from training.split import group_near_duplicates, held_out

LONG = "The delivery came two days late and nobody told me, so I rang the help line and waited for an hour"


def texts(n: int) -> list[str]:
    draw = random.Random(3)
    words = [f"word{i}" for i in range(400)]
    return [" ".join(draw.choices(words, k=12)) for _ in range(n)]


def test_case_punctuation_and_a_changed_word_make_near_duplicates() -> None:
    groups = group_near_duplicates([LONG, LONG.upper() + "!!", LONG.replace("an hour", "ages"), "Good food"])
    assert groups[0] == groups[1] == groups[2] != groups[3]


def test_different_texts_are_apart() -> None:
    found = group_near_duplicates(texts(300))
    assert len(set(found)) == 300


def test_a_group_is_on_one_side() -> None:
    several = [f"{LONG} {ending}" for ending in ("again", "today", "!", "once more")]
    for seed in range(20):
        assert len(set(held_out(several, 0.5, seed=seed))) == 1


def test_about_the_share_is_held_out() -> None:
    sides = held_out(texts(2000), 0.15, seed=1)
    assert 0.12 < sum(sides) / len(sides) < 0.18


def test_a_comment_keeps_its_side_when_others_are_added() -> None:
    some = texts(200)
    assert (
        held_out(some, 0.3, seed=1)
        == held_out([*some, *(t + " more" for t in texts(90)[::-1])], 0.3, seed=1)[:200]
    )


def test_the_seed_changes_the_choice() -> None:
    assert held_out(texts(200), 0.5, seed=1) != held_out(texts(200), 0.5, seed=2)


def test_short_and_empty_texts_have_a_group() -> None:
    groups = group_near_duplicates(["", "ok", "OK!", ""])
    assert groups[0] == groups[3]
    assert groups[1] == groups[2]


def test_one_customers_comments_are_on_one_side() -> None:
    some = texts(40)
    customers = ["anna" if at % 4 == 0 else None for at in range(40)]
    for seed in range(20):
        sides = held_out(some, 0.5, seed=seed, customers=customers)
        assert len({side for side, customer in zip(sides, customers, strict=True) if customer}) == 1
        assert len(set(sides)) == 2


def test_a_customers_comments_stay_where_they_are() -> None:
    some = texts(12)
    for seed in range(40):
        before = held_out(some[:6], 0.5, seed=seed, customers=["anna"] * 6)
        assert held_out(some, 0.5, seed=seed, customers=["anna"] * 12)[:6] == before


def test_what_many_customers_say_does_not_make_one_group_of_them() -> None:
    """1,000 customers of five comments each, a fifth of which is one of a few stock answers."""
    draw, own = random.Random(5), iter(texts(5_000))
    some = [
        draw.choice(("good", "none", "Great service", "👍")) if at % 5 == 0 else next(own)
        for at in range(5_000)
    ]
    customers = [f"c{at // 5}" for at in range(5_000)]
    groups = group_near_duplicates(some, customers)
    assert max(groups.count(group) for group in set(groups)) == 5
    assert 0.12 < sum(held_out(some, 0.15, seed=1, customers=customers)) / 5_000 < 0.18
    # Those of nobody in particular stay together.
    assert len(set(group_near_duplicates(["good", "good"]))) == 1
