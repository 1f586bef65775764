"""Words of the author turned into values of a type: `50 EUR`, `2026-11-27`, `gold`, `yes`."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.core.conditions.condition import Constant
from engine.language.foreign_words import in_our_words
from engine.language.nodes import part
from engine.language.quantities import length_meant, parse_clock, parse_date
from engine.language.spelling import ambiguous_thousands, spell_amount, spell_form, spell_money
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean
from engine.values import Birthday, Money, Type, Value, at_local

YES = ("true", "yes")
NO = ("false", "no")

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_MONEY = re.compile(r"(-?\d{1,13}(?:\.\d{1,4})?) ([A-Z]{3})", re.ASCII)
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,4})?) ?(?:%|percent)", re.ASCII)
_FRACTION = re.compile(r"0?\.\d{1,6}", re.ASCII)
_BIRTHDAY = re.compile(r"(?:(\d{4})|-)-(\d{2})-(\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ShopLocale:
    """What values mean in this shop: its currency, and the zone of written moments."""

    currency: str
    zone: ZoneInfo


def read_constant(
    text: Text, kind: Type, local: ShopLocale, around: Span | None = None, how: str = ""
) -> Constant | Problem:
    """A value as it stands in a condition or step. `around` is the place to point at when the value stands
    in a longer form, and `how` the words of that form in front of it (`at least`)."""
    span = around or text.span
    match kind.kind:
        case "text" | "list of text" | "list of":
            return text.value
        case "number":
            words = spell_amount(text.value)
            if _NUMBER.fullmatch(words):
                return Decimal(words) if "." in words else int(words)
            return Problem(
                span,
                "E22",
                f"{quoted(text.value)} is not a number",
                "a number is written in digits",
                _amount_meant(text.value, how, ""),
            )
        case "money":
            return _money(text, span, local.currency, how)
        case "share":
            return _share(text, span, how)
        case "true/false":
            return _yes_no(text)
        case "one of":
            return _choice(text, kind)
        case "date":
            return parse_date(text)
        case "time":
            return read_moment(text, local)
        case "birthday":
            # `1990-03-12`, or `--03-12` where the year is not known
            if text.value.startswith("--") and (match := _BIRTHDAY.fullmatch(text.value)):
                leap = parse_date(Text(f"2000-{match[2]}-{match[3]}", text.span))
                return leap if isinstance(leap, Problem) else Birthday(leap.month, leap.day)
            day = parse_date(text)
            return day if isinstance(day, Problem) else Birthday(day.month, day.day, day.year)


def read_value(text: Text, kind: Type, local: ShopLocale) -> Value | Problem:
    """As `read_constant`, for a value that is stored: one word for a list makes a list of one."""
    value = read_constant(text, kind, local)
    if kind.kind == "list of text" and isinstance(value, str):
        return (value,)
    return value


_A_DATE = re.compile(r"\d+[-./]\d+[-./]\d+")


def read_moment(text: Text, local: ShopLocale, *, last: bool = False) -> int | Problem:
    """`2026-11-27` or `2026-11-27 10:00` in the project's zone as an instant; a date alone is its first
    moment, or its last one."""
    words = text.value.split(" ")
    # what begins with no date is shown as a whole: `1 March 2026`, `never`
    if not _A_DATE.match(words[0]):
        words = [text.value]
    day = parse_date(part(text, 0, len(words[0])) if len(words) > 1 else text)
    if isinstance(day, Problem):
        return day
    if len(words) > 1:
        clock = parse_clock(part(text, len(words[0]) + 1, len(text.value) - len(words[0]) - 1))
        return clock if isinstance(clock, Problem) else at_local(day, clock.time, local.zone)
    if last:
        return at_local(day + dt.timedelta(days=1), dt.time(0), local.zone) - 1
    return at_local(day, dt.time(0), local.zone)


def is_reference(word: str) -> bool:
    """Does a value name a field instead of being one?"""
    return word.startswith(("trigger.", "product.")) and word.replace(".", "_").isidentifier()


def _share(text: Text, span: Span, how: str) -> Decimal | Problem:
    """`45%` as the fraction that is stored."""
    match = _SHARE.fullmatch(text.value)
    if match:
        return Decimal(match[1]) / 100
    meant = ""
    if _FRACTION.fullmatch(text.value):
        meant = f"{(Decimal(text.value) * 100).normalize():f}%"
    elif _NUMBER.fullmatch(text.value):
        meant = f"{text.value}%"
    return Problem(
        span, "E22", f"{quoted(text.value)} is not a share", "a share is written in percent",
        f"write  {f'{how} {meant}'.strip()}" if meant else "write for example  at least 50%",
    )  # fmt: skip


def _money(text: Text, span: Span, currency: str, how: str) -> Money | Problem:
    if thousands := ambiguous_thousands(text.value):
        # no amount has three decimals, so the second reading is only one where the last of them is a zero
        readings = thousands if len(thousands[1].partition(".")[2]) < 3 else thousands[:1]
        meant = "  or  ".join(_in_place(text.value, amount, how, currency) for amount in readings)
        return Problem(
            span,
            "E22",
            f"{quoted(text.value)} could be one or a thousand",
            "half of the world writes thousands with this sign, the other half decimals",
            f"write  {meant}",
        )
    match = _MONEY.fullmatch(spell_money(text.value))
    if match and match[2] == currency:
        return Money(Decimal(match[1]), currency)
    if match:
        return Problem(
            span,
            "E22",
            f"{quoted(text.value)} is not in {currency}",
            "amounts of two currencies are never compared; journeys are written in the currency of the shop",
            f"write the amount in {currency}",
            topic="currency",
        )
    return Problem(
        span,
        "E22",
        f"{quoted(text.value)} is not an amount of money",
        "an amount is a number and a currency",
        _amount_meant(text.value, how, currency),
    )


def _in_place(written: str, amount: str, how: str, currency: str) -> str:
    """One reading of an ambiguous amount, with the comparison that stands around it: `under 1,000 EUR`."""
    compared = spell_form(_THOUSANDS.sub(amount, written, count=1)).words
    plain = f"{amount} {currency}"
    return compared if not how and compared.endswith(f" {plain}") else f"{how} {plain}".strip()


_THOUSANDS = re.compile(r"\d{1,3}[.,]\d{3}")
_RANGE = re.compile(r"(?:from )?(-?\d[\d.,]*) *(?:-|–|\.\.|to|bis|до) *(\d[\d.,]*)(?P<rest> *\S*)")
_TWO_LIMITS = re.compile(r"at least (-?\d[\d.,]*?),? *(?:and|but|,)? *(?:at most|up to|max) (-?\d[\d.,]*)")
_PLAIN = r"-?\d+(?:\.\d+)?(?: [A-Z]{3})?"
_COMPARED = re.compile(
    rf"(?:not )?(?:(?:at least|at most|more than|less than) )?{_PLAIN}|between {_PLAIN} and {_PLAIN}",
    re.ASCII,
)
"""The forms for amounts, as they are written."""

_FROM = re.compile(
    r"(?:from|starting (?:at|from|with)|ab|vanaf|od|desde|a partir de|à partir de|от|від) +(\S.*)",
    re.IGNORECASE,
)
_TWO_COMPARISONS = re.compile(
    r" (?:and|but|,) *(?:less|more|at most|at least|under|over|below|above|up to)\b"
)
_EITHER = re.compile(r"(-?\d[\d.,]*) or (-?\d[\d.,]*)(?P<rest> *\S*)")
_ONE_NUMBER = re.compile(r"[$€£¥₴₽]? *(-?\d[\d., ']*?)(?: *(?:times|x|[^\W\d]{2,20}))?[.]?")
_DOLLARS = ("$", "usd", "dollars", "us$")


def _amount_meant(written: str, how: str, currency: str) -> str:
    """The fix for words that are no number or no amount; it keeps every number of the author and the
    comparison in front of them, or proposes nothing."""

    def amount(digits: str) -> str:
        return f"{spell_amount(digits.strip().rstrip('.,'))} {currency}".strip()

    if len(written) > 60:
        return ""
    # digits of another keyboard look the same
    written = unicodedata.normalize("NFKC", written).replace("_", "")
    ours = spell_form(in_our_words(written)).words
    if _COMPARED.fullmatch(f"{how} {ours}".strip()) and ours.endswith(currency):
        return f"write  {f'{how} {ours}'.strip()}"
    if match := _TWO_LIMITS.fullmatch(f"{how} {written}".strip()):
        return f"write  between {amount(match[1])} and {amount(match[2])}"
    if _TWO_COMPARISONS.search(written):
        return "write each of the two comparisons on a line of its own under  all:"
    if not how and (match := _RANGE.fullmatch(written)):
        return f"write  between {amount(match[1])} and {amount(match[2])}"
    if not how and (match := _FROM.fullmatch(written)):
        return _amount_meant(match[1], "at least", currency)
    if not how and (match := _EITHER.fullmatch(written)):
        return f"write  [{amount(match[1])}, {amount(match[2])}]"
    match = _ONE_NUMBER.fullmatch(written)
    foreign = currency and re.search(r"[^\W\d]|[$€£¥₴₽]", written) and not _is_of(currency, written)
    if match is None or foreign:
        return f"write a number in digits{f', a space and {currency}' if currency else ''}"
    return f"write  {how}{' ' if how else ''}{amount(match[1])}"


def _is_of(currency: str, written: str) -> bool:
    """Does a sign or word beside the number mean this currency?"""
    word = re.sub(r"[\d\s.,'-]", "", written).casefold()
    return word == currency.casefold() or (currency == "USD" and word in _DOLLARS)


_OLDER = re.compile(
    r"\b(?:over|longer than|more than|older than|at least|minimum|or (?:more|longer|older))\b|\+"
)
_NEWER = re.compile(
    r"\b(?:under|less than|younger than|at most|maximum|up to|within|or (?:less|fewer|younger|newer))\b"
)
_AN_AGE = re.compile(r"(?:\d{1,6} (?:minute|hour|day|week|month|year)s?(?: |$))+", re.ASCII)


def age_meant(written: str) -> str:
    """`more than 30 days ago` for `30+ days`, `over 30 days`, `90 days ago or more`; "" where it does not say
    on which side."""
    if len(written) > 60:
        return ""
    words = in_our_words(written) or " ".join(written.casefold().split())
    is_older, is_newer = bool(_OLDER.search(words)), bool(_NEWER.search(words))
    left = _NEWER.sub(" ", _OLDER.sub(" ", words)).removesuffix(" ago").replace(" ago ", " ")
    length = length_meant(" ".join(left.split()))
    if is_older == is_newer or not _AN_AGE.fullmatch(length):
        return ""
    return f"{'more' if is_older else 'less'} than {length} ago"


def _yes_no(text: Text) -> bool | Problem:
    if text.value in YES:
        return True
    if text.value in NO:
        return False
    meant = {"1": "true", "on": "true", "0": "false", "off": "false"}.get(text.value.casefold())
    near = (
        f"write  {meant}" if meant else did_you_mean(text.value, ("true", "false"), "write  true  or  false")
    )
    return Problem(
        text.span, "E24", f"{quoted(text.value)} is neither true nor false", "it can be: true, false", near
    )


def _choice(text: Text, kind: Type) -> str | Problem:
    if text.value in kind.choices:
        return text.value
    return Problem(
        text.span,
        "E24",
        f"{quoted(text.value)} is not one of its values",
        f"it can be: {', '.join(kind.choices)}",
        _several(text.value, kind.choices)
        or _denied(text.value, kind.choices)
        or did_you_mean(text.value, kind.choices, f"use one of: {', '.join(kind.choices)}"),
    )


_BUT = re.compile(
    r"(?:no|without|never|nicht|не|except|other than"
    r"|(?:anything|everything|all|any)(?: but| except(?: for)?)) (\S+)",
    re.IGNORECASE,
)


def _denied(written: str, choices: tuple[str, ...]) -> str:
    """`no gold`."""
    match = _BUT.fullmatch(written[:200])
    return f"write  not {match[1]}" if match and match[1] in choices else ""


def _several(written: str, choices: tuple[str, ...]) -> str:
    """`gold, silver` and `gold or silver` are a list."""
    words = [word.strip() for word in re.split(r"[,/|&]| or ", written[:200])]
    return f"write  [{', '.join(words)}]" if len(words) > 1 and set(words) <= set(choices) else ""
