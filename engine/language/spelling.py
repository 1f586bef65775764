"""Words that are understood: spellings that can only mean one thing become the canonical one.

Every function takes the words of one place and returns how they are written canonically, or the words
themselves where they are canonical already or not understood. What could mean two things (`3m`, `once`,
`1.000 EUR`) stays as it is and is refused with its own message: a guess here would be sent to customers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from engine.language.syntax import Text

Spelling = Callable[[str], str]
_LONGEST = 200  # characters; nobody reviews a longer value, and every pattern here is linear in it


@dataclass(frozen=True, slots=True)
class Respelling:
    """Words of a file that are understood, and how `fmt` writes them. `amount`: the name in front of them,
    where they are understood only if it holds a number or an amount of money."""

    text: Text
    words: str
    amount: str = ""


# --- lengths of time --------------------------------------------------------------------------------

_UNITS = ("minute", "hour", "day", "week", "month", "year")
# Not `d`, `w`, `m`, `mo`, `y`: `m` could be minutes or months, and one letter is easily mistyped
_SHORT_UNITS = {"h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute"}
_NUMBER_WORDS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40,
    "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_UNIT = rf"(?:(?:{'|'.join(_UNITS)})s?|h|hrs?|mins?)\.?"
_NUMBER = rf"(?:\d{{1,6}}|{'|'.join(_NUMBER_WORDS)})"
_PART = rf"(?:\d{{1,6}} *|(?:{'|'.join(_NUMBER_WORDS)}) +){_UNIT}"
_PARTS = re.compile(rf"{_PART}(?:(?: *, *| +and +| *){_PART})*", re.IGNORECASE)
_ONE_PART = re.compile(rf"({_NUMBER}) *({_UNIT})", re.IGNORECASE)
_CANONICAL_LENGTH = re.compile(rf"(?:\d{{1,6}} +(?:{'|'.join(_UNITS)})s?(?: +|$))+", re.ASCII)
_HOURS_MINUTES = re.compile(r"(\d{1,3}) ?h ?(\d{2})(?: ?m(?:in)?\.?)?", re.IGNORECASE)
_HALVES = re.compile(
    r"(?P<half>half an|half a|1/2|½) *hour|(?P<quarter>(?:a )?quarter of an|1/4|¼) *hour"
    r"|(?P<three>three quarters of an|3/4|¾) *hour|(?P<days>half a) *day"
    rf"|(?P<more>{_NUMBER}) *(?:hours? and a half|and a half hours?)|(?P<and>\d{{1,4}}) ?½ *hours?"
    r"|(?P<whole>\d{1,4})[.,](?P<tenths>\d{1,2}) *(?:hours?|hrs?|h)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)  # a project says the same few hundred things again and again
def spell_length(words: str) -> str:
    """`90 min`, `1h30`, `half an hour`, `2 days and 3 hours`, `1.5 hours`: a length in minutes, hours,
    days ..."""
    # what is canonical already is the usual case, and comes back without a search
    if len(words) > _LONGEST or _CANONICAL_LENGTH.fullmatch(words):
        return words
    if match := _HOURS_MINUTES.fullmatch(words):
        # `1h90` is a slip that its author should see
        return elapsed(int(match[1]) * 60 + int(match[2])) if int(match[2]) < 60 else words
    if match := _HALVES.fullmatch(words):
        minutes = _minutes_of(match)
        return elapsed(minutes) if minutes else words
    if not _PARTS.fullmatch(words):
        return words
    lengths: list[str] = []
    for number, unit in _ONE_PART.findall(words):
        word = unit.casefold().rstrip(".")
        word = _SHORT_UNITS.get(word, word.removesuffix("s"))
        count = _count(number)
        lengths.append(f"{count} {word}{'' if count == 1 else 's'}")
    return " ".join(lengths)


def elapsed(minutes: int) -> str:
    """`1 hour 30 minutes`."""
    parts = ((minutes // 60, "hour"), (minutes % 60, "minute"))
    return " ".join(f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number)


def _minutes_of(match: re.Match[str]) -> int:
    """How many minutes the halves and quarters are; 0 where they are no whole minutes."""
    if match["half"]:
        return 30
    if match["quarter"]:
        return 15
    if match["three"]:
        return 45
    if match["days"]:
        return 12 * 60
    if match["more"] or match["and"]:
        return _count(match["more"] or match["and"]) * 60 + 30
    # in whole numbers: 0.1 hours is six minutes, which no float says exactly
    hundredths = int(match["tenths"].ljust(2, "0")) * 60
    # what is no whole number of minutes is left to its author
    return int(match["whole"]) * 60 + hundredths // 100 if hundredths % 100 == 0 else 0


def _count(number: str) -> int:
    return int(number) if number.isdigit() else _NUMBER_WORDS[number.casefold()]


# --- amounts of money and numbers -------------------------------------------------------------------

# Not `$`: it is the sign of twenty currencies. Not `kr`, not `¥`.
_SIGNS = {
    "€": "EUR", "£": "GBP", "₴": "UAH", "₺": "TRY", "₪": "ILS", "₹": "INR", "₩": "KRW", "zł": "PLN",
    "лв": "BGN", "грн": "UAH", "kč": "CZK", "euro": "EUR", "euros": "EUR",
}  # fmt: skip
_CODES = frozenset((
    "EUR", "USD", "GBP", "CHF", "PLN", "CZK", "HUF", "RON", "BGN", "UAH", "SEK", "NOK", "DKK", "ISK", "TRY",
    "RSD", "CAD", "AUD", "NZD", "JPY", "CNY", "INR", "BRL", "MXN", "ILS", "KRW", "ZAR", "GEL", "MDL", "KZT",
    "AED",
))  # fmt: skip
_CURRENCY = rf"(?:[A-Za-z]{{3}}|{'|'.join(sorted(map(re.escape, _SIGNS), key=len, reverse=True))})\.?"
_DIGITS = (
    r"\d{1,3}(?:[ ']\d{3})+(?:[.,]\d{1,2})?"  # 1 000,50
    r"|\d{1,3}(?:\.\d{3})+,\d{1,2}|\d{1,3}(?:,\d{3})+\.\d{1,2}"  # 1.000,50 and 1,000.50
    r"|\d{1,13},\d{1,2}|\d{1,13}(?:\.\d{1,4})?"
)
_AMOUNT = re.compile(
    rf"(?P<sign>-)?(?:(?P<before>{_CURRENCY}) *(?P<first>{_DIGITS})"
    rf"|(?P<second>{_DIGITS}) *(?P<behind>{_CURRENCY}))",
    re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(rf"-?(?:{_DIGITS})")
_CANONICAL_MONEY = re.compile(r"-?\d{1,13}(?:\.\d{1,8})? [A-Z]{3}", re.ASCII)


def spell_money(words: str) -> str:
    """`€20`, `20 €`, `EUR 20`, `20,50 EUR`, `1 000 EUR`: a number and a currency."""
    if len(words) > _LONGEST or _CANONICAL_MONEY.fullmatch(words):
        return words
    match = _AMOUNT.fullmatch(words)
    written = (match["before"] or match["behind"]) if match else ""
    word = written.casefold().rstrip(".")
    # capitals of any three letters are taken for a code, so that a new currency needs no line here; small
    # ones only for a known one
    code = _SIGNS.get(word, written.rstrip(".").upper())
    currency = code if code in _CODES or written.isupper() else ""
    if match is None or not currency:
        return words
    return f"{match['sign'] or ''}{_plain_digits(match['first'] or match['second'])} {currency}"


def spell_number(words: str) -> str:
    """`2,5` and `1 000`: a number in digits with a point."""
    if len(words) > _LONGEST or not _PLAIN_NUMBER.fullmatch(words):
        return words
    return _plain_digits(words)


def _plain_digits(digits: str) -> str:
    """Thousands without a gap, a point before the decimals."""
    digits = digits.replace(" ", "").replace("'", "")
    if "," in digits and "." in digits:
        # whichever stands last is before the decimals
        thousands = "." if digits.rindex(",") > digits.rindex(".") else ","
        digits = digits.replace(thousands, "")
    return digits.replace(",", ".")


def ambiguous_thousands(words: str) -> tuple[str, str] | None:
    """`1.000` and `1,000`: one, or a thousand; both readings in plain digits."""
    match = re.search(r"(?<![\d.,])([1-9]\d{0,2})([.,])(\d{3})(?![\d.,])", words[:_LONGEST])
    if match is None:
        return None
    thousands, decimals = f"{match[1]}{match[3]}", match[3].rstrip("0")
    return thousands, f"{match[1]}.{decimals}" if decimals else match[1]


# --- comparisons ------------------------------------------------------------------------------------

_WORD_NUMBERS = "|".join(word for word in _NUMBER_WORDS if len(word) > 2)
_VALUE = rf"(-?(?:{_CURRENCY} *(?:{_DIGITS})|(?:{_DIGITS})(?: *{_CURRENCY})?)|{_WORD_NUMBERS})"


def _forms(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(pattern.replace("N", _VALUE) for pattern in patterns), re.IGNORECASE)


_ALWAYS_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_forms("at least +N", "no (?:less|fewer) than +N"), "at least"),
    (_forms("at most +N", "no more than +N"), "at most"),
    (_forms("(?:more|greater|bigger|higher|larger) than +N"), "more than"),
    (_forms("(?:less|fewer|smaller|lower) than +N"), "less than"),
    (_forms("exactly +N"), ""),
)
_MAYBE_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_forms(r"(?:minimum|min\.?)(?: of)? +N", r"N(?: or|,? and) (?:more|above|higher|over|greater)", r"N ?\+",
            "N minimum"), "at least"),
    (_forms(r"(?:maximum|max\.?)(?: of)? +N", r"N(?: or|,? and) (?:less|fewer|below|lower|under)",
            "up to +N", r"N (?:maximum|max\.?)"), "at most"),
    (_forms("(?:over|above) +N"), "more than"),
    (_forms("(?:under|below) +N"), "less than"),
)  # fmt: skip
_BETWEEN = _forms("between +N +and +N")
_AGO = re.compile(r"(more than|less than|over|under) +(\S.*?) +ago", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FormSpelling:
    """The canonical words of a condition. `certain`: False where a text attribute could have these very
    words as its value (`18+`, `over 5`), so that they are a comparison for numbers and money alone."""

    words: str
    certain: bool = True


@lru_cache(maxsize=4096)
def spell_form(words: str) -> FormSpelling:
    """`2 or more`, `minimum 2`, `2+`, `max 3`, `over 5`, `at least €20`, behind any `not`."""
    if len(words) > _LONGEST:
        return FormSpelling(words)
    begin = len(words) - len(words.removeprefix("not "))
    rest = words[begin:]
    if match := _AGO.fullmatch(rest):
        how = {"over": "more than", "under": "less than"}.get(match[1].casefold(), match[1].casefold())
        return FormSpelling(f"{words[:begin]}{how} {spell_length(match[2])} ago")
    if match := _BETWEEN.fullmatch(rest):
        low, high = (spell_amount(value) for value in match.groups())
        # `between 20 and 500 EUR`: one currency for both
        if (money := _CANONICAL_MONEY.fullmatch(high)) and _PLAIN_NUMBER.fullmatch(low):
            low = f"{low} {money[0][-3:]}"
        elif (money := _CANONICAL_MONEY.fullmatch(low)) and _PLAIN_NUMBER.fullmatch(high):
            high = f"{high} {money[0][-3:]}"
        return FormSpelling(f"{words[:begin]}between {low} and {high}")
    for forms, certain in ((_ALWAYS_WORDS, True), (_MAYBE_WORDS, False)):
        for pattern, how in forms:
            if match := pattern.fullmatch(rest):
                value = next(value for value in match.groups() if value)
                compared = f"{how} {spell_amount(value)}".lstrip()
                return FormSpelling(f"{words[:begin]}{compared}", certain)
    return FormSpelling(words)


def spell_amount(words: str) -> str:
    """A number or an amount of money."""
    word = words.casefold()
    return str(_NUMBER_WORDS[word]) if word in _NUMBER_WORDS else spell_number(spell_money(words))


# --- how often ----------------------------------------------------------------------------------------

_TIMES = r"(?:times?|x)"
_OFTEN = {"once": "1", "twice": "2", "thrice": "3", "never": "0"}
_OFTEN_WORDS = "|".join(_OFTEN)
_HOW_OFTEN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(form.replace("N", rf"(\d{{1,7}}|{_WORD_NUMBERS})"), re.IGNORECASE), how)
    for how, form in (
        ("at least", rf"(?:at least|minimum|min\.?|no (?:less|fewer) than) +N(?: ?{_TIMES})?"),
        ("at least", rf"N(?: or more| ?\+)(?: ?{_TIMES})?"),
        ("at least", rf"N ?{_TIMES} or more"),
        ("at least", "at least (once|twice)"),
        ("at most", rf"(?:at most|maximum|max\.?|up to|no more than) +N(?: ?{_TIMES})?"),
        ("at most", rf"N or (?:less|fewer)(?: ?{_TIMES})?"),
        ("at most", rf"N ?{_TIMES} or (?:less|fewer)"),
        ("at most", "(?:at most|no more than) (once|twice)"),
        ("more than", rf"(?:more than|over|above) +N(?: ?{_TIMES})?"),
        ("more than", "more than (once|twice)"),
        ("less than", rf"(?:(?:less|fewer) than|under|below) +N(?: ?{_TIMES})?"),
        ("exactly", rf"exactly +N(?: ?{_TIMES})?"),
        ("exactly", "exactly (once|twice)"),
    )
)
_CANONICAL_COUNT = re.compile(r"(?:(?:at least|at most|exactly) )?\d{1,9}(?: times?)?", re.ASCII)
_WINDOW = re.compile(
    r"(?:(?P<count>.+?) +)?(?:in|within|during)(?: the)? +(?:last|past) +(?P<length>\S.*)", re.IGNORECASE
)


@lru_cache(maxsize=4096)
def spell_phrase(words: str) -> str:
    """`2 or more times`, `at least once in the last 30 days`, `never in last 7 days`: a phrase of `did`."""
    if len(words) > _LONGEST:
        return words
    begin = len(words) - len(words.removeprefix("not "))
    rest = words[begin:]
    window = _WINDOW.fullmatch(rest)
    if window is None:
        return words[:begin] + _spell_count(rest)
    count, length = _spell_count(window["count"] or ""), spell_length(window["length"])
    # `never in last 7 days` negates the whole, and the window belongs to what is negated
    if count.casefold() == "never" and not begin:
        return f"not in last {length}"
    # `ever` is what a phrase without a count says
    if count.casefold() == "ever":
        count = ""
    return f"{words[:begin]}{count}{' ' if count else ''}in last {length}"


def _spell_count(words: str) -> str:
    if _CANONICAL_COUNT.fullmatch(words):
        return words
    for pattern, how in _HOW_OFTEN:
        if match := pattern.fullmatch(words):
            number = match[1].casefold()
            number = _OFTEN.get(number) or (number if number.isdigit() else str(_NUMBER_WORDS[number]))
            return f"{how} {number} times"
    return words


# --- shares, caps, rules of re-entry ------------------------------------------------------------------

_SHARE = re.compile(r"(\d{1,3}) *(?:%|percent|per cent|pct\.?)", re.IGNORECASE)
_EACH = r"(?: *(?:a|an|per|each|every) +| */ *)"
_CAP = re.compile(
    r"(?:(?:max(?:imum)?\.?|at most|up to|no more than) +)?"
    rf"(?P<count>\d{{1,4}}|{_WORD_NUMBERS}|once|twice)(?: *(?:messages?|times?|x))?{_EACH}"
    r"(?P<unit>day|week|month)(?: +(?:max(?:imum)?\.?|at most))?",
    re.IGNORECASE,
)
_ONCE = re.compile(
    r"(?:(?:max(?:imum)?\.?|at most|only|no more than) +)?(?:once|one time|1 time|1x|1|one)"
    rf"(?:{_EACH}(?P<unit>day|week|month|year)| +(?:every|in) +(?P<length>\S.*))",
    re.IGNORECASE,
)
# 365 days and not a year: who is born on 29 February comes again on 28 February, a day short of a year
_ONCE_A = {"day": "1 day", "week": "7 days", "month": "1 month", "year": "365 days"}
_AFTER = re.compile(r"(after|restart, then after) +(\S.*)")


_AT_LEAST_A_SHARE = re.compile(
    r"(?:at least|min(?:imum)?\.?) +(?P<behind>\d.*)|(?P<before>\d.*?)(?: or more| ?\+)", re.IGNORECASE
)


def spell_drop(words: str) -> str:
    """`at least 10%`, `10 percent or more`: how large a drop is at least, which `by: 10%` says already."""
    match = _AT_LEAST_A_SHARE.fullmatch(words) if len(words) < _LONGEST else None
    return spell_share((match["behind"] or match["before"]) if match else words)


def spell_share(words: str) -> str:
    """`10 percent`, `10 %`."""
    match = _SHARE.fullmatch(words) if len(words) < _LONGEST else None
    return f"{int(match[1])}%" if match else words


_DECIDE = re.compile(
    r"(?:after|with|at) +(\d{1,3}(?:,\d{3})+|\d+) *(?:people|persons|customers|users)?"
    r"(?: *(?:each|per (?:path|arm|group)|in each(?: (?:path|arm|group))?))",
    re.IGNORECASE,
)


def spell_decide(words: str) -> str:
    """`after 2000 customers per path`, `after 2000 each`: when an experiment is decided."""
    match = _DECIDE.fullmatch(words) if len(words) < _LONGEST else None
    return f"after {match[1]} people each" if match else words


def spell_cap(words: str) -> str:
    """`max 3 per week`, `once a day`, `2/month`: a cap."""
    match = _CAP.fullmatch(words) if len(words) < _LONGEST else None
    if match is None:
        return words
    number = match["count"].casefold()
    number = _OFTEN.get(number) or (number if number.isdigit() else str(_NUMBER_WORDS[number]))
    return f"{number} a {match['unit'].casefold()}"


def spell_again(words: str) -> str:
    """`once a year`, `after 90 min`: a rule of re-entry."""
    if len(words) > _LONGEST:
        return words
    if match := _AFTER.fullmatch(words):
        return f"{match[1]} {spell_length(match[2])}"
    if match := _ONCE.fullmatch(words):
        length = _ONCE_A[match["unit"].casefold()] if match["unit"] else spell_length(match["length"])
        # what stands behind may be no length at all, and then the author is told of the words that he wrote
        return f"after {length}" if _CANONICAL_LENGTH.fullmatch(length) else words
    return words


_BESIDE = re.compile(r"until +(\S.*?) +(before|after) +(\S+)")


def spell_wait(words: str) -> str:
    """`90 min`, `until half an hour before code.expires`."""
    if len(words) > _LONGEST:
        return words
    # only where something changes, so that `fmt` does not touch the spaces of what is right
    if (match := _BESIDE.fullmatch(words)) and spell_length(match[1]) != match[1]:
        return f"until {spell_length(match[1])} {match[2]} {match[3]}"
    return spell_length(words)
