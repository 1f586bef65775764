"""Whether people fell into the arms as their shares say."""

from __future__ import annotations

from collections.abc import Sequence

from engine.statistics.distributions import chi_square_tail

LEAST_EXPECTED = 5
"""People expected in each arm, below whom the test says nothing (W. G. Cochran, Biometrics 10, 1954)."""

ALARM = 0.001
"""Below this something other than chance has divided them."""


def sample_ratio(people: Sequence[int], shares: Sequence[float]) -> float | None:
    """The p-value of Pearson's chi-square test that people were divided by these shares (in any unit). None:
    in some arm fewer than `LEAST_EXPECTED` are expected."""
    everybody, whole = sum(people), sum(shares)
    expected = [everybody * share / whole for share in shares]
    if len(expected) < 2 or min(expected) < LEAST_EXPECTED:
        return None
    distance = sum((seen - wanted) ** 2 / wanted for seen, wanted in zip(people, expected, strict=True))
    return chi_square_tail(distance, len(expected) - 1)
