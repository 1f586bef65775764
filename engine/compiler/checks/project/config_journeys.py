"""W12 and E74: journeys that config.yaml names exist."""

from __future__ import annotations

import re

from engine.compiler.check_input import ProjectCheckInput
from engine.language.wording import quoted
from engine.problem import Problem, did_you_mean

_NOT_INSIDE = r"(?ms)^policies:.*?\b{}:.*?not_inside:"


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Names under `ceilings:`, and in `not_inside:` of a policy, that no journey has: a misspelt one would
    guard nothing, or silence nothing."""
    known = {file.name.value for file in checked.files}
    config = checked.world.config
    ceilings = [
        Problem(
            checked.place_in_config(name, r"(?m)^ceilings:"), "W12",
            f"there is no journey called {quoted(name)}",
            "a ceiling guards the journey of this name", did_you_mean(name, known, "remove it"), "warning",
        )
        for name in config.ceilings.of
        if name not in known
    ]  # fmt: skip
    silences = [
        Problem(
            checked.place_in_config(name, _NOT_INSIDE.format(re.escape(policy.name))), "E74",
            f"there is no journey called {quoted(name)}",
            f"the policy {quoted(policy.name)} is silent for whoever is inside it",
            did_you_mean(name, known, "remove it"),
        )
        for policy in config.policies.values()
        for name in policy.not_inside
        if name not in known
    ]  # fmt: skip
    return [*ceilings, *silences]
