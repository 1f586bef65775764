"""Formulas against the examples that their authors printed."""

from __future__ import annotations

import pytest

from engine.statistics.confidence import ConfidenceInterval
from engine.statistics.means import MoneySample, welch
from engine.statistics.proportions import Proportion, newcombe, wilson


def rounded(interval: ConfidenceInterval, digits: int = 4) -> tuple[float, float]:
    return round(interval.low, digits), round(interval.high, digits)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Proportion(56, 70), Proportion(48, 80), (0.0524, 0.3339)),
        (Proportion(9, 10), Proportion(3, 10), (0.1705, 0.8090)),
        (Proportion(6, 7), Proportion(2, 7), (0.0582, 0.8062)),
        (Proportion(5, 56), Proportion(0, 29), (-0.0381, 0.1926)),
        (Proportion(0, 10), Proportion(0, 20), (-0.1611, 0.2775)),
        (Proportion(0, 10), Proportion(0, 10), (-0.2775, 0.2775)),
        (Proportion(10, 10), Proportion(0, 20), (0.6791, 1.0000)),
        (Proportion(10, 10), Proportion(0, 10), (0.6075, 1.0000)),
    ],
)
def test_differences_of_newcombe_1998_table_ii(
    one: Proportion, other: Proportion, expected: tuple[float, float]
) -> None:
    assert rounded(newcombe(one, other)) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (Proportion(81, 263), (0.2553, 0.3662)),
        (Proportion(15, 148), (0.0624, 0.1605)),
        (Proportion(0, 20), (0.0000, 0.1611)),
        (Proportion(1, 29), (0.0061, 0.1718)),
    ],
)
def test_single_shares_of_newcombe_1998_table_i(share: Proportion, expected: tuple[float, float]) -> None:
    assert rounded(wilson(share)) == expected


@pytest.mark.parametrize(
    ("mailed", "percent", "more"),
    [
        # K. Hillstrom, The MineThatData e-mail analytics and data mining challenge (2008): 64,000 customers
        # who bought within a year, of whom two thirds were mailed; visits and purchases of two weeks.
        (Proportion(3894, 21307), (18.276, 10.617), 7.659),  # e-mail about men's merchandise: visits
        (Proportion(3238, 21387), (15.140, 10.617), 4.523),  # about women's
    ],
)
def test_visits_of_the_minethatdata_challenge(
    mailed: Proportion, percent: tuple[float, float], more: float
) -> None:
    control = Proportion(2262, 21306)
    assert (round(100 * mailed.rate, 3), round(100 * control.rate, 3)) == percent
    assert round(100 * (mailed.rate - control.rate), 3) == pytest.approx(more, abs=0.0011)
    found = newcombe(mailed, control)
    assert found.low > 0
    assert mailed.rate - control.rate in found


@pytest.mark.parametrize(
    ("mailed", "percent", "more"),
    [(Proportion(267, 21307), 1.253, 0.681), (Proportion(189, 21387), 0.884, 0.311)],
)
def test_purchases_of_the_minethatdata_challenge(mailed: Proportion, percent: float, more: float) -> None:
    control = Proportion(122, 21306)
    assert round(100 * control.rate, 3) == 0.573
    assert round(100 * mailed.rate, 3) == percent
    assert round(100 * (mailed.rate - control.rate), 3) == pytest.approx(more, abs=0.0011)
    assert newcombe(mailed, control).low > 0


def test_welch_of_a_textbook() -> None:
    # B. L. Welch's problem as printed in the article on his test in the reference manual of R (t.test), on
    # the data of "Student" (A. R. Cushny, A. R. Peebles: hours of sleep gained by two drugs)
    one = MoneySample(10, tuple(v for v in (0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0) if v))
    other = MoneySample(10, tuple(v for v in (1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4) if v))
    found = welch(one, other)
    assert found is not None
    assert (round(found.low, 7), round(found.high, 7)) == (-3.3654832, 0.2054832)
