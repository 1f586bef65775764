"""W37: a message that prints a code and names another percentage than the code is worth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from engine.compiler.check_input import ProjectCheckInput, code_printers
from engine.compiler.incentives.offers import offers_of
from engine.compiler.project_context import ProjectContext
from engine.compiler.walk import PathWalk
from engine.language import syntax
from engine.language.steps.code import Code
from engine.language.steps.send import Send
from engine.language.wording import either, quoted
from engine.problem import Problem, Span

_PERCENT = re.compile(
    r"(?<![\w.,])(\d{1,2}(?:[.,]\d+)?)\s?(?:%|percent\b|per cent\b|prozent\b)", re.IGNORECASE
)
"""In a text: 10 %, 7,5%, 20 percent. From 100 on it is no reduction."""

_NO_TEXT = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}|<!--.*?-->|<(style|mj-style|mj-attributes)\b.*?</\1>|<[^<>]*>"
    r"|(?<=\{)[^{}]*(?=\})",
    re.DOTALL | re.IGNORECASE,
)
"""What nobody reads: expressions, comments, styles, tags with their attributes, rules of style sheets."""

_Worth = frozenset[tuple[str, Decimal | None]]
"""Pools of which a code may be at hand, each with the percentage that it is worth; None: it says none."""


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Every template, by the pools of which a code may be at hand where it is sent. Where one of them says no
    percentage, nobody can tell what a text promises."""
    printers = code_printers(checked.messages)
    worth: dict[str, set[tuple[str, Decimal | None]]] = {}
    for file in checked.files:
        _note_worth(file, checked.world, printers, worth)
    return [
        problem
        for template, pools in sorted(worth.items())
        for problem in _problems(template, pools, checked)
    ]


def _note_worth(
    file: syntax.JourneyFile,
    world: ProjectContext,
    printers: frozenset[str],
    worth: dict[str, set[tuple[str, Decimal | None]]],
) -> None:
    def visit(step: syntax.Step, pools: _Worth) -> _Worth:
        if isinstance(step, Code):
            offers = offers_of(step.pool.value, world)
            return frozenset((offer.pool.name, _percent(offer.text)) for offer in offers)
        if isinstance(step, Send) and step.template.value in printers:
            worth.setdefault(step.template.value, set()).update(pools)
        return pools

    PathWalk(visit, lambda one, other: one | other).along(file.steps, frozenset())


def _percent(text: str) -> Decimal | None:
    found = _PERCENT.search(text)
    return _number(found) if found is not None else None


def _number(found: re.Match[str]) -> Decimal:
    return Decimal(found[1].replace(",", ".")).normalize()


def _problems(
    template: str, pools: set[tuple[str, Decimal | None]], checked: ProjectCheckInput
) -> Iterator[Problem]:
    known = {worth for _, worth in pools}
    if not known or None in known:  # no code is made before it: that is E35
        return
    offers = either(
        [f"{pool} is worth {worth:f} %" for pool, worth in sorted(pools, key=lambda each: each[0])], "and"
    )
    for file in checked.world.templates.by_name.get(template, ()):
        text = checked.sources.get(file.file, "")
        shown = _NO_TEXT.sub(lambda part: re.sub(r"[^\n]", " ", part[0]), text)
        for found in _PERCENT.finditer(shown):
            if _number(found) in known:
                continue
            line = shown.count("\n", 0, found.start()) + 1
            column = found.start() - shown.rfind("\n", 0, found.start())
            yield Problem(
                Span(file.file, line, column, len(found[0].rstrip())), "W37",
                f"{quoted(template)} says {found[0].strip()} beside a code, and {offers}",
                "whoever redeems the code gets what it is worth, not what the message promises",
                "write  {{ code.text }}  in its place, or change  text:  of the pool in config.yaml",
                "warning",
            )  # fmt: skip
            break  # one message for one file
