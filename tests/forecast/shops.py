"""Made-up shops whose customers behave exactly as the models say."""

from __future__ import annotations

import numpy as np

from engine.forecast.purchases import PurchaseDays


def simulated(
    size: int,
    seed: int,
    days: int = 730,
    *,
    coming: tuple[float, float, float, float] = (0.8, 8.0, 1.2, 4.0),
    spending: tuple[float, float, float] = (6.0, 4.0, 15.0),
) -> PurchaseDays:
    """Customers of BG/NBD (`alpha` in weeks) who spend by gamma-gamma. They come first in the first half of
    the days; what they do up to `days` is known."""
    dice = np.random.default_rng(seed)
    (r, alpha, a, b), (p, q, v) = coming, spending
    rows: list[tuple[int, int, float]] = []
    for customer in range(size):
        rate, leaving, nu = dice.gamma(r, 1 / alpha) / 7, dice.beta(a, b), dice.gamma(q, 1 / v)
        at = float(dice.integers(1, days // 2))
        while at <= days:
            rows.append((customer, int(at), dice.gamma(p, 1 / nu)))
            at += dice.exponential(1 / rate)
            # After each purchase but the first they may leave.
            if at <= days and dice.random() < leaving:
                rows.append((customer, int(at), dice.gamma(p, 1 / nu)))
                break
    who, day, amount = (np.array(column) for column in zip(*rows, strict=True))
    return PurchaseDays.of(who.astype(np.int64), day.astype(np.int64), amount.astype(np.float64))
