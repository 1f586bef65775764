"""`given:` - the customer before a story."""

from __future__ import annotations

import re

from engine.language.map_reader import ReadContext
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, is_empty, part
from engine.language.quantities import length_meant, parse_length, zone_fix
from engine.language.stories.story_lines import parse_fields
from engine.language.syntax import Given, GivenDid, Length, ListPair, Pair, Text
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span
from engine.values import zone

SPECIAL = (
    "timezone", "segments", "inside", "did", "unreachable", "no_consent", "product", "paths", "holdout",
)  # fmt: skip

_COUNT = re.compile(r"(?:(?:at least|exactly) )?(\d{1,4})(?: times?)?", re.ASCII)
_SHOWN = 4
"""Moments that the example of a list has."""


def parse_given(context: ReadContext, node: Node, at: Span) -> Given:
    """Attributes and facts as written, and the few keys with a meaning of their own."""
    if not isinstance(node, Mapping) or not node.entries:
        context.report(
            at,
            "E57",
            '"given" needs lines of the form "name: value"',
            "it says who the customer is before the story",
            "write  given: {orders_count: 0}  or remove the line",
        )
        return Given()
    special = {entry.key.text: entry for entry in node.entries if entry.key.text in SPECIAL}
    values = (_value(context, entry) for entry in node.entries if entry.key.text not in SPECIAL)
    entry = special.get("holdout")
    word = (
        None
        if entry is None
        else context.choice(entry.value, "holdout", ("true", "false"), reads={"yes": "true", "no": "false"})
    )
    return Given(
        values=tuple(value for value in values if value is not None),
        timezone=_timezone(context, special.get("timezone")),
        segments=_texts(context, special.get("segments"), "[vip]"),
        inside=_texts(context, special.get("inside"), "[welcome]"),
        did=_did(context, special.get("did")),
        unreachable=_texts(context, special.get("unreachable"), "[push]"),
        no_consent=_texts(context, special.get("no_consent"), "[sms]"),
        product=_pairs(context, special.get("product"), "{in_stock: true}"),
        paths=_pairs(context, special.get("paths"), "{offer_test: gift}"),
        holdout=word is not None and word.value == "true",
    )


def _value(context: ReadContext, entry: Entry) -> Pair | ListPair | None:
    name = entry.key.whole()
    if isinstance(entry.value, Sequence):
        return ListPair(name, context.texts(entry.value, name.value, "[a, b]"))
    text = context.text(entry.value, name.value)
    return None if text is None else Pair(name, text)


def _timezone(context: ReadContext, entry: Entry | None) -> Text | None:
    text = None if entry is None else context.text(entry.value, "timezone", "Europe/Berlin")
    if text is None:
        return None
    try:
        zone(text.value)
    except KeyError:
        context.report(
            text.span,
            "E30",
            f"{quoted(text.value)} is not a time zone",
            "short names and offsets do not know when the clocks change",
            zone_fix(text.value),
        )
        return None
    return text


def _texts(context: ReadContext, entry: Entry | None, example: str) -> tuple[Text, ...]:
    return () if entry is None else context.texts(entry.value, entry.key.text, example)


def _pairs(context: ReadContext, entry: Entry | None, example: str) -> tuple[Pair, ...]:
    return () if entry is None else context.pairs(entry.value, entry.key.text, example)


def _did(context: ReadContext, entry: Entry | None) -> tuple[GivenDid, ...]:
    if entry is None:
        return ()
    happened: list[GivenDid] = []
    for line in context.entries(entry.value, "did", "{order_placed: 3 days ago}"):
        items = line.value.items if isinstance(line.value, Sequence) and line.value.items else (line.value,)
        events = (_event(context, line.key.whole(), item) for item in items)
        happened.extend(event for event in events if event is not None)
    return tuple(happened)


def _event(context: ReadContext, event: Text, node: Node) -> GivenDid | None:
    name = shown(event.value)
    if isinstance(node, Scalar) and not is_empty(node):
        ago = context.keep(_ago(node.whole(), name))
        return None if ago is None else GivenDid(event, ago)
    at = node.get("at") if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping) or not isinstance(at, Scalar):
        fix = f"write  {name}: 3 days ago  or  {name}: {{at: 3 days ago, total: 40 EUR}}"
        if isinstance(node, Mapping) and node.entries and at is None:
            fix = "add  at: 3 days ago  to its fields"
        context.problems.append(_wrong(node.span, "this event", fix))
        return None
    ago = context.keep(_ago(at.whole(), "at"))
    fields = parse_fields(context, [entry for entry in node.entries if entry.key.text != "at"])
    return None if ago is None else GivenDid(event, ago, fields)


def _ago(text: Text, key: str) -> Length | Problem:
    """How long ago the value of `key` says it was: the name of the event, or its `at`."""
    if text.value.endswith(" ago"):
        return parse_length(part(text, 0, len(text.value[:-4].rstrip())))
    fix = f"write  {key}: 3 days ago"
    if number := _COUNT.fullmatch(text.value):
        fix = _counted(int(number[1]), key)
    elif meant := length_meant(text.value):
        fix = f"write  {key}: {' ago  or  '.join(re.split(' +or +', meant))} ago"
    return _wrong(text.span, quoted(text.value), fix)


def _counted(count: int, key: str) -> str:
    """A number without a unit is one of days, or of events as in conditions: both readings keep it."""
    if count == 0:
        return "remove it: what  did  does not name has not happened"
    days = f"{key}: {count} {'day' if count == 1 else 'days'} ago"
    if count == 1 or key == "at":
        return f"write  {days}"
    moments = ", ".join(f"{number} days ago" for number in range(3, 3 + min(count, _SHOWN)))
    listed = "the list" if count <= _SHOWN else f"a list of {count} that begins as"
    return f"write  {days}  or, if it happened {count} times, {listed}  {key}: [{moments}]"


def _wrong(span: Span, what: str, fix: str) -> Problem:
    return Problem(
        span,
        "E57",
        f"{what} does not say how long ago it was",
        "what happened before the story is counted back from its first line",
        fix,
    )
