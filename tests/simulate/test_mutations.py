"""The stories of the sample shop notice when somebody changes one line of a journey."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from engine.compiler.journeys.compile import compile_journey
from engine.language.parse import parse_journey
from engine.project import Project
from engine.simulate.stories.story_report import run_stories

SIX = ("abandoned_cart", "birthday", "loyalty", "price_drop", "welcome", "win_back")

EDITS = (
    (r"(wait: )(\d+)( \w+)", lambda m: f"{m[1]}{int(m[2]) + 1}{m[3]}"),
    (r"(wait: until )(\d+)( days before .*)", lambda m: f"{m[1]}{int(m[2]) + 1}{m[3]}"),
    (r"(wait: until )(\d\d)(:\d\d)", lambda m: f"{m[1]}{(int(m[2]) + 1) % 24:02d}{m[3]}"),
    (r"(next_after: )(\d+)( \w+)", lambda m: f"{m[1]}{int(m[2]) + 1}{m[3]}"),
    (r"(at: )(\d\d)(:\d\d)", lambda m: f"{m[1]}{(int(m[2]) + 1) % 24:02d}{m[3]}"),
    (r"(valid: )(\d+)( \w+)", lambda m: f"{m[1]}{int(m[2]) + 1}{m[3]}"),
    (r"(before: )(\d+)( \w+)", lambda m: f"{m[1]}{int(m[2]) + 1}{m[3]}"),
    (r"(at least )(\d+)", lambda m: f"{m[1]}{int(m[2]) * 20}"),
    (r"(less than )(\d+)", lambda m: f"{m[1]}{int(m[2]) // 10}"),
    (r"(via: \[)(\w+), (\w+)", lambda m: f"{m[1]}{m[3]}, {m[2]}"),
    (r"(add: \{points: )(\d+)", lambda m: f"{m[1]}{int(m[2]) + 1}"),
    (r"(orders_count: )(\d+)$", lambda m: f"{m[1]}{int(m[2]) + 1}"),
    (r"not reached", lambda _: "reached"),
    (r"then: stay", lambda _: "then: exit"),
    (r"again: restart, then after", lambda _: "again: after"),
    (r"policy: service", lambda _: "policy: marketing"),
)


def mutants(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number, the new line, the whole text: one line of the journey itself changed."""
    lines = text.split("\n")
    for number, line in enumerate(lines[: lines.index("tests:")]):
        if line.startswith("about:"):
            continue
        for pattern, edit in EDITS:
            changed = re.sub(pattern, edit, line, count=1)
            if changed != line:
                yield number + 1, changed.strip(), "\n".join([*lines[:number], changed, *lines[number + 1 :]])


def survives(shop: Project, name: str, text: str) -> bool | None:
    """Whether all stories still pass; None if the change is no journey."""
    file, problems = parse_journey(text, f"journeys/{name}.yaml")
    compiled = compile_journey(file, shop.world) if file is not None else None
    if file is None or compiled is None or compiled.journey is None or any(p.is_error for p in problems):
        return None
    journeys = replace(shop.journeys, by_name={**shop.journeys.by_name, name: compiled.journey})
    return run_stories([file], journeys, shop.world).failed == 0


def test_stories_notice_most_changes_of_one_line(shop: Project) -> None:
    """The rest stands on paths that no story walks, or means the same."""
    survivors: list[str] = []
    tried = 0
    for name in SIX:
        for number, line, text in mutants(shop.files[name].source):
            lived = survives(shop, name, text)
            tried += lived is not None
            if lived:
                survivors.append(f"{name}.yaml:{number}: {line}")
    assert tried >= 50
    assert len(survivors) <= tried / 4, survivors
