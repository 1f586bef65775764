"""W01: a journey without stories; E31, E61, E63, E64: a story that expects what does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.command_hints import command
from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.conditions.compile import channel_problem
from engine.compiler.incentives.offers import names_of_codes
from engine.compiler.walk import every_step
from engine.language.nodes import part
from engine.language.steps.send import Send
from engine.language.steps.split import Split
from engine.language.syntax import (
    ClockStart,
    DateStart,
    EventStart,
    Expected,
    ProductStart,
    SegmentStart,
)
from engine.language.wording import unknown
from engine.problem import Problem


def check(checked: JourneyCheckInput) -> list[Problem]:
    """Nobody would notice when a later change breaks it."""
    if checked.file.tests:
        return [
            problem
            for story in checked.file.tests
            for line in story.expect
            for problem in _unknown(line, checked)
        ]
    if checked.file.tests is not None and "tests:" in checked.file.source:
        return []  # the stories are there but wrong, and that is said already
    return [
        Problem(
            checked.file.span, "W01", "this journey has no tests",
            "nobody would notice when a later change breaks it; "
            f"`{command('test --accept')}` then writes what the story is to expect",
            f"add at the end of the file\n{first_story(checked)}", "warning",
        )
    ]  # fmt: skip


_INDENT = " " * 7


def first_story(checked: JourneyCheckInput) -> str:
    """A story of this journey as text to paste: its start, a path for each split, and the first message,
    where that comes at once. What else happens is shown when it runs."""
    file = checked.file
    splits = (step for step in every_step(file.steps) if isinstance(step, Split) and step.paths)
    paths = [f"{split.name.value}: {split.paths[0].name.value}" for split in splits]
    dates = [start.date.value for start in file.starts if isinstance(start, DateStart)]
    given = [f"{date}: 2026-03-12" for date in dates]
    given += [f"paths: {{{', '.join(paths)}}}"] if paths else []
    lines = [
        "tests:",
        "  - test: the first message",
        *(["    given:", *(f"      {line}" for line in given)] if given else []),
    ]
    start = file.starts[0] if file.starts else None
    match start:
        case EventStart(event=event, per=per):
            lines += ["    when:", f"      - day 0 12:00: {event.value}"]
            lines += [f"        {per.value}: one"] if per is not None else []
        case ProductStart(kind=kind):
            lines += ["    when:", f"      - day 0 12:00: {kind.value}", "        product_id: one"]
        case SegmentStart(segment=segment):
            lines += ["    when:", f"      - day 0 12:00: enters {segment.value}"]
        case _:
            pass  # a clock and a date start by themselves
    first = file.steps[0] if file.steps else None
    if isinstance(first, Send) and not isinstance(start, DateStart | ClockStart):
        written = checked.world.templates.by_name.get(first.template.value, ())
        channels = [*(via.value for via in first.via), *(template.channel for template in written), "email"]
        lines += ["    expect:", f"      - day 0 12:00: send {first.template.value} via {channels[0]}"]
    else:
        lines += ["    expect: nothing"]
    return "\n".join(f"{_INDENT}{line}" for line in lines)


_NAMED = re.compile(r"(send|skip|code|webhook)\s+(\S+)(?:\s+via\s+(\S+))?.*")


def _unknown(line: Expected, checked: JourneyCheckInput) -> Iterator[Problem]:
    match = _NAMED.fullmatch(line.words.value)
    if match is None:
        return
    world, name = checked.world, part(line.words, match.start(2), len(match[2]))
    kind, code, known, why = {
        "code": ("code pool", "E63", list(names_of_codes(world)),
                 "pools of promo codes stand in config.yaml under  codes:"),
        "webhook": ("webhook", "E64", list(world.config.webhooks),
        "webhooks stand in config.yaml under  webhooks:"),
    }.get(match[1], ("template", "E31", list(world.templates.by_name),
    "templates are the files in templates/"))  # fmt: skip
    if name.value not in known and not _is_used(name.value, checked):
        yield unknown(code, name, kind, known, why, topic="file" if kind == "template" else "name")
    if match[3] and match[3] not in world.config.channels and not _is_used(match[3], checked):
        yield channel_problem(
            part(line.words, match.start(3), len(match[3])),
            tuple(world.config.channels),
            world.config.currency,
        )


def _is_used(name: str, checked: JourneyCheckInput) -> bool:
    """The steps say the same name, so it is told there."""
    steps = re.split(r"^tests:", checked.file.source, maxsplit=1, flags=re.MULTILINE)[0]
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", steps) is not None
