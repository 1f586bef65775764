"""`did:` - from event to a phrase such as `not in last 30 days`, or the long form with fields."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.language.conditions.forms import sign_problem
from engine.language.grammar import LONG_DID
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Mapping, Node, Scalar, is_empty, part, tail
from engine.language.quantities import parse_length
from engine.language.spelling import spell_phrase
from engine.language.syntax import AllOf, Did, Length, Text
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span

PHRASES = (
    "ever, never, in last 30 days, not in last 30 days, at least 2 times, at most 1 times in last 30 days, "
    "exactly 1 times, since start"
)
MOST = 1_000_000
_COUNT = re.compile(
    r"(?:(at least|at most|more than|less than|exactly)\s+)?(\d{1,9})(?:\s+times?)?"
    r"(?:\s+in\s+last\s+(\S.*))?",
    re.ASCII,
)
_BARE = re.compile(r"(\d{1,9})(?:\s+times?)?(\s+in\s+last\s+\S.*)?", re.ASCII)
_IN_LAST = re.compile(r"in\s+last\s+(\S.*)")
_WITHIN = r" (?:in|within|during)(?: the)?(?: last| past)? (\d+ (?:minute|hour|day|week|month|year)s?)"
_OTHER = (
    (re.compile(r"(?:within|in)(?: the)?(?: last| past)? (\d.*)", re.IGNORECASE), "in last {}"),
    (re.compile(r"not (?:within|in)(?: the)?(?: last| past)? (\d.*)", re.IGNORECASE), "not in last {}"),
    (re.compile(r"(?:the )?(?:last|past) (\d.*)", re.IGNORECASE), "in last {}"),
    (re.compile(r"less than (\d+ \w+) ago", re.IGNORECASE), "in last {}"),
    (re.compile(r"(?:not since|more than) (\d+ \w+) ago", re.IGNORECASE), "not in last {}"),
    (
        re.compile(rf"(at least|at most|more than|exactly) (\d{{1,7}})(?: times|x)?{_WITHIN}", re.IGNORECASE),
        "{} {} times in last {}",
    ),
    (re.compile(r"true|yes", re.IGNORECASE), "ever"),
    (re.compile(r"false|no|not|not ever", re.IGNORECASE), "never"),
    (re.compile(r"since (?:the )?(?:beginning|begin|entry|start of.*)", re.IGNORECASE), "since start"),
)
_OTHER_BARE = re.compile(rf"(?:(once|twice)|(\d{{1,7}})(?: times|x)?)(?:{_WITHIN})?", re.IGNORECASE)
_OFTEN = {"once": "1", "twice": "2"}
_Where = Callable[[ReadContext, Node, Span], "AllOf | None"]
_Counted = tuple[int, int | None, Length | None, bool]  # low, high, last, since start


def parse_did(context: ReadContext, entry: Entry, where: _Where) -> tuple[Did, ...]:
    """All events under one `did:`."""
    if not isinstance(entry.value, Mapping) or is_empty(entry.value):
        event = (
            shown(entry.value.text)
            if isinstance(entry.value, Scalar) and entry.value.text
            else "order_placed"
        )
        context.report(
            entry.value.span if not is_empty(entry.value) else entry.key.span,
            "E20",
            '"did" needs lines of the form  event: phrase',
            f"the phrases are: {PHRASES}",
            f"write  did: {{{_line_meant(event)}}}",
        )
        return ()
    if _is_long_form(entry.value):
        _long_form_alone(context, entry.value)
        return ()
    lines = (_did(context, line, where) for line in entry.value.entries)
    return tuple(line for line in lines if line is not None)


def _is_long_form(node: Mapping) -> bool:
    """`{event: order_placed, last: 30 days}`: the parts of the long form, and the event among them."""
    keys = [line.key.text for line in node.entries]
    return (
        bool(keys) and keys[0] in ("event", "name") and set(keys[1:]) <= {"times", "last", "since", "where"}
    )


def _long_form_alone(context: ReadContext, node: Mapping) -> None:
    event = node.entries[0].value
    name = shown(event.text) if isinstance(event, Scalar) and event.text else "order_placed"
    said = {line.key.text: line.value.text for line in node.entries[1:] if isinstance(line.value, Scalar)}
    parts = ", ".join(f"{key}: {shown(text)}" for key, text in said.items())
    is_whole = len(said) == len(node.entries) - 1
    meant = f"{name}: {{{parts}}}" if parts else f"{name}: ever"
    context.report(
        node.entries[0].key.span,
        "E20",
        '"did" needs the name of the event in front of what is asked of it',
        f"the phrases are: {PHRASES}",
        f"write\n         did:\n           {meant}" if is_whole else f"put what stands below under  {name}:",
    )


_ALONE = re.compile(r"(not |never |no )?([a-z_]\w*)(?: +(\S.*))?")


def _line_meant(written: str) -> str:
    """What `did: not order_placed` or `did: order_placed in last 30 days` says, as a line of its own."""
    match = _ALONE.fullmatch(written)
    if match is None or (match[1] and match[3]):
        return f"{written}: ever"
    phrase = spell_phrase(match[3] or "")
    return f"{match[2]}: {'never' if match[1] else phrase or 'ever'}"


def _did(context: ReadContext, entry: Entry, where: _Where) -> Did | None:
    event, node = entry.key.whole(), entry.value
    if isinstance(node, Mapping) and not is_empty(node):
        return _long(context, event, node, where)
    if not isinstance(node, Scalar) or is_empty(node):
        context.report(
            node.span,
            "E20",
            f"{quoted(event.value)} needs a phrase here",
            f"the phrases are: {PHRASES}",
            f"write  {shown(event.value)}: ever",
        )
        return None
    text = context.spell(node.whole(), spell_phrase)
    negated = text.value.startswith("not ")
    if sign := sign_problem(event.value, text):
        context.problems.append(sign)
        return None
    counted = context.keep(_phrase(event.value, tail(text, 4) if negated else text, text))
    if counted is None:
        return None
    low, high, last, since = counted
    if (bare := _BARE.fullmatch(text.value)) and low:
        number, rest = bare.groups()
        context.report(
            text.span,
            "W62",
            f"{quoted(node.text)} means exactly so often",
            f"who did it {low + 1} times is left out",
            _say_which(number, rest or ""),
            level="warning",
        )
    return Did(event, low, high, last, since, None, negated, event.span)


def _phrase(event: str, text: Text, written: Text) -> _Counted | Problem:
    match text.value:
        case "ever":
            return 1, None, None, False
        case "never":
            return 0, 0, None, False
        case "since start":
            return 1, None, None, True
        case _:
            pass
    if match := _IN_LAST.fullmatch(text.value):
        length = parse_length(part(text, match.start(1), match.end(1) - match.start(1)))
        return length if isinstance(length, Problem) else (1, None, length, False)
    if match := _COUNT.fullmatch(text.value):
        return _counted(text, match)
    return Problem(
        written.span,
        "E21",
        f"{quoted(written.value)} is not a phrase of did",
        f"the phrases are: {PHRASES}",
        _fix(event, written.value),
    )


def _counted(text: Text, match: re.Match[str]) -> _Counted | Problem:
    count = int(match[2])
    if count > MOST:
        return Problem(
            text.span,
            "E21",
            f"{quoted(text.value)} counts too far",
            "nobody does that so often",
            "write a smaller number",
        )
    last: Length | None = None
    if match[3]:
        length = parse_length(part(text, match.start(3), match.end(3) - match.start(3)))
        if isinstance(length, Problem):
            return length
        last = length
    match match[1]:
        case "at least":
            return count, None, last, False
        case "more than":
            return count + 1, None, last, False
        case "at most":
            return 0, count, last, False
        case "less than":
            return 0, count - 1, last, False
        case _:
            return count, count, last, False


def _fix(event: str, written: str) -> str:
    if len(written) <= 100:
        if bare := _OTHER_BARE.fullmatch(written):
            number = bare[2] or _OFTEN[bare[1].casefold()]
            return _say_which(number, f" in last {bare[3]}" if bare[3] else "")
        for pattern, ours in _OTHER:
            if match := pattern.fullmatch(written):
                return f"write  {shown(event)}: {ours.format(*match.groups())}"
    return "write one of these phrases"


def _say_which(number: str, rest: str) -> str:
    """A count alone: whether it is the least or the exact one, only the author knows."""
    return f"say which:  at least {number} times{rest}  or  exactly {number} times{rest}"


def _long(context: ReadContext, event: Text, node: Mapping, where: _Where) -> Did | None:
    before = len(context.problems)
    reader = MapReader(context, LONG_DID, node.entries, event.span)
    last, since = reader.length("last"), reader.choice("since")
    times = reader.text("times")
    times = times and context.spell(times, spell_phrase)
    low, high = 1, None
    if times is not None:
        negated = times.value.startswith("not ")
        counted = context.keep(_phrase(event.value, times, times))
        if negated or (counted and (counted[2] or counted[3])):
            reader.apart(
                "times", "it says how often and nothing else", "write  times: at least 2, last: 7 days"
            )
        if counted is not None:
            low, high = counted[0], counted[1]
    fields = reader.node("where")
    condition = None if fields is None else where(context, fields, reader.at_key("where"))
    if last is not None and since is not None:
        reader.apart("since", "last and since are two beginnings", "keep one of them")
    if len(context.problems) > before:
        return None
    return Did(event, low, high, last, since is not None, condition, False, event.span)
