"""Choices between pools: a line becomes an offer with its question; what nobody and what two lines would get
is found (E120 to E122, W36)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.compiler.conditions.compile import NEVER, ConditionCompiler
from engine.compiler.conditions.names import NameScope, resolve
from engine.compiler.incentives.ranges import (
    WHOLE,
    NumberRange,
    outside,
    overlap,
    ranges_of,
    shown_edge,
    values_of,
)
from engine.compiler.project_context import ProjectContext
from engine.config.pools import OfferChoice, OfferLine
from engine.core.conditions import condition as core
from engine.core.conditions.closure import compile_condition
from engine.core.journey import Offer, Pool, Question
from engine.language import syntax
from engine.language.syntax import Text
from engine.language.wording import quoted, unknown
from engine.problem import Problem, Span
from engine.values import Duration, Type

ELSE = "else"
SEGMENT = "segment"


def offers_of(name: str, world: ProjectContext, valid: Duration | None = None) -> tuple[Offer, ...]:
    """What a `code` step of this name gives, `valid` so long where the pool does not say it. A pool that is
    not there is told where its name stands."""
    choice = world.config.offers.get(name)
    if choice is None:
        pool = world.config.codes.get(name) or Pool(name, "shared")
        return (Offer(None, pool, valid or Duration(days=1), pool.text),)
    return tuple(offer for _, offer in _compiled(choice, world, []))


def problems_of(choice: OfferChoice, world: ProjectContext) -> list[Problem]:
    """What is wrong with a choice, each told once, whoever uses it."""
    problems: list[Problem] = []
    compiled = list(_compiled(choice, world, problems))
    known = list(world.config.codes)
    for line in choice.lines:
        if line.pool is not None and line.pool.value not in world.config.codes:
            why = "an offer takes its codes from a pool, which stands under  codes:  too"
            fix = f'add  {line.pool.value}: {{kind: generated, pattern: "{line.pool.value}-????-????"}}'
            problems.append(unknown("E120", line.pool, "pool", known, why, fix))
    if problems or not compiled:
        return problems
    kind = None
    if choice.subject.value != SEGMENT:
        ref = resolve(choice.subject, _scope(world))
        kind = ref.type if isinstance(ref, core.Ref) else None
    first = next((line.pool.value for line in choice.lines if line.pool is not None), "COME5")
    fix = f"add as the last line\n         else: {{pool: {first}, valid: 7 days}}"
    why = "without an offer there is no code, and without a code no message"
    shape = ChoiceShape(choice.name, choice.subject, choice.into, kind, why, fix)
    asked = [(line.label, offer.question.condition) for line, offer in compiled if offer.question is not None]
    has_else = any(offer.question is None for _, offer in compiled)
    return problems_of_shape(shape, asked, world, has_else=has_else)


@dataclass(frozen=True, slots=True)
class ChoiceShape:
    """A choice as far as its lines are held against each other. `kind`: of the value that decides, None for
    segments; `why` and `fix`: what is told of one without `else`."""

    name: str
    subject: Text
    into: Span
    kind: Type | None
    why: str
    fix: str


def problems_of_shape(
    shape: ChoiceShape, asked: list[tuple[Text, core.Condition]], world: ProjectContext, *, has_else: bool
) -> list[Problem]:
    """What two lines would get, and what nobody would; each line by its words and its condition."""
    if shape.kind is None or shape.kind.kind not in ("number", "money"):
        return [*_twice(asked), *([] if has_else else [_no_else(shape)])]
    covered: list[tuple[Text, list[NumberRange]]] = []
    for label, condition in asked:
        ranges = ranges_of(condition)
        if ranges is None:  # it compares with another value: nobody can say where it lies
            return [] if has_else else [_no_else(shape)]
        covered.append((label, ranges))
    return [*_overlaps(shape, covered), *_gaps(shape, covered, world, has_else=has_else)]


def _compiled(
    choice: OfferChoice, world: ProjectContext, problems: list[Problem]
) -> Iterator[tuple[OfferLine, Offer]]:
    conditions, scope = ConditionCompiler(problems), _scope(world)
    ref: core.Ref | None = None
    if choice.subject.value != SEGMENT:
        found = resolve(choice.subject, scope)
        if isinstance(found, Problem):
            problems.append(found)
            return
        ref = found
    for line in choice.lines:
        if line.pool is None or line.valid is None:
            continue
        pool = world.config.codes.get(line.pool.value) or Pool(line.pool.value, "shared")
        question = _question(choice, line, ref, conditions, scope) if line.forms else None
        yield line, Offer(question, pool, line.valid.duration, line.text or pool.text, line.name or pool.name)


def _question(
    choice: OfferChoice,
    line: OfferLine,
    ref: core.Ref | None,
    conditions: ConditionCompiler,
    scope: NameScope,
) -> Question:
    if ref is None:
        condition = _segments(line, conditions, scope)
    else:
        any_of = tuple(conditions.form(choice.subject, form, scope, ref) for form in line.forms)
        condition = any_of[0] if len(any_of) == 1 else core.AnyOf(any_of)
    test = compile_condition(condition, scope.world.catalogue.facts)
    return Question(condition, test, f"{choice.subject.value}: {line.label.value}")


def _segments(line: OfferLine, conditions: ConditionCompiler, scope: NameScope) -> core.Condition:
    names = [name for form in line.forms if isinstance(form, syntax.Equals) for name in form.values]
    for form in line.forms:
        if not isinstance(form, syntax.Equals):
            conditions.problems.append(
                Problem(form.span, "E66", "the lines of  choose: segment  are names of segments",
                "a customer is in a segment or not", "write the name of a segment")
            )  # fmt: skip
    known = [name.value for name in names if conditions.known_segment(name, scope)]
    return core.InSegment(tuple(known)) if known else NEVER


def _scope(world: ProjectContext) -> NameScope:
    """A choice knows the customer alone: the same pool is asked by many journeys."""
    policy = world.policy(None)
    return NameScope(world, "segment", policy.consent if policy else None)


def _twice(asked: list[tuple[Text, core.Condition]]) -> Iterator[Problem]:
    """E122: a value, or a segment, that stands in two lines."""
    seen: dict[object, Text] = {}
    for label, condition in asked:
        for value in values_of(condition):
            first = seen.setdefault(value, label)
            if first is not label:
                yield Problem(
                    label.span, "E122", f"{quoted(str(value))} stands in two offers (first in line "
                    f"{first.span.line})", "nobody can see which of the two such a customer gets",
                    "keep it in one of them",
                )  # fmt: skip


def _overlaps(shape: ChoiceShape, covered: list[tuple[Text, list[NumberRange]]]) -> Iterator[Problem]:
    """E122: values that fit two lines; of each line the first is told."""
    for place, (label, ranges) in enumerate(covered):
        for first, others in covered[:place]:
            both = next((found for a in others for b in ranges if (found := overlap(a, b))), None)
            if both is None:
                continue
            yield Problem(
                label.span, "E122",
                f"{quoted(label.value)} overlaps with {quoted(first.value)} in line "
                f"{first.span.line}",
                f"whoever has {shape.subject.value} of {both.words()} fits both, and nobody can see which "
                "offer that is",
                "let one end where the other begins, for example  less than 100  and  between 100 and 500",
            )  # fmt: skip
            break


def _gaps(
    shape: ChoiceShape,
    covered: list[tuple[Text, list[NumberRange]]],
    world: ProjectContext,
    *,
    has_else: bool,
) -> Iterator[Problem]:
    """E121: values for which there is no offer; W36: a hole between two lines that `else` fills unseen."""
    ranges = sorted(each for _, some in covered for each in some)
    assert shape.kind is not None
    kind = shape.kind.kind
    whole_numbers = kind == "number" and all(each.is_whole for each in ranges)
    holes = [hole for hole in outside(ranges) if not (whole_numbers and not hole.holds_a_whole_number)]
    # a sum or a count that begins at 0 has nothing below it
    holes = [hole for hole in holes if not (hole.start == WHOLE.start and hole.end == (Decimal(0), -1))]
    always_set = shape.subject.value in world.catalogue.cannot_be_missing()
    if not has_else:
        if holes or not always_set:
            yield _no_else(shape, holes[0] if holes else None)
        return
    inner = [hole for hole in holes if hole.start != WHOLE.start and hole.end != WHOLE.end]
    is_open = len(inner) < len(holes)
    for hole in inner:
        # `else` for the middle alone is meant so; a sliver between two lines never is
        if not is_open and not (kind == "money" and not hole.holds_a_whole_number):
            continue
        after = next((label for label, some in covered if any(each.start == hole.end for each in some)), None)
        at = after.span if after is not None else shape.into
        yield Problem(
            at, "W36", f"no line says what somebody with {shape.subject.value} of {hole.words()} gets",
            "it lies between two lines, so it falls to  else:",
            f"let this line begin at {shown_edge(hole.start)}, or the one before it end at "
            f"{shown_edge(hole.end)}", "warning",
        )  # fmt: skip


def _no_else(shape: ChoiceShape, hole: NumberRange | None = None) -> Problem:
    who = f"{shape.subject.value} of {hole.words()}" if hole is not None else f"no {shape.subject.value}"
    if shape.subject.value == SEGMENT:
        who = "none of these segments"
    return Problem(
        shape.into, "E121", f"the lines of {quoted(shape.name)} leave somebody out: whoever has {who}",
        shape.why, shape.fix,
    )  # fmt: skip


def names_of_codes(world: ProjectContext) -> Mapping[str, str]:
    """Everything that a `code` step can name, with a word about it."""
    choices = {name: f"chosen by {choice.subject.value}" for name, choice in world.config.offers.items()}
    return {**{name: pool.kind for name, pool in world.config.codes.items()}, **choices}
