"""`points:` and `tiers:` of config.yaml: for what customers earn points, how long these are good, and which
tiers there are."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple, cast

from engine.config import EarnConfig, PointsConfig, TiersConfig
from engine.core.points.rules import EarnLimit, Period, PointsExpiry
from engine.language.conditions.condition import read_condition
from engine.language.conditions.condition_words import condition_text
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Node, Scalar, Sequence, is_empty, part
from engine.language.quantities import parse_length
from engine.language.schema.files import construct_schema
from engine.language.schema.values import one_or_list
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem
from engine.values import Money

_EXAMPLE = "2 for each 1 EUR of total"
_POINTS = re.compile(r"\d{1,9}", re.ASCII)
_PER_CURRENCY = re.compile(
    r"(\d+) (?:points? )?(?:for each|for every|per|each|every|/) ?([A-Z]{3})(?: of ([\w.]+))?"
)
_PERCENT = re.compile(r"(\d+) ?%(?: of ([\w.]+))?")
_RATE = re.compile(
    r"(\d{1,9}) for (?:each|every) (\d{1,9}(?:\.\d{1,4})?(?: [A-Z]{3})?) of ([\w.]+)", re.ASCII
)
_AT_MOST = re.compile(r"(\d{1,6}) (?:(?:a|per|each) )?(day|week|month|year|ever)", re.ASCII)
_AFTER = re.compile(r"(.+) after (?:earning|they were earned|being earned)")
_YEARS = {
    "at the end of the year": 0, "at the end of this year": 0, "at the end of next year": 1,
    "at the end of the next year": 1,
}  # fmt: skip
_WORTH = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ([A-Z]{3})", re.ASCII)

EARN = Construct(
    "earn",
    "a line of earn",
    (
        Key("event", "text", "the event that earns points", needed=True, example="order_placed"),
        Key("points", "text", "how many: a number, or so many for each amount of a field", needed=True,
            example=_EXAMPLE,
            shape={"examples": ["100", _EXAMPLE, "1 for each 1 of items.quantity"]}),
        Key("where", "where", "a condition on the fields of the event"),
        Key("who", "condition", "a condition on the customer, asked with the event counted"),
        Key("once", "choice", "ever: each customer gets these points one time", choices=("ever",)),
        Key("at_most", "text", "how often they count, by the calendar of the shop", example="5 a month",
            shape={"pattern": r"^[0-9]{1,6} (a (day|week|month|year)|ever)$"}),
        Key("and", "choice", "also: it counts beside the first line that fits", choices=("also",)),
    ),
    "What an event earns",
    (
        ("on", "event"), ("trigger", "event"), ("for", "event"), ("give", "points"), ("amount", "points"),
        ("value", "points"), ("if", "who"), ("when", "where"), ("filter", "where"), ("limit", "at_most"),
        ("max", "at_most"), ("also", "and"),
    ),
)  # fmt: skip
_LESS = r"^\w+(\.\w+)* by \w+$"
_SPENT = r"^\w+(\.\w+)+$"
POINTS = Construct(
    "points",
    "points",
    (
        Key("earn", "any", "for what: for one event the first line that fits, and each with  and: also",
            needed=True,
            example="\n         earn:\n           - {event: order_placed, points: 1 for each 1 EUR of total}",
            shape={"type": "array", "minItems": 1, "items": construct_schema(EARN)}),
        Key("pending", "length", "earned, and not to be spent yet", example="14 days"),
        Key("less", "texts", "events that take back what the one with the same key earned",
            example="order_cancelled by order_id",
            shape=one_or_list({"type": "string", "pattern": _LESS})),
        Key("spent_by", "texts", "events that spend points, with the field that says how many",
            example="points_redeemed.points",
            shape=one_or_list({"type": "string", "pattern": _SPENT})),
        Key("expire", "text", "until when they are good; those that end first are spent first",
            example="365 days after earning",
            shape={"examples": ["365 days after earning", "at the end of next year"]}),
        Key("warn", "length", "so long before points end the event points_expiring comes", example="14 days"),
        Key("worth", "text", "what one point is worth, for the figures", example="0.01 EUR"),
    ),
    "What customers earn, and how long it is good",
    (
        ("rules", "earn"), ("hold", "pending"), ("reserved", "pending"), ("minus", "less"),
        ("redeem", "spent_by"), ("redeemed_by", "spent_by"), ("spend", "spent_by"), ("expiry", "expire"),
        ("expires", "expire"), ("valid", "expire"), ("warning", "warn"), ("remind", "warn"),
        ("value", "worth"),
    ),
)  # fmt: skip
TIERS = Construct(
    "tiers",
    "tiers",
    (
        Key("by", "text", "what is counted: points earned, or a fact", needed=True,
            example="points earned in last 365 days",
            shape={"examples": ["points earned in last 365 days", "points earned", "total_spent"]}),
        Key("into", "map", "the tiers from the lowest to the highest, each with what it takes", needed=True,
            example="{bronze: 0, silver: 500, gold: 2000}"),
        Key("keep", "length", "nobody falls earlier", example="365 days"),
    ),
    "The tiers that customers reach",
    (
        ("from", "by"), ("of", "by"), ("levels", "into"), ("names", "into"), ("hold", "keep"),
        ("valid", "keep"), ("for", "keep"),
    ),
)  # fmt: skip


def read_points(reader: MapReader | None, currency: str) -> PointsConfig | None:
    """What the file says; None where there are no points. A part that is wrong is left out."""
    if reader is None:
        return None
    context = reader.context
    expire = reader.text("expire")
    expiry = _expiry(context, expire) if expire is not None else None
    pending, warn = reader.length("pending"), reader.length("warn")
    found = PointsConfig(
        _lines(context, reader, currency),
        pending.duration if pending is not None else None,
        reader.texts("less"),
        reader.texts("spent_by"),
        expiry,
        expire.span if expire is not None else None,
        warn.duration if warn is not None else None,
        _worth(context, reader.text("worth"), currency),
    )
    # lengths that leave nothing of each other
    after = found.expire.after if found.expire is not None else None
    if found.warn is not None and found.expire is None and "expire" not in reader:
        reader.context.report(
            reader.at_key("warn"), "E126", "there is nothing to warn of: these points never end",
            "warn  is a length before they end", "add  expire: 365 days after earning  or remove the line",
        )  # fmt: skip
    for key, length in (("pending", found.pending), ("warn", found.warn)):
        if after is not None and length is not None and length.roughly() >= after.roughly():
            what = "could never be spent" if key == "pending" else "would be warned of before they are earned"
            reader.context.report(
                reader.at_key(key), "E126",
                f"points {what}: {key} is not shorter than what they are good for",
                "they end  expire  after they were earned", f"make  {key}  shorter, or  expire  longer",
            )  # fmt: skip
    return found


def read_tiers(reader: MapReader | None) -> TiersConfig | None:
    """What the file says; None where there are no tiers."""
    if reader is None:
        return None
    keep = reader.length("keep")
    return TiersConfig(
        reader.text("by"),
        tuple((pair.name, pair.value) for pair in reader.pairs("into")),
        keep.duration if keep is not None else None,
    )


def _lines(context: ReadContext, reader: MapReader, currency: str) -> tuple[EarnConfig, ...]:
    node = reader.node("earn")
    if node is None:
        return ()
    nodes = node.items if isinstance(node, Sequence) else (node,)
    if is_empty(node):
        context.empty(node.span, "earn", "{event: order_placed, points: 1 for each 1 EUR of total}")
        return ()
    found = (_line(context, each, currency) for each in nodes)
    return tuple(line for line in found if line is not None)


def _line(context: ReadContext, node: Node, currency: str) -> EarnConfig | None:
    reader = context.block(node, EARN, Scalar("earn", node.span, plain=True), "a line of earn",
                           "{event: order_placed, points: 100}")  # fmt: skip
    if reader is None:
        return None
    event, points = reader.text("event"), reader.text("points")
    who, where = read_condition(reader, "who"), read_condition(reader, "where")
    limit = _limit(context, reader)
    also = reader.choice("and") is not None
    if event is None or points is None:
        return None
    words = [f"{event.value}: {' '.join(points.value.split())}"]
    words += [f"who {condition_text(who)}"] if who is not None else []
    words += [f"where {condition_text(where)}"] if where is not None else []
    gives = _yield(context, points, currency)
    if gives is None:
        return None
    return EarnConfig(event, ", ".join(words), gives.number, gives.unit, gives.field, who, where, limit, also)


class _Yield(NamedTuple):
    number: int
    unit: Text | None = None  # of the field, for each whole one of which there are so many
    field: Text | None = None


def _yield(context: ReadContext, text: Text, currency: str) -> _Yield | None:
    """E125 for words that are no number of points."""
    words = text.value
    if _POINTS.fullmatch(words) and int(words):
        return _Yield(int(words))
    match = _RATE.fullmatch(words)
    if match and int(match[1]) and Decimal(match[2].split()[0]):
        unit = part(text, match.start(2), len(match[2]))
        return _Yield(int(match[1]), unit, part(text, match.start(3), len(match[3])))
    context.report(
        text.span, "E125", f"{quoted(words)} is not a number of points",
        "it is a whole number, or so many for each whole amount of a field of the event",
        _meant_points(words, currency),
    )  # fmt: skip
    return None


def _meant_points(words: str, currency: str) -> str:
    if match := _PER_CURRENCY.fullmatch(words):
        return f"write  {match[1]} for each 1 {match[2]} of {match[3] or 'total'}"
    if match := _PERCENT.fullmatch(words):
        return f"write  {match[1]} for each 100 {currency} of {match[2] or 'total'}"
    if match := re.fullmatch(r"(\d+) points?", words):
        return f"write  {match[1]}"
    return f"write  100  or  2 for each 1 {currency} of total"


def _limit(context: ReadContext, reader: MapReader) -> EarnLimit | None:
    once, text = reader.choice("once"), reader.text("at_most")
    if once is not None and text is not None:
        context.report(
            reader.at_key("at_most"), "E125", "this line has two limits: once and at_most",
            "once: ever  is already the smallest there is", "keep one of the two",
        )  # fmt: skip
    if once is not None:
        return EarnLimit(1, "ever")
    if text is None:
        return None
    match = _AT_MOST.fullmatch(text.value)
    if match and int(match[1]):
        return EarnLimit(int(match[1]), cast("Period", match[2]))
    context.report(
        text.span, "E125", f"{quoted(text.value)} is not how often a line counts",
        "it is a number and a stretch of the calendar: a day, a week, a month, a year; or ever",
        "write for example  5 a month",
    )  # fmt: skip
    return None


def _expiry(context: ReadContext, text: Text) -> PointsExpiry | None:
    """E126 for words that are no end."""
    words = " ".join(text.value.split())
    if words in _YEARS:
        return PointsExpiry(years=_YEARS[words])
    match = _AFTER.fullmatch(words)
    length = parse_length(part(text, 0, len(match[1]))) if match else None
    if length is not None and not isinstance(length, Problem):
        return PointsExpiry(length.duration)
    plain = parse_length(text)
    fix = f"write  {words} after earning" if not isinstance(plain, Problem) else ""
    context.report(
        text.span, "E126", f"{quoted(text.value)} does not say when points end",
        "it is a length after they were earned, or the end of a year",
        fix or "write  365 days after earning  or  at the end of next year",
    )  # fmt: skip
    return None


def _worth(context: ReadContext, text: Text | None, currency: str) -> Money | None:
    if text is None:
        return None
    match = _WORTH.fullmatch(text.value)
    if match and match[2] == currency:
        return Money(Decimal(match[1]), currency)
    context.report(
        text.span, "E126", f"{quoted(text.value)} is not what a point is worth",
        f"it is an amount in {currency}, the currency of the shop", f"write  0.01 {currency}",
    )  # fmt: skip
    return None
