"""W12: a ceiling belongs to a journey that exists."""

from __future__ import annotations

import re

from engine.compiler.check_input import ProjectCheckInput
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Names under `ceilings:` that no journey has: a misspelt one would guard nothing."""
    known = {file.name.value for file in checked.files}
    return [
        Problem(
            _place(checked.sources.get("config.yaml", ""), name), "W12",
            f"there is no journey called {quoted(name)}",
            "a ceiling guards the journey of this name", did_you_mean(name, known, "remove it"), "warning",
        )
        for name in checked.world.config.ceilings.of
        if name not in known
    ]  # fmt: skip


def _place(text: str, name: str) -> Span:
    """Where the name stands behind `ceilings:`."""
    start = re.search(r"(?m)^ceilings:", text)
    match = re.compile(rf"\b{re.escape(name)}\b").search(text, start.end() if start else 0)
    at = match.start() if match else 0
    line_start = text.rfind("\n", 0, at) + 1
    return Span("config.yaml", text.count("\n", 0, at) + 1, at - line_start + 1, len(name))
