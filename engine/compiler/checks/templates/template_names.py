"""T20, T21 and E36: names that a template reads and nobody gives it, those that may be missing, and paths
that a split does not have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields

from engine.channel_kinds import kind_of
from engine.compiler.catalogue.catalogue import CODE, paths
from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.conditions.names import splits_of, trigger_fields
from engine.compiler.templates.message import CompiledTemplate, NameRead, TextComparison
from engine.compiler.walk import every_step
from engine.config import Shop
from engine.language import syntax
from engine.language.steps.send import Send
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean

SHOP = tuple(field.name for field in fields(Shop))
LINKS = ("unsubscribe", "preferences", "confirm")
GROUPS = ("customer", "trigger", "product", "code", "paths", "shop", "links", "recommend")


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Every template that compiles, in every language; what a layout reads is told once."""
    uses: dict[str, list[Use]] = {}
    for file in checked.files:
        for step in every_step(file.steps):
            if isinstance(step, Send):
                uses.setdefault(step.template.value, []).append((file, step))
    problems: dict[tuple[str, int, str], Problem] = {}
    for (name, channel), languages in checked.messages.of.items():
        for template in languages.values():
            for problem in _of_template(template, channel, uses.get(name, []), checked):
                problems.setdefault((problem.span.file, problem.span.line, problem.what), problem)
    return list(problems.values())


Use = tuple[syntax.JourneyFile, Send]


def _of_template(
    template: CompiledTemplate, channel: str, uses: list[Use], checked: ProjectCheckInput
) -> list[Problem]:
    problems: list[Problem] = []
    reads = template.reads()
    guarded = {read.name for read in reads if read.fallback}
    reported: set[str] = set()
    for read in reads:
        if read.name in reported:
            continue
        problem = _unknown(read, uses, checked) or _may_be_missing(read, channel, guarded, uses, checked)
        if problem:
            reported.add(read.name)
            problems.append(problem)
    for comparison in template.comparisons():
        if comparison.name.startswith("paths.") and comparison.name not in reported:
            problems.extend(_no_such_path(comparison, uses, checked))
    return problems


def _no_such_path(comparison: TextComparison, uses: list[Use], checked: ProjectCheckInput) -> list[Problem]:
    """A text that `paths.x` never is."""
    split = comparison.name.removeprefix("paths.")
    files = [file for file, _ in uses] or checked.files
    names = list(dict.fromkeys(path for file in files for path in splits_of(file).get(split, ())))
    if not names or comparison.text in names:
        return []
    span = place(comparison.file, comparison.line, comparison.text, checked.sources)
    return [
        Problem(
            span, "E36", f"the split {quoted(split)} has no path called {quoted(comparison.text)}",
            "this would never be true",
            did_you_mean(comparison.text, names, f"use one of: {', '.join(names)}"),
            topic="name", subject=comparison.text,
        )
    ]  # fmt: skip


def _unknown(read: NameRead, uses: list[Use], checked: ProjectCheckInput) -> Problem | None:
    head, dot, rest = read.name.partition(".")
    given_by_a_step = head in ("trigger", "code") or head not in GROUPS
    if given_by_a_step and any(file.span.file in checked.broken for file, _ in uses):
        return None  # what such a file gives cannot be read yet, and what is wrong with it is told there
    if head not in GROUPS:
        return _bare(read, head, uses, checked)
    if not dot:
        return None
    field = rest.partition(".")[0]
    known, what = _known(head, uses, checked)
    if field in known:
        return _not_in_every_journey(read, head, field, uses, checked)
    choices = [f"{head}.{name}" for name in known]
    return _problem(
        read,
        checked,
        field,
        f"there is no {what} called {quoted(field)}",
        did_you_mean(
            f"{head}.{field}", choices, f"use one of: {', '.join(choices[:12])}" if choices else "remove it"
        ),
    )


def _known(head: str, uses: list[Use], checked: ProjectCheckInput) -> tuple[list[str], str]:
    project, catalogue = checked.world, checked.world.catalogue
    match head:
        case "customer":
            return catalogue.customer_names(), "customer attribute"
        case "trigger":
            # fields of any start that leads here; of any event where nobody sends it yet
            names: dict[str, None] = {}
            for file, _ in uses:
                offered = trigger_fields(file, project)
                names.update(dict.fromkeys((*offered.fields, *offered.partial)))
            if not uses:
                for event in project.catalogue.event_names():
                    names.update(dict.fromkeys(paths(project.catalogue.event_fields(event) or {})))
            return list(names), "field of the starting event"
        case "paths":
            files = [file for file, _ in uses] or checked.files
            return list(dict.fromkeys(split for file in files for split in splits_of(file))), "split"
        case "product":
            return list(catalogue.product_fields), "field of a product"
        case "recommend":
            return list(project.config.recommendations), "recommendation"
        case "code":
            return list(CODE), "part of a code"
        case "shop":
            return list(SHOP), "part of the shop"
        case _:
            return list(LINKS), "link"


def _not_in_every_journey(
    read: NameRead, head: str, field: str, uses: list[Use], checked: ProjectCheckInput
) -> Problem | None:
    for file, _ in uses if head in ("trigger", "paths") else ():
        there = trigger_fields(file, checked.world).fields if head == "trigger" else splits_of(file)
        if field not in there and not read.fallback:
            what = f"{quoted(read.name)} is not there when the journey {quoted(file.name.value)} sends this"
            return _problem(
                read, checked, read.name, what, f'give it a fallback:  {{{{ {read.name} or "..." }}}}'
            )
    return None


def _bare(read: NameRead, name: str, uses: list[Use], checked: ProjectCheckInput) -> Problem | None:
    if not uses:
        return None
    for file, send in uses:
        given = [pair.name.value for pair in send.values]
        given += [chosen.name.value for chosen in send.chosen]
        if name not in given:
            what = (
                f"nobody gives {quoted(name)} to this template: line {send.span.line} of "
                f"{file.span.file} sends it without"
            )
            customer = checked.world.catalogue.customer_type(name)
            otherwise = (
                f"write  {{{{ customer.{name} }}}}"
                if customer
                else f"add  with: {{{name}: ...}}  to that step"
            )
            return _problem(read, checked, name, what, did_you_mean(name, [*given, *GROUPS], otherwise))
    return None


def _may_be_missing(
    read: NameRead, channel: str, guarded: set[str], uses: list[Use], checked: ProjectCheckInput
) -> Problem | None:
    if read.name in guarded:
        return None
    # A value of `with:` is missing where the attribute is that a step gives for it
    given = [pair.value.value for _, send in uses for pair in send.values if pair.name.value == read.name]
    fields = [name.split(".")[1] for name in (read.name, *given) if name.startswith("customer.")]
    never_missing = checked.world.catalogue.cannot_be_missing()
    # the address itself is there, or the message would not be sent
    missing = [name for name in fields if name not in never_missing and name != kind_of(channel).attribute]
    if not missing:
        return None
    example = '"there"' if missing[0].endswith("name") else '"..."'
    return Problem(
        place(read.file, read.line, read.name, checked.sources), "T21",
        f"{quoted(read.name)} may be missing, and there is nothing in its place",
        "a message to a customer without it is not sent",
        f"write  {{{{ {read.name} or {example} }}}}", "warning", subject=read.name,
    )  # fmt: skip


def _problem(read: NameRead, checked: ProjectCheckInput, name: str, what: str, fix: str) -> Problem:
    why = f"a template may read {', '.join(GROUPS)}, and the values of  with:"
    span = place(read.file, read.line, read.name, checked.sources)
    return Problem(span, "T20", what, why, fix, topic="name", subject=name)


def place(file: str, line: int, word: str, sources: Mapping[str, str]) -> Span:
    """Where a word stands in a line of a file; the beginning of the line where it cannot be seen."""
    lines = sources.get(file, "").split("\n")
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    match = re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", text)
    column = match.start() if match else text.find(word)
    return Span(file, max(1, line), column + 1, len(word)) if column >= 0 else Span(file, max(1, line), 1)
