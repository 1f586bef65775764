"""W58: a cap that is never reached, since another one of its policy always is before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.compiler.check_input import ProjectCheckInput
from engine.core.policy import Cap, Policy
from engine.language.wording import quoted
from engine.problem import Problem

_MOST_TIMES: Final = {("day", "week"): 8, ("day", "month"): 31, ("week", "month"): 5}
"""How often the shorter window fits into the longer one: 7 days back reach into an eighth calendar day."""


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Caps of one policy and one channel against each other."""
    return [
        problem
        for policy in checked.world.config.policies.values()
        for problem in _of_policy(policy, checked)
    ]


def _of_policy(policy: Policy, checked: ProjectCheckInput) -> Iterator[Problem]:
    for cap in policy.caps:
        tighter = next((other for other in policy.caps if _leaves_idle(other, cap)), None)
        if tighter is None:
            continue
        words, name = f"{cap.count} a {cap.per}", policy.name
        most = tighter.count * _MOST_TIMES[tighter.per, cap.per]
        yield Problem(
            checked.place_in_config(words, rf"(?ms)^policies:.*?^ +{name}:"), "W58",
            f"the cap  {words}  of the policy {quoted(name)} is never reached",
            f"{tighter.count} a {tighter.per}  lets at most {most} messages leave in a {cap.per}",
            f"remove it, or make it less than {most}", "warning",
        )  # fmt: skip


def _leaves_idle(tighter: Cap, cap: Cap) -> bool:
    times = _MOST_TIMES.get((tighter.per, cap.per))
    return tighter.channel == cap.channel and times is not None and cap.count >= times * tighter.count
