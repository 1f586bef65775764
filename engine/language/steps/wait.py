"""`wait` - for a length of time, until a moment, or for an event with a limit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.command_hints import command
from engine.language.conditions.condition import read_condition
from engine.language.conditions.condition_words import condition_text
from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.nodes import Sequence, tail
from engine.language.quantities import (
    clock_meant,
    is_their_hour,
    length_meant,
    parse_clock,
    parse_length,
    parse_until,
    their_hour_meant,
)
from engine.language.spelling import spell_wait
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import AllOf, Clock, Hashed, Length, Step, Text, Until
from engine.language.weekdays import WEEKDAYS
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span

_LONGEST = 100  # characters of a wait in which two parts are looked for


@dataclass(frozen=True, slots=True)
class Awaited(Hashed):
    """`for:` an event, several events, `clicked x`, `opened x`."""

    hashed: ClassVar[str] = "Awaited events reaction template where -"
    events: tuple[Text, ...]
    reaction: Literal["clicked", "opened"] | None
    template: Text | None
    where: AllOf | None
    span: Span

    def words(self) -> str:
        """`for order_delivered where total: at least 50 EUR`, `for clicked x`."""
        events = ", ".join(event.value for event in self.events)
        named = events or f"{self.reaction} {self.template.value if self.template else ''}"
        return f"for {named}" + (f" where {condition_text(self.where)}" if self.where else "")


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """`wait: 3 days` or `wait: until ...`."""

    hashed: ClassVar[str] = (
        "Wait - id was length until at weekdays awaited then otherwise waiting - their_hour?"
    )
    verb: ClassVar[str] = "wait"
    length: Length | None
    until: Until | None
    at: Clock | None
    weekdays: tuple[int, ...]
    awaited: Awaited | None
    then: tuple[Step, ...] | None  # None: not written
    otherwise: tuple[Step, ...] | None
    waiting: Literal["keep", "recompute"]
    value: Text  # what stands behind `wait:`
    their_hour: Text | None = None  # the words `their hour`, behind `at:` or `until`

    def words(self) -> str:
        """`wait 2 days at 10:00 on Tuesday for order_placed`."""
        words = [f"wait {self.value.value}"]
        if self.at:
            words.append(f"at {self.at.text.value}")
        if self.their_hour and not (self.until and self.until.their_hour):
            words.append("at their hour")
        if self.weekdays:
            words.append(f"on {', '.join(WEEKDAYS[day] for day in self.weekdays)}")
        if self.awaited:
            words.append(self.awaited.words())
        return " ".join(words)

    def sides(self) -> tuple[tuple[Step, ...], ...]:
        """`then`, `else`; none where nothing is awaited."""
        if self.awaited is None and self.then is None and self.otherwise is None:
            return ()
        return (self.then or (), self.otherwise or ())

    def side_labels(self) -> tuple[str, ...]:
        """`came`, `did not come`."""
        return ("came", "did not come") if self.sides() else ()


CONSTRUCT = step_keys(
    "wait",
    (
        Key("wait", "wait", "a length of time, or until a moment", needed=True, example="3 days"),
        Key("at", "wait_clock",
        "time of day in the customer's own zone, or  their hour: at which this customer reacts",
            example="10:00"),
        Key("weekdays", "weekdays", "only on these days", example="[Tuesday, Thursday]"),
        Key("for", "awaited", "an event, several events, clicked x or opened x that ends it early",
            example="order_delivered"),
        Key("where", "where", "condition on the event's fields"),
        Key("then", "steps", "when it came in time"),
        Key("else", "steps", "when it did not"),
        Key("waiting", "choice", "who already waits: keep the promised moment, or recompute",
            choices=("keep", "recompute")),
    ),
    "Waits.",
    (
        ("on", "weekdays"), ("time", "at"), ("until", "write  wait: until ..."), ("event", "for"),
        ("timeout", "write it as  wait: 5 days  with  for: event"), ("days", "write  wait: 3 days"),
        ("hours", "write  wait: 3 hours"), ("otherwise", "else"), ("on_timeout", "else"),
        ("if", "put a step behind it:  - if: ..."),
    ),
)  # fmt: skip


def parse_wait(reader: MapReader) -> Wait | None:
    """A `wait` step; it needs an id, and with `for` at least one of `then` and `else`."""
    value = reader.text("wait")
    value = value and reader.context.spell(value, spell_wait)
    # people rest here: the id is asked for even where the rest of the step is wrong
    if "id" not in reader:
        proposed = reader.context.wait_ids.get(reader.at_key("wait"), "a_name")
        reader.context.report(
            reader.at_key("wait"),
            "E41",
            "this wait has no id",
            "customers rest here; without a name nobody can tell where they belong after you edit the file",
            f"add  id: {proposed}   (`{command('fmt')}` adds it for you)",
        )
    step_id, was = reader.name("id"), reader.name("was")
    awaited = _awaited(reader)
    at, their_hour = None, reader.text("at")
    if their_hour is not None and not is_their_hour(their_hour):
        at = reader.context.keep(their_hour_meant(their_hour) or parse_clock(their_hour))
        their_hour = None
    days = reader.weekdays()
    # read whatever else is wrong, so that mistakes inside of them are told, too
    then, otherwise = reader.steps("then"), reader.steps("else")
    _check_branches(reader)
    recompute = reader.choice("waiting")
    if value is None:
        return None
    length, until = _end(reader, value)
    if length is None and until is None:
        return None
    _check_at(reader, length, until)
    waiting: Literal["keep", "recompute"] = (
        "recompute" if recompute and recompute.value == "recompute" else "keep"
    )
    # `until their hour` and `at: their hour` say the same
    if until is not None and until.their_hour:
        their_hour = until.text
    return Wait(
        reader.at, step_id, was, length, until, at, days, awaited, then, otherwise, waiting, value, their_hour
    )


def _awaited(reader: MapReader) -> Awaited | None:
    """What the keys `for` and `where` ask for."""
    where = read_condition(reader, "where")
    words = reader.texts("for")
    if not words:
        return None
    reactions = [word for word in words if _reaction(word)]
    span = reader.at_key("for")
    if not reactions:
        return Awaited(words, None, None, where, span)
    if isinstance(reader.node("for"), Sequence) and len(words) > 1:
        reader.context.report(
            reactions[0].span,
            "E17",
            f"{quoted(reactions[0].value)} cannot stand in a list of events",
            "a wait is for one reaction, or for one of several events",
            f"write  for: {reactions[0].value}",
        )
        return None
    if where is not None:
        reader.apart("where", "a reaction to a message has no fields", "remove the line")
    return Awaited((), _reaction(words[0]), tail(words[0], 7), where, span)


def _reaction(word: Text) -> Literal["clicked", "opened"] | None:
    if word.value.startswith("clicked "):
        return "clicked"
    return "opened" if word.value.startswith("opened ") else None


def _end(reader: MapReader, value: Text) -> tuple[Length | None, Until | None]:
    if value.value == "until" or value.value.startswith("until "):
        return None, reader.context.keep(parse_until(value, tail(value, 5)))
    if meant := _two_parts_meant(value.value):
        reader.context.report(
            value.span,
            "E30",
            f"{quoted(value.value)} is not a length of time",
            "a wait is so long, or until a moment; the time of day stands on a line of its own",
            meant,
        )
        return None, None
    # a length is tried first: it is by far the most common, and its message the most helpful one
    length = parse_length(value)
    if not isinstance(length, Problem):
        return length, None
    until = parse_until(value, value)
    # each message names what its author has probably meant; the plain one comes last
    if not isinstance(until, Problem) and until.name is None:  # a moment without its word
        reader.context.report(
            value.span,
            "E30",
            length.what,
            "a wait until a moment begins with until",
            f"write  until {shown(value.value)}",
        )
    elif not isinstance(until, Problem) and until.name is not None and until.name.value != "trigger":
        reader.context.report(
            value.span,
            "E30",
            length.what,
            length.why,
            f"write  until {shown(value.value)}"
            if until.offset is not None
            else "for a date of the customer, put  until  in front of it; for an event, say how long at "
            f"most, and under it  for: {shown(value.value)}",
        )
    else:
        reader.context.problems.append(length)
    return None, None


_TILL = re.compile(r"(?:till|til|to|by|up until|bis|jusqu'à|hasta|tot|do)\s+(\S.*)", re.IGNORECASE)
_AT = re.compile(r"(\S.*?)(?:,| at|, at| @)\s+(\d\S*(?: ?[ap]\.?m\.?)?)", re.IGNORECASE)


def _two_parts_meant(words: str) -> str:
    """The fix for `till 10:00` and `3 days at 10:00`; "" for everything else."""
    if len(words) > _LONGEST:
        return ""
    if match := _TILL.fullmatch(words):
        return f"write  until {match[1]}"
    match = _AT.fullmatch(words)
    length, clock = (length_meant(match[1]), clock_meant(match[2])) if match else ("", "")
    if not length or not clock or "  or  " in length:
        return ""
    return f"write\n         wait: {length}\n         at: {clock}"


def _check_at(reader: MapReader, length: Length | None, until: Until | None) -> None:
    if "at" in reader:
        if length is not None and not length.duration.is_calendar:
            reader.apart(
                "at", "a time of day needs a length in whole days", "write whole days, or remove the line"
            )
        elif until is not None and (until.time is not None or until.their_hour):
            reader.apart("at", "the moment has a time already", "keep one of the two times")
    elif until is not None and until.date is not None and until.time is None:
        reader.context.report(
            reader.at_key("wait"),
            "E08",
            '"at" is missing',
            "a date without a time does not say when on that day",
            f"write  wait: until {until.date.isoformat()} 10:00  or add  at: 10:00",
        )


def _check_branches(reader: MapReader) -> None:
    # of all keys that need `for` the first is enough: one cause, one message
    if "for" not in reader:
        for key in ("where", "then", "else"):
            if key in reader:
                reader.apart(
                    key,
                    "without  for:  nothing is waited for, so there is nothing to tell apart",
                    "add  for: order_delivered  (an event), or put the steps behind the wait",
                )
                return
    elif "then" not in reader and "else" not in reader:
        reader.context.report(
            reader.at_key("for"),
            "E42",
            "say what happens when it did not come in time",
            "going on in silence is the most common surprise with such waits",
            "add  else:  with steps (for example  - exit: no_reaction), or  then:  with steps",
        )


KINDS = (
    StepKind(
        2, CONSTRUCT, Wait, parse_wait, "wait: 3 days",
        other_verbs=("delay", "sleep", "pause", "wait_for", "wait_until", "until"),
        rules={
            "required": ["wait", "id"],
            "dependencies": {"where": ["for"], "then": ["for"], "else": ["for"]},
            "if": {"required": ["for"]},
            "then": {"anyOf": [{"required": ["then"]}, {"required": ["else"]}]},
        },
    ),
)  # fmt: skip
