"""Exact Shapley shares of R²: how much of a score's spread goes with each of up to twelve groups of columns.

    shares(moments, groups=[(0, 1), (2,), …])  →  one share per group, in sum the R² of all together

`moments` is the matrix of covariances of all columns, the score the last one; leading dimensions (resamples) are
worked on at once.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_GROUPS = 12
"""2¹² regressions are exact and quick; more would be neither."""
_NOTHING = 1e-9


def shares(moments: Floats, groups: Sequence[Sequence[int]]) -> Floats:
    """(…, groups): each group's part of R², averaged over all orders in which the groups may come in.

    Shapley 1953; as a share of R² by Lindeman, Merenda & Gold 1980, and Grömping 2006 (Journal of Statistical
    Software 17). Every one of the 2^groups regressions is solved. Raises `ValueError` for too many groups.
    """
    if len(groups) > MAX_GROUPS:
        raise ValueError(f"at most {MAX_GROUPS} groups, got {len(groups)}")
    explained = _explained(moments, groups)
    count = len(groups)
    parts = np.zeros((*moments.shape[:-2], count))
    for chosen in range(2**count):
        size = chosen.bit_count()
        for group in range(count):
            if not chosen >> group & 1:
                weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
                parts[..., group] += weight * (explained[chosen | 1 << group] - explained[chosen])
    return parts


def _explained(moments: Floats, groups: Sequence[Sequence[int]]) -> list[Floats]:
    """R² of every set of groups, by its bits.

    Columns are swept out one after the other (Gauss); both halves of the tree share the work done before them.
    """
    order = [*(column for group in groups for column in group), moments.shape[-1] - 1]
    standard = _standardised(moments[..., order, :][..., order])
    found: list[Floats] = [standard[..., -1, -1]] * 2 ** len(groups)

    def go_on(left: Floats, group: int, chosen: int) -> None:
        if group == len(groups):
            found[chosen] = 1 - left[..., -1, -1]
            return
        width = len(groups[group])
        go_on(left[..., width:, width:], group + 1, chosen)
        go_on(_without_first(left, width), group + 1, chosen | 1 << group)

    go_on(standard, 0, 0)
    return found


def _without_first(matrix: Floats, columns: int) -> Floats:
    """What the other columns have left once the first ones are regressed out of them."""
    for _ in range(columns):
        pivot, row = matrix[..., :1, :1], matrix[..., :1, 1:]
        # A column that the ones before it make up explains nothing more.
        usable = pivot > _NOTHING
        matrix = matrix[..., 1:, 1:] - np.where(
            usable, row.swapaxes(-1, -2) * row / np.where(usable, pivot, 1.0), 0.0
        )
    return matrix


def _standardised(moments: Floats) -> Floats:
    """Covariances to correlations; a column that never varies is one that goes with nothing."""
    deviation = np.sqrt(np.maximum(np.diagonal(moments, axis1=-2, axis2=-1), 0))
    scale = np.where(deviation > _NOTHING, 1 / np.maximum(deviation, _NOTHING), 0.0)
    correlations: Floats = moments * scale[..., :, None] * scale[..., None, :]
    correlations[..., -1, -1] = 1.0
    return correlations
