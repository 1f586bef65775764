"""The maximum of a likelihood over positive parameters, found the same on every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from engine.forecast.purchases import Floats

LOWEST, HIGHEST = -12.0, 12.0
"""Parameters stay between e to these powers: a shop in which nobody ever leaves, or all are alike, has its
maximum at infinity, and the forecasts of the edge are those of the limit."""

STEEPEST = 1e-5
"""Where the mean log-likelihood is steeper than this, by the logarithm of a parameter, is no maximum; of few
customers, where that of all of them is steeper than `STEEPEST_OF_ALL`: no data could tell the difference."""

STEEPEST_OF_ALL = 0.1

_MOST_STEPS = 2_000

Likelihood = Callable[[Floats], tuple[float, Floats]]
"""The mean log-likelihood at the parameters, and its derivatives by them."""


@dataclass(frozen=True, slots=True)
class Maximum:
    """Parameters at which the likelihood is highest. `at_edge`: those that would go on beyond the edge."""

    parameters: Floats
    value: float
    at_edge: tuple[bool, ...]
    is_found: bool  # False: the search ended elsewhere


def maximise(likelihood: Likelihood, starts: Sequence[Sequence[float]], size: int) -> Maximum:
    """The maximum from the first starting point; where that leads to an edge or nowhere, the highest that is
    reached from any of them. `size`: how many customers the mean is of."""

    def turned(logarithms: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logarithms)
        value, slope = likelihood(parameters)
        return -value, -slope * parameters

    steepest = max(STEEPEST, STEEPEST_OF_ALL / size)
    best = Maximum(np.ones(len(starts[0])), -np.inf, (False,) * len(starts[0]), is_found=False)
    for start in starts:
        begin = np.clip(np.log(np.asarray(start, dtype=np.float64)), LOWEST + 1, HIGHEST - 1)
        found = minimize(
            turned, begin, jac=True, method="L-BFGS-B", bounds=[(LOWEST, HIGHEST)] * len(begin),
            options={"maxiter": _MOST_STEPS, "maxfun": 2 * _MOST_STEPS, "ftol": 1e-15, "gtol": 1e-9},
        )  # fmt: skip
        logarithms = np.asarray(found.x, dtype=np.float64)
        value, slope = turned(logarithms)
        is_low, is_high = logarithms <= LOWEST + 1e-9, logarithms >= HIGHEST - 1e-9
        # At an edge only the way back counts.
        free = np.where(is_low, np.minimum(slope, 0.0), np.where(is_high, np.maximum(slope, 0.0), slope))
        is_found = bool(np.isfinite(value) and np.all(np.isfinite(free)) and np.max(np.abs(free)) <= steepest)
        edges = tuple(bool(low or high) for low, high in zip(is_low, is_high, strict=True))
        reached = Maximum(np.exp(logarithms), -value if np.isfinite(value) else -np.inf, edges, is_found)
        # What is higher by less is the same point.
        if reached.value > best.value + 1e-10 or (reached.is_found and not best.is_found):
            best = reached
        if best.is_found and not any(best.at_edge):
            break
    return best
