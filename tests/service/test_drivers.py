"""What a score goes with: by the definition, against regressions solved one by one, and with simulated tagging."""

from itertools import permutations

import numpy as np
import pytest

from service.statistics.drivers import MIN_SUPPORT, UNREAD, drivers
from service.statistics.shapley import MAX_GROUPS, shares

SENSITIVITY, FALSE = 0.6, 0.05
ERRORS = {"tp": 600, "fn": 400, "fp": 500, "tn": 9_500}


def comments(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """True labels of three issues and NPS contributions; the first issue hurts, the second helps a little."""
    labels = (rng.random((n, 3)) < (0.15, 0.3, 0.1)).astype(float)
    labels[:, 1] = np.maximum(labels[:, 1], labels[:, 0] * (rng.random(n) < 0.5))
    low = 0.2 + 0.5 * labels[:, 0] - 0.1 * labels[:, 1]
    drawn = rng.random(n)
    return labels, 100.0 * ((drawn > low + 0.3).astype(float) - (drawn < low))


def tagged(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    drawn = rng.random(labels.shape)
    return np.where(labels == 1, drawn < SENSITIVITY, drawn < FALSE).astype(float)


def r2(columns: np.ndarray, scores: np.ndarray) -> float:
    design = np.column_stack([np.ones(len(scores)), columns])
    rest = scores - design @ np.linalg.lstsq(design, scores, rcond=None)[0]
    return float(1 - rest.var() / scores.var())


def adjusted(columns: np.ndarray, scores: np.ndarray) -> float:
    n, k = columns.shape
    return 1 - (1 - r2(columns, scores)) * (n - 1) / (n - k - 1)


def test_impact_is_the_mean_less_the_mean_without() -> None:
    labels, scores = comments(np.random.default_rng(1), 900)
    found = drivers(labels, scores, [(0,), (1,), (2,)], [None] * 3)
    for column, impact in zip(labels.T, found.impacts, strict=True):
        assert impact.observed is not None
        assert impact.n == column.sum()
        assert impact.observed.value == pytest.approx(scores.mean() - scores[column == 0].mean())
        # The other definition in use, over the gap of those with the label, is the same number.
        with_it = column.sum() * (scores[column == 1].mean() - scores.mean()) / (column == 0).sum()
        assert impact.observed.value == pytest.approx(with_it)
        assert impact.observed.low < impact.observed.value < impact.observed.high
        assert impact.corrected is None


def test_of_too_many_themes_there_are_impacts_and_no_shares() -> None:
    rng = np.random.default_rng(2)
    tags, scores = (rng.random((400, MAX_GROUPS + 1)) < 0.3).astype(float), rng.random(400)
    found = drivers(
        tags, scores + tags[:, 0], [(c,) for c in range(MAX_GROUPS + 1)], [None] * (MAX_GROUPS + 1)
    )
    assert all(impact.observed for impact in found.impacts)
    assert set(found.shares) == {None}
    assert found.r2.value > 0.5
    few = drivers(tags, scores + tags[:, 0], [tuple(range(MAX_GROUPS + 1))], [None] * (MAX_GROUPS + 1))
    assert found.r2 == few.r2


def test_shares_are_averages_over_all_orders() -> None:
    labels, scores = comments(np.random.default_rng(2), 700)
    groups = [(0,), (1, 2), (3,)]
    columns = np.column_stack([labels, np.random.default_rng(3).random(700) < 0.2]).astype(float)
    found = drivers(columns, scores, groups, [None] * 4)
    for place, group in enumerate(groups):
        gains = []
        for order in permutations(range(3)):
            before = [c for g in order[: order.index(place)] for c in groups[g]]
            gains.append(r2(columns[:, [*before, *group]], scores) - r2(columns[:, before], scores))
        share = found.shares[place]
        assert share is not None
        by_chance = len(group) * (1 - r2(columns, scores)) / (700 - 4 - 1)
        assert share.value == pytest.approx(max(np.mean(gains) - by_chance, 0), abs=1e-9)
    assert found.r2.value == pytest.approx(adjusted(columns, scores), abs=1e-9)


def test_what_nothing_explains_is_not_explained() -> None:
    """200 comments, ten themes of noise: R² would be .10 in the mean."""
    rng = np.random.default_rng(10)
    found = [
        drivers(
            (rng.random((200, 20)) < 0.2).astype(float),
            rng.random(200),
            [(c, c + 1) for c in range(0, 20, 2)],
            [None] * 20,
        ).r2
        for _ in range(25)
    ]
    assert np.mean([one.value for one in found]) < 0.035
    assert sum(one.low == 0 for one in found) >= 23


def test_intervals_of_what_is_explained_hold_it() -> None:
    """Of the population R² is .12, of 150 comments .2 in the mean."""
    rng, weights = np.random.default_rng(11), np.array([0.9, 0.7, *[0.0] * 14])
    explained = weights**2 @ np.full(16, 0.2 * 0.8)
    held, values = 0, []
    for seed in range(60):
        tags = (rng.random((150, 16)) < 0.2).astype(float)
        scores = tags @ weights + rng.normal(0, np.sqrt(explained * (1 / 0.12 - 1)), 150)
        whole = drivers(tags, scores, [(c, c + 1) for c in range(0, 16, 2)], [None] * 16, seed=seed).r2
        held += whole.low <= 0.12 <= whole.high
        values.append(whole.value)
    assert held >= 53
    assert np.mean(values) == pytest.approx(0.12, abs=0.025)


def test_a_label_that_others_make_up_shares_with_them() -> None:
    labels, scores = comments(np.random.default_rng(4), 500)
    twice = np.column_stack([labels[:, 0], labels[:, 0]])
    found = drivers(twice, scores, [(0,), (1,)], [None] * 2)
    first, second = found.shares
    assert first is not None
    assert second is not None
    assert first.value == pytest.approx(second.value)
    assert first.value + second.value == pytest.approx(adjusted(twice, scores), abs=1e-6)


def test_labels_with_little_support_are_left_out() -> None:
    labels, scores = comments(np.random.default_rng(5), 300)
    labels[:, 2] = 0
    labels[: MIN_SUPPORT - 1, 2] = 1
    found = drivers(labels, scores, [(0, 1), (2,)], [ERRORS] * 3)
    assert found.impacts[2].observed is None
    assert found.impacts[2].n == MIN_SUPPORT - 1
    assert found.shares[1] is None
    assert found.shares[0] is not None
    assert found.shares[0].value == pytest.approx(found.r2.value)


def test_no_label_with_support() -> None:
    scores = np.arange(20.0)
    found = drivers(np.zeros((20, 2)), scores, [(0,), (1,)], [None, None])
    assert found.shares == (None, None)
    assert found.r2.value == 0


def test_raw_impacts_are_attenuated_and_corrected_ones_are_not() -> None:
    rng = np.random.default_rng(6)
    true, observed, corrected, held = [], [], [], 0
    for seed in range(60):
        labels, scores = comments(rng, 3_000)
        (only,) = drivers(tagged(rng, labels[:, :1]), scores, [(0,)], [ERRORS], seed=seed).impacts
        assert only.observed is not None
        assert only.corrected is not None
        true.append(scores.mean() - scores[labels[:, 0] == 0].mean())
        observed.append(only.observed.value)
        corrected.append(only.corrected.value)
        # Of the population: 15 % have it; of them 65 % have the second one too, of the others 30 %.
        held += only.corrected.low <= 0.15 * -200 * (0.5 - 0.1 * (0.65 - 0.3)) <= only.corrected.high
    assert np.mean(observed) / np.mean(true) < 0.75
    assert np.mean(corrected) == pytest.approx(np.mean(true), rel=0.05)
    assert np.std(corrected) < abs(np.mean(true)) / 4
    assert held >= 50


def test_comments_without_content_and_corrected_ones_do_not_mislead_the_correction() -> None:
    """70 % say nothing, and of the tags of the rest people have put every third right."""
    rng = np.random.default_rng(12)
    true, corrected = [], []
    for seed in range(40):
        labels, scores = comments(rng, 4_000)
        empty = rng.random(4_000) < 0.7
        labels[empty] = 0
        of_model = tagged(rng, labels[:, :1])
        in_force = np.where(rng.random((4_000, 1)) < 1 / 3, labels[:, :1], of_model)
        of_model[empty], in_force[empty] = UNREAD, 0
        (only,) = drivers(in_force, scores, [(0,)], [ERRORS], of_model=of_model, seed=seed).impacts
        assert only.corrected is not None
        true.append(scores.mean() - scores[labels[:, 0] == 0].mean())
        corrected.append(only.corrected.value)
    assert np.mean(corrected) == pytest.approx(np.mean(true), rel=0.08)


@pytest.mark.parametrize(
    "errors",
    [
        None,
        {"tp": 0, "fn": 0, "fp": 5, "tn": 95},
        {"tp": 50, "fn": 50, "fp": 500, "tn": 500},
        {"tp": 60, "fn": 40, "fp": 300, "tn": 700},
    ],
    ids=["no card", "no positives", "chance", "more false ones than there are tags"],
)
def test_what_the_card_cannot_correct_stays_observed(errors: dict[str, int] | None) -> None:
    rng = np.random.default_rng(7)
    labels, scores = comments(rng, 800)
    found = drivers(tagged(rng, labels[:, :1]), scores, [(0,)], [errors])
    assert found.impacts[0].observed is not None
    assert found.impacts[0].corrected is None


def test_the_same_comments_give_the_same_figures_in_any_order() -> None:
    labels, scores = comments(np.random.default_rng(8), 400)
    shuffled = np.random.default_rng(9).permutation(400)
    themes, errors = [(0,), (1,), (2,)], [ERRORS] * 3
    assert drivers(labels, scores, themes, errors) == drivers(
        labels[shuffled], scores[shuffled], themes, errors
    )


def test_too_many_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 12"):
        shares(np.eye(MAX_GROUPS + 2), [(column,) for column in range(MAX_GROUPS + 1)])


def test_twelve_groups_are_solved_exactly() -> None:
    moments = np.eye(13)
    moments[-1, :-1] = moments[:-1, -1] = 0.1
    assert shares(moments, [(column,) for column in range(12)]) == pytest.approx(np.full(12, 0.01))
