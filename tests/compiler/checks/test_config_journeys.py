"""What `check` says of journeys that config.yaml names: each is one that there is."""

from __future__ import annotations

from pathlib import Path

from tests.compiler.checks.test_public_pages import line, problems
from tests.http.web_shop import CONFIG


def test_a_policy_is_silent_inside_a_journey_that_there_is(tmp_path: Path) -> None:
    config = CONFIG.replace("caps: none}", "caps: none, not_inside: [welcom]}", 1)
    ((code, where, fix),) = problems(tmp_path, config)
    assert (code, where) == ("E74", line(config, "not_inside"))
    assert "remove it" in fix or "did you mean" in fix


def test_a_ceiling_guards_a_journey_that_there_is(tmp_path: Path) -> None:
    config = CONFIG + "ceilings:\n  a_journey_of_nobody: 5 a day\n"
    assert [(code, where) for code, where, _ in problems(tmp_path, config)] == [
        ("W12", line(config, "a_journey_of_nobody"))
    ]
