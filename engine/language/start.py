"""`start:` - what brings a customer in: an event, a segment, a date, the calendar, a product; `again:` -
when somebody may come back."""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal, cast

from engine.language.conditions.condition import read_condition
from engine.language.grammar import LEAVING, STARTS, Construct
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Mapping, Node, Scalar, Sequence, is_empty, tail
from engine.language.quantities import (
    MONTHS,
    is_calendar_day,
    length_meant,
    parse_calendar_day,
    parse_length,
    parse_share,
)
from engine.language.spelling import spell_again, spell_drop
from engine.language.syntax import (
    Again,
    ClockStart,
    DateStart,
    EventStart,
    ProductStart,
    SegmentStart,
    Start,
    Text,
)
from engine.language.weekdays import WEEKDAYS
from engine.language.wording import as_list, quoted, shown, use_one_of
from engine.problem import Problem, Span, nearest
from engine.values import Birthday

_LONGEST_LIST = 200  # characters in which several events are looked for
_EVENT = re.compile(r"[A-Za-z][\w-]*")
_KINDS: dict[str, Construct] = {construct.keys[0].name: construct for construct in STARTS}
_OTHER = {
    "on": "event", "events": "event", "trigger": "event", "audience": "segment", "list": "segment",
    "schedule": "every", "cron": "every", "interval": "every", "attribute": "date", "birthday": "date",
    "price_drop": "product", "back_in_stock": "product", "low_stock": "product",
}  # fmt: skip
_EVERY = {
    "daily": "day", "days": "day", "1 day": "day", "weekly": "week", "weeks": "week", "1 week": "week",
    "monthly": "month", "months": "month", "1 month": "month",
}  # fmt: skip


def parse_starts(context: ReadContext, node: Node, at: Span) -> tuple[Start, ...]:
    """One map, or a list of maps of which any starts the journey."""
    if is_empty(node):
        context.empty(at, "start", "\n         start:\n           event: subscribed")
        return ()
    items = node.items if isinstance(node, Sequence) else (node,)
    starts = (_start(context, item) for item in items)
    return tuple(start for start in starts if start is not None)


def _start(context: ReadContext, node: Node) -> Start | None:
    if not isinstance(node, Mapping) or not node.entries:
        word = shown(node.text) if isinstance(node, Scalar) and node.text else "subscribed"
        kind = _OTHER.get(word, "event")
        context.report(
            node.span,
            "E07",
            '"start" needs a kind and a name',
            f"a start is one of: {as_list(list(_KINDS))}",
            f"write\n         start:\n           {kind}: {word}",
        )
        return None
    kinds = [entry for entry in node.entries if entry.key.text in _KINDS]
    # Beside `date`, `every: year` is not the clock: it says that the date returns.
    if any(entry.key.text == "date" for entry in kinds):
        kinds = [entry for entry in kinds if entry.key.text != "every"]
    if not kinds:
        _no_kind(context, node)
        return None
    # not guessed: a list of starts means any of them, and two keys of one start could mean both
    if len(kinds) > 1:
        context.report(
            kinds[1].key.span,
            "E17",
            f"this is one start of two kinds: {kinds[0].key.text} and {kinds[1].key.text}",
            "a start is one of them; a list of starts means any of them",
            f"write  - {kinds[0].key.text}: ...  and  - {kinds[1].key.text}: ...",
        )
        return None
    key = kinds[0].key
    reader = MapReader(context, _KINDS[key.text], node.entries, key.span)
    match key.text:
        case "event":
            return _event(reader)
        case "segment":
            return _segment(reader)
        case "date":
            return _date(reader)
        case "every":
            return _clock(reader)
        case _:
            return _product(reader)


def _no_kind(context: ReadContext, node: Mapping) -> None:
    known = {key.name for construct in STARTS for key in construct.keys}
    entry = next((entry for entry in node.entries if entry.key.text not in known), node.entries[0])
    word = entry.key.text
    meant = _OTHER.get(word.casefold()) or nearest(word, _KINDS)
    if word in known:
        what, fix = "this start does not say what starts it", "add  event: subscribed  (or another kind)"
    else:
        what, fix = (
            f"{quoted(word)} is not a kind of start",
            f'did you mean "{meant}"?' if meant else LEAVING if word in _LEFT else use_one_of(list(_KINDS)),
        )
    context.report(entry.key.span, "E06", what, f"a start is one of: {as_list(list(_KINDS))}", fix)


def _event(reader: MapReader) -> EventStart | None:
    node = reader.node("event")
    names = (
        [item.text for item in node.items if isinstance(item, Scalar)] if isinstance(node, Sequence) else []
    )
    if isinstance(node, Scalar) and len(node.text) < _LONGEST_LIST:
        names = re.split(r" or | and |, *|\|", node.text)
    if node is not None and len(names) > 1 and all(_EVENT.fullmatch(name) for name in names):
        reader.context.report(
            node.span,
            "E07",
            '"event" needs one event here',
            "a list of starts means any of them, each with what belongs to it",
            "write\n         start:" + "".join(f"\n           - event: {name}" for name in names),
        )
        return None
    event, per, fresh = reader.text("event"), reader.text("per"), reader.length("fresh")
    where = read_condition(reader, "where")
    return None if event is None else EventStart(event, where, per, fresh, reader.at)


_LEFT = ("left", "leave", "leaves", "leaving", "exit", "exits", "exited", "removed", "lost", "out", "former")
_MEMBERS = {
    "existing": "all", "current": "all", "everybody": "all", "everyone": "all", "today": "all",
    "enter": "new", "enters": "new", "entered": "new", "joined": "new", "join": "new",
}  # fmt: skip


def _segment(reader: MapReader) -> SegmentStart | None:
    segment, words = reader.text("segment"), reader.node("members")
    if isinstance(words, Scalar) and words.text.casefold() in _LEFT:
        reader.context.report(
            words.span,
            "E24",
            f"{quoted(words.text)} is not one of its values",
            "a journey starts when somebody becomes a member, not when they leave",
            LEAVING,
        )
        return None
    members = reader.choice("members", _MEMBERS)
    if segment is None:
        return None
    who: Literal["new", "all"] = "all" if members and members.value == "all" else "new"
    return SegmentStart(segment, who, reader.at)


def _date(reader: MapReader) -> DateStart | None:
    date, before, after, at = (
        reader.text("date"),
        reader.length("before"),
        reader.length("after"),
        reader.clock("at"),
    )
    if "before" in reader and "after" in reader:
        reader.apart("after", "before and after are two days", "keep one of them, or write a list of starts")
        return None
    for length in (before, after):
        if length is not None and not length.duration.is_calendar:
            reader.context.report(
                length.text.span,
                "E30",
                f"{quoted(length.text.value)} is not a number of days",
                "the start is on a day, at the time that stands in  at:",
                "write a length in days, weeks, months or years",
            )
    yearly = reader.choice("every", _EVERY_YEAR) is not None
    day: Birthday | dt.date | None = None
    if date is not None and is_calendar_day(date):
        parsed = parse_calendar_day(date)
        if isinstance(parsed, Problem):
            reader.context.problems.append(parsed)
            return None
        day = parsed
        if yearly and isinstance(day, dt.date):
            reader.apart(
                "every",
                f"{date.value} is one day, which comes once",
                f"write  date: {day.day} {MONTHS[day.month - 1]}  for that day of every year",
            )
            return None
    if date is None or at is None:
        return None
    # A day that is written returns by itself: `every: year` beside it says the same once more.
    return DateStart(date, before, after, at, reader.at, day, yearly and day is None)


_EVERY_YEAR = dict.fromkeys(("yearly", "years", "annually", "1 year", "anniversary"), "year")


def _clock(reader: MapReader) -> ClockStart | None:
    words = reader.node("every")
    # `every: every day` says the word twice
    said = words.text.casefold().removeprefix("every ") if isinstance(words, Scalar) else ""
    if isinstance(words, Scalar) and said in ("year", *_EVERY_YEAR):
        reader.context.report(
            words.span,
            "E24",
            f"{quoted(words.text)} does not say on which day of the year",
            "every: is day, week or month; what comes once a year is a date",
            "write  date: 27 November  (the day that you mean) instead of  every: year",
        )
        return None
    if isinstance(words, Scalar) and (rhythm := _rhythm_meant(said)):
        reader.context.report(
            words.span,
            "E24",
            f"{quoted(words.text)} is not one of its values",
            "every: is day, week or month; again: says how long it is until somebody may start anew",
            rhythm,
        )
        return None
    days = [day for day in WEEKDAYS if day.casefold() == said.removesuffix("s")]
    if isinstance(words, Scalar) and days:
        reader.context.report(
            words.span,
            "E24",
            f"{quoted(words.text)} is a day of the week",
            "every: is day, week or month; the days of a week stand beside it",
            f"write  every: week  and under it  weekdays: [{days[0]}]",
        )
        return None
    every, at = reader.choice("every", _EVERY), reader.clock("at")
    day, weekdays = _day(reader), reader.weekdays()
    if every is None:
        return None
    if every.value == "month" and "day" not in reader:
        reader.missing("day")
    if every.value == "week" and "weekdays" not in reader:
        reader.missing("weekdays")
    if every.value != "month" and "day" in reader:
        reader.apart(
            "day",
            f"every {every.value} has no day of the month",
            "remove the line, or make it  every: month",
        )
    if every.value != "week" and "weekdays" in reader:
        reader.apart(
            "weekdays", f"every {every.value} has no weekdays", "remove the line, or make it  every: week"
        )
    if at is None:
        return None
    return ClockStart(cast("Literal['day', 'week', 'month']", every.value), day, weekdays, at, reader.at)


_RHYTHM = re.compile(r"(?P<number>\d{1,3}|two|three|four|six|other|second) (?P<unit>day|week|month)s?")
_NUMBERS = {"two": 2, "other": 2, "second": 2, "three": 3, "four": 4, "six": 6}
_RHYTHMS = {
    "fortnight": "2 weeks", "biweekly": "2 weeks", "fortnightly": "2 weeks", "quarter": "3 months",
    "quarterly": "3 months", "half year": "6 months", "bimonthly": "2 months",
}  # fmt: skip


def _rhythm_meant(said: str) -> str:
    """`2 weeks`, `quarter`: every week or month, and who had it lately does not start. `workdays`."""
    days = said if said in ("weekend", "workdays") else "workdays"
    if said in ("weekend", "weekday", "weekdays", "workday", "workdays", "working day", "business day"):
        return f"write  every: week  and under it  weekdays: {days}"
    match = _RHYTHM.fullmatch(_RHYTHMS.get(said, said))
    if match is None:
        return ""
    number, unit = _NUMBERS.get(match["number"]) or int(match["number"]), match["unit"]
    if number < 2:
        return ""
    after = f"{number * 7} days" if unit == "week" else f"{number} {unit}s"
    return f"put  every: {unit}  here, and  again: after {after}  into the journey"


def _day(reader: MapReader) -> int | None:
    """1 to 28; 0 is the last day of the month."""
    text = reader.text("day")
    if text is None:
        return None
    if text.value == "last":
        return 0
    number = int(text.value) if text.value.isascii() and text.value.isdigit() and len(text.value) < 4 else 0
    # the 29th is no day of every month; the last day of one is written `last`
    if 1 <= number <= 28:
        return number
    meant = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th|\.)", text.value.casefold(), re.ASCII)
    day = meant[1].lstrip("0") if meant and 1 <= int(meant[1]) <= 28 else _DAYS.get(text.value.casefold(), "")
    reader.context.report(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a day that every month has",
        "it can be 1 to 28, or last",
        f"write  day: {day}" if day else "use a number from 1 to 28, or last",
    )
    return None


_DAYS = {
    "end": "last", "the end": "last", "ultimo": "last", "the last": "last", "last day": "last",
    "the last day": "last", "first": "1", "the first": "1", "first day": "1", "the first day": "1",
}  # fmt: skip


def _product(reader: MapReader) -> ProductStart | None:
    kind, within, drop = reader.choice("product"), reader.length("within"), reader.text("by")
    by = None if drop is None else reader.context.keep(parse_share(reader.context.spell(drop, spell_drop)))
    collect, per = reader.length("collect"), reader.text("per")
    choices = reader.construct.key("watchers").choices
    words = (reader.context.one_of(text, choices) for text in reader.texts("watchers"))
    watchers = tuple(word for word in words if word is not None)
    if kind is not None and kind.value != "price_drop" and "by" in reader:
        reader.apart("by", "only a price drop has a size", "remove the line, or write  product: price_drop")
    if "collect" in reader and "per" in reader:
        reader.apart(
            "per",
            "collect makes one start of several products, per makes one for each",
            "keep  collect:  or  per:",
        )
        return None
    return None if kind is None else ProductStart(kind, by, watchers, within, collect, per, reader.at)


_RULES = ("never", "always", "after 30 days", "restart", "restart, then after 3 days")
_OTHER_RULES = {
    "once": "never", "no": "never", "false": "never", "off": "never", "one time": "never", "yes": "always",
    "true": "always", "on": "always", "every time": "always", "unlimited": "always", "multiple": "always",
    "replace": "restart", "reset": "restart", "every year": "after 365 days", "yearly": "after 365 days",
    "annually": "after 365 days", "every month": "after 1 month", "monthly": "after 1 month",
    "every week": "after 7 days", "weekly": "after 7 days", "every day": "after 1 day",
    "daily": "after 1 day",
}  # fmt: skip


def parse_again(context: ReadContext, text: Text) -> Again | None:
    """The rule of re-entry."""
    # first, so that all that follows knows one spelling alone
    text = context.spell(text, spell_again)
    words = text.value
    match words:
        case "never" | "always" | "restart":
            return Again(words, None, text.span)
        case _:
            pass
    # `restart` alone was taken above: here a length stands behind it
    for how in ("after", "restart"):
        beginning = "after " if how == "after" else "restart, then after "
        if words.startswith(beginning):
            length = context.keep(parse_length(tail(text, len(beginning))))
            return (
                None if length is None else Again("after" if how == "after" else "restart", length, text.span)
            )
    context.report(
        text.span,
        "E24",
        f'{quoted(words)} is not a rule for "again"',
        f"it can be: {'; '.join(_RULES)}",
        f"write  again: {meant}" if (meant := _rule_meant(text)) else "write one of these",
    )
    return None


def _rule_meant(text: Text) -> str:
    words = shown(text.value)
    if words.casefold() in _OTHER_RULES:
        return _OTHER_RULES[words.casefold()]
    length = length_meant(re.sub(r"(?:once )?every ", "", words.casefold()))
    # a length alone is how long to wait before the next time
    if length and "  or  " not in length:
        return f"after {length}"
    for beginning in ("restart after ", "restart then after ", "restart, after ", "restart and after "):
        if words.startswith(beginning):
            return f"restart, then after {words.removeprefix(beginning)}"
    return nearest(words, _RULES) or ""
