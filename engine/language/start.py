"""`start:` - what brings a customer in: an event, a segment, a date, the calendar, a product."""

from __future__ import annotations

from typing import Literal, cast

from engine.language.condition import parse_condition
from engine.language.grammar import STARTS, Construct
from engine.language.nodes import Mapping, Node, Scalar, Sequence, is_empty
from engine.language.parts import Parts
from engine.language.reading import Reading
from engine.language.syntax import ClockStart, DateStart, EventStart, ProductStart, SegmentStart, Start, Text
from engine.language.weekdays import parse_weekdays
from engine.language.wording import as_list, quoted, shown
from engine.problem import Span, nearest

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


def parse_starts(reading: Reading, node: Node, at: Span) -> tuple[Start, ...]:
    """One map, or a list of maps of which any starts the journey."""
    if is_empty(node):
        reading.empty(at, "start", "\n         start:\n           event: subscribed")
        return ()
    items = node.items if isinstance(node, Sequence) else (node,)
    starts = (_start(reading, item) for item in items)
    return tuple(start for start in starts if start is not None)


def _start(reading: Reading, node: Node) -> Start | None:
    if not isinstance(node, Mapping) or not node.entries:
        word = shown(node.text) if isinstance(node, Scalar) and node.text else "subscribed"
        kind = _OTHER.get(word, "event")
        reading.report(
            node.span,
            "E07",
            '"start" needs a kind and a name',
            f"a start is one of: {as_list(list(_KINDS))}",
            f"write\n         start:\n           {kind}: {word}",
        )
        return None
    kinds = [entry for entry in node.entries if entry.key.text in _KINDS]
    if not kinds:
        _no_kind(reading, node)
        return None
    if len(kinds) > 1:
        reading.report(
            kinds[1].key.span,
            "E17",
            f"this is one start of two kinds: {kinds[0].key.text} and {kinds[1].key.text}",
            "a start is one of them; a list of starts means any of them",
            f"write  - {kinds[0].key.text}: ...  and  - {kinds[1].key.text}: ...",
        )
        return None
    key = kinds[0].key
    parts = Parts(reading, _KINDS[key.text], node.entries, key.span)
    match key.text:
        case "event":
            return _event(parts)
        case "segment":
            return _segment(parts)
        case "date":
            return _date(parts)
        case "every":
            return _clock(parts)
        case _:
            return _product(parts)


def _no_kind(reading: Reading, node: Mapping) -> None:
    known = {key.name for construct in STARTS for key in construct.keys}
    entry = next((entry for entry in node.entries if entry.key.text not in known), node.entries[0])
    word = entry.key.text
    meant = _OTHER.get(word.casefold()) or nearest(word, _KINDS)
    if word in known:
        what, fix = "this start does not say what starts it", "add  event: subscribed  (or another kind)"
    else:
        what, fix = (
            f"{quoted(word)} is not a kind of start",
            f'did you mean "{meant}"?' if meant else "write  event: subscribed",
        )
    reading.report(entry.key.span, "E06", what, f"a start is one of: {as_list(list(_KINDS))}", fix)


def _event(parts: Parts) -> EventStart | None:
    event, per, fresh = parts.text("event"), parts.text("per"), parts.length("fresh")
    node = parts.node("where")
    where = (
        None
        if node is None
        else parse_condition(parts.reading, node, parts.at_key("where"), "where", of_event=True)
    )
    return None if event is None else EventStart(event, where, per, fresh, parts.at)


def _segment(parts: Parts) -> SegmentStart | None:
    segment, members = parts.text("segment"), parts.choice("members")
    if segment is None:
        return None
    who: Literal["new", "all"] = "all" if members and members.value == "all" else "new"
    return SegmentStart(segment, who, parts.at)


def _date(parts: Parts) -> DateStart | None:
    date, before, after, at = (
        parts.text("date"),
        parts.length("before"),
        parts.length("after"),
        parts.clock("at"),
    )
    if "before" in parts and "after" in parts:
        parts.apart("after", "before and after are two days", "keep one of them, or write a list of starts")
        return None
    for key, length in (("before", before), ("after", after)):
        if length is not None and not length.duration.is_calendar:
            parts.reading.report(
                length.text.span,
                "E30",
                f"{quoted(length.text.value)} is not a number of days",
                "the start is on a day, at the time that stands in  at:",
                f"write  {key}: 1 day",
            )
    return None if date is None or at is None else DateStart(date, before, after, at, parts.at)


def _clock(parts: Parts) -> ClockStart | None:
    every, at = parts.choice("every", _EVERY), parts.clock("at")
    day, weekdays = _day(parts), parse_weekdays(parts)
    if every is None:
        return None
    if every.value == "month" and "day" not in parts:
        parts.missing("day")
    if every.value == "week" and "weekdays" not in parts:
        parts.missing("weekdays")
    if every.value != "month" and "day" in parts:
        parts.apart(
            "day", f"every {every.value} has no day of the month", "write  every: month  or remove the line"
        )
    if every.value != "week" and "weekdays" in parts:
        parts.apart(
            "weekdays", f"every {every.value} has no weekdays", "write  every: week  or remove the line"
        )
    if at is None:
        return None
    return ClockStart(cast("Literal['day', 'week', 'month']", every.value), day, weekdays, at, parts.at)


def _day(parts: Parts) -> int | None:
    """1 to 28; 0 is the last day of the month."""
    text = parts.text("day")
    if text is None:
        return None
    if text.value == "last":
        return 0
    number = int(text.value) if text.value.isascii() and text.value.isdigit() and len(text.value) < 4 else 0
    if 1 <= number <= 28:
        return number
    parts.reading.report(
        text.span,
        "E30",
        f"{quoted(text.value)} is not a day that every month has",
        "it can be 1 to 28, or last",
        f"write  day: {'last' if number > 28 or text.value.casefold() == 'end' else '1'}",
    )
    return None


def _product(parts: Parts) -> ProductStart | None:
    kind, by, within = parts.choice("product"), parts.share("by"), parts.length("within")
    collect, per = parts.length("collect"), parts.text("per")
    watchers = _watchers(parts)
    if kind is not None and kind.value != "price_drop" and "by" in parts:
        parts.apart("by", "only a price drop has a size", "remove the line, or write  product: price_drop")
    if "collect" in parts and "per" in parts:
        parts.apart(
            "per",
            "collect makes one start of several products, per makes one for each",
            "keep  collect:  or  per:",
        )
        return None
    return None if kind is None else ProductStart(kind, by, watchers, within, collect, per, parts.at)


def _watchers(parts: Parts) -> tuple[Text, ...]:
    key = parts.construct.key("watchers")
    choices = key.choices if key else ()
    node = parts.node("watchers")
    items = node.items if isinstance(node, Sequence) and node.items else () if node is None else (node,)
    found = (parts.reading.choice(item, "watchers", choices) for item in items)
    return tuple(word for word in found if word is not None)
