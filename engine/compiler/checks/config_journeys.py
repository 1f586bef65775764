"""W12 and E74: journeys that config.yaml names exist."""

from __future__ import annotations

import re

from engine.compiler.check_input import ProjectCheckInput
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean

_NOT_INSIDE = r"(?ms)^policies:.*?\b{}:.*?not_inside:"


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Names under `ceilings:`, and in `not_inside:` of a policy, that no journey has: a misspelt one would
    guard nothing, or silence nothing."""
    known = {file.name.value for file in checked.files}
    text, config = checked.sources.get("config.yaml", ""), checked.world.config
    ceilings = [
        Problem(
            _place(text, r"(?m)^ceilings:", name), "W12",
            f"there is no journey called {quoted(name)}",
            "a ceiling guards the journey of this name", did_you_mean(name, known, "remove it"), "warning",
        )
        for name in config.ceilings.of
        if name not in known
    ]  # fmt: skip
    silences = [
        Problem(
            _place(text, _NOT_INSIDE.format(re.escape(policy.name)), name), "E74",
            f"there is no journey called {quoted(name)}",
            f"the policy {quoted(policy.name)} is silent for whoever is inside it",
            did_you_mean(name, known, "remove it"),
        )
        for policy in config.policies.values()
        for name in policy.not_inside
        if name not in known
    ]  # fmt: skip
    return [*ceilings, *silences]


def _place(text: str, behind: str, name: str) -> Span:
    """Where the name stands behind the words that `behind` finds."""
    start = re.search(behind, text)
    match = re.compile(rf"\b{re.escape(name)}\b").search(text, start.end() if start else 0)
    at = match.start() if match else 0
    line_start = text.rfind("\n", 0, at) + 1
    return Span("config.yaml", text.count("\n", 0, at) + 1, at - line_start + 1, len(name))
