"""W01: a journey without stories; E31, E61, E63, E64: a story that expects what does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.conditions.compile import channel_problem
from engine.language.nodes import part
from engine.language.syntax import Expected
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
            "nobody would notice when a later change breaks it",
            "add  tests:  with a story of a customer, for example\n"
            "         - test: gets the first message\n"
            "           when:\n"
            "             - day 0 12:00: ...\n"
            "           expect:\n"
            "             - day 0 12:00: send ...",
            "warning",
        )
    ]  # fmt: skip


_NAMED = re.compile(r"(send|skip|code|webhook)\s+(\S+)(?:\s+via\s+(\S+))?.*")


def _unknown(line: Expected, checked: JourneyCheckInput) -> Iterator[Problem]:
    match = _NAMED.fullmatch(line.words.value)
    if match is None:
        return
    world, name = checked.world, part(line.words, match.start(2), len(match[2]))
    kind, code, known, why = {
        "code": ("code pool", "E63", list(world.config.codes),
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
