"""What a condition looks at: for `Journey.reads`, for the history to load, and for the trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.core.conditions.condition import (
    AllOf,
    AnyOf,
    Between,
    Can,
    Compare,
    Condition,
    Did,
    GoalReached,
    InSegment,
    InsideJourney,
    IsOneOf,
    Not,
    Reacted,
    Ref,
)
from engine.core.conditions.scope import NO_RULES, Rules
from engine.values import DAY


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a condition looks at."""

    events: frozenset[str] = frozenset()  # whose arrival may change the answer, also through a computed fact
    # Event -> how far back its rows must be loaded (ms; None: for ever); not those that the counters answer.
    history: Mapping[str, int | None] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset()  # with the computed facts
    segments: frozenset[str] = frozenset()
    journeys: frozenset[str] = frozenset()  # whose beginning or end for this customer may change the answer
    templates: frozenset[str] = frozenset()
    product: bool = False
    reach: bool = False
    # It asks about a run (trigger, code, clicked, opened, goal, since start), so it has no meaning
    # in a segment.
    run: bool = False

    def __or__(self, other: Dependencies) -> Dependencies:
        """What both look at."""
        return Dependencies(
            self.events | other.events,
            farthest(self.history, other.history),
            self.attributes | other.attributes,
            self.segments | other.segments,
            self.journeys | other.journeys,
            self.templates | other.templates,
            self.product or other.product,
            self.reach or other.reach,
            self.run or other.run,
        )


def farthest(*needs: Mapping[str, int | None]) -> dict[str, int | None]:
    """The longest history that any of them needs, per event (None: for ever)."""
    result: dict[str, int | None] = {}
    for need in needs:
        for event, back in need.items():
            lengths = result.get(event, 0)
            result[event] = None if lengths is None or back is None else max(lengths, back)
    return result


def dependencies_of(condition: Condition, rules: Rules = NO_RULES) -> Dependencies:
    """What a condition looks at. `rules`: the computed facts by name, which depend on events themselves."""
    dependencies = Dependencies()
    for form in forms(condition):
        match form:
            case InSegment(names):
                dependencies |= Dependencies(segments=frozenset(names))
            case InsideJourney(journeys):
                dependencies |= Dependencies(journeys=frozenset(journeys))
            case Can():
                dependencies |= Dependencies(reach=True)
            case Reacted(_, template):
                dependencies |= Dependencies(templates=frozenset((template,)), run=True)
            case GoalReached():
                dependencies |= Dependencies(run=True)
            case Did():
                dependencies |= Dependencies(
                    frozenset((form.event,)), _history_of(form), run=form.since_start
                )
            case _:
                pass
    for ref in refs(condition):
        dependencies |= _mentions_of(ref, rules)
    return dependencies


def refs(condition: Condition) -> tuple[Ref, ...]:
    """Every name in it, in the order written, each once; also those inside `where`."""
    return tuple(dict.fromkeys(ref for form in forms(condition) for ref in _refs_of(form)))


def forms(condition: Condition) -> Iterator[Condition]:
    """The forms without `not`, `all`, `any`, in the order written; those inside a `where` follow their
    `did`."""
    match condition:
        case Not(inner):
            yield from forms(inner)
        case AllOf(inners) | AnyOf(inners):
            for inner in inners:
                yield from forms(inner)
        case Did(where=where) if where is not None:
            # The order counts: it is the order of the values in the trace.
            yield condition
            yield from forms(where)
        case _:
            yield condition


def _refs_of(form: Condition) -> Iterator[Ref]:
    match form:
        case (
            Not()
            | AllOf()
            | AnyOf()
            | Did()
            | InSegment()
            | InsideJourney()
            | Can()
            | Reacted()
            | GoalReached()
        ):
            return
        case IsOneOf(ref, values):
            yield ref
            yield from (operand for operand in values if isinstance(operand, Ref))
        case Compare(ref, _, value):
            yield ref
            if isinstance(value, Ref):
                yield value
        case Between(ref, low, high):
            yield ref
            yield from (operand for operand in (low, high) if isinstance(operand, Ref))
        case _:
            yield form.ref


def _mentions_of(ref: Ref, rules: Rules) -> Dependencies:
    match ref.source:
        case "customer":
            rule = rules.get(ref.name)
            if rule is None:
                return Dependencies(attributes=frozenset((ref.name,)))
            # A fact with a window is counted from the rows when it is asked; the others are folded
            # as events come.
            return Dependencies(frozenset(rule.events), rule.history, frozenset((ref.name,)))
        case "product":
            return Dependencies(product=True)
        case "trigger" | "code" | "paths":
            return Dependencies(run=True)
        case "event" | "recommend":
            return Dependencies()


def _history_of(did: Did) -> dict[str, int | None]:
    """How far back the rows of its event must be loaded; nothing where the counters answer."""
    simple = (did.low, did.high) in ((1, None), (0, 0))
    if did.last is not None:
        if did.where is None and simple and not did.since_start:
            return {}
        # An upper bound in milliseconds: a month counts as 31 days.
        return {did.event: (did.last.months * 31 + did.last.days) * DAY + did.last.elapsed}
    if did.where is None and (not did.since_start or (did.low, did.high) == (1, None)):
        return {}
    return {did.event: None}
