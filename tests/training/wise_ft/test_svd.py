from __future__ import annotations

import numpy as np
import pytest

from training.wise_ft.svd import approximate


@pytest.mark.parametrize(
    ("out", "width", "of", "rank"),
    [(40, 30, 12, 5), (40, 30, 12, 1), (6, 50, 12, 4), (50, 6, 12, 8), (9, 9, 4, 4)],
)
def test_it_is_the_best_of_its_rank(out: int, width: int, of: int, rank: int) -> None:
    random = np.random.default_rng(out * rank)
    a, b = random.normal(size=(of, width)), random.normal(size=(out, of))
    found = approximate(a, b, rank)
    left, values, right = np.linalg.svd(b @ a, full_matrices=False)
    best = (left[:, :rank] * values[:rank]) @ right[:rank]
    np.testing.assert_allclose(found.b @ found.a, best, atol=1e-9)
    np.testing.assert_allclose(found.missed, ((b @ a - best) ** 2).sum(), atol=1e-9)
    np.testing.assert_allclose(found.norm, ((b @ a) ** 2).sum())


def test_both_factors_have_a_half_of_each_singular_value() -> None:
    random = np.random.default_rng(0)
    found = approximate(random.normal(size=(8, 20)), 1e6 * random.normal(size=(30, 8)), 3)
    np.testing.assert_allclose(found.a @ found.a.T, found.b.T @ found.b, rtol=1e-9, atol=1e-6)


def test_nothing_stays_nothing() -> None:
    found = approximate(np.ones((4, 5)), np.zeros((6, 4)), 2)
    assert not (found.b @ found.a).any()
    assert (found.missed, found.norm) == (0, 0)
