"""JSON Schema of single values: lengths, times, shares, names, forms of conditions, lines of stories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.language.quantities import MONTHS, THEIR_HOUR, UNITS
from engine.language.steps.send import AUTO, LIKELY
from engine.language.weekdays import SEVERAL_DAYS, WEEKDAYS

Schema = dict[str, Any]

_LENGTH = r"(\d{1,6} +(minute|hour|day|week|month|year)s?)( +\d{1,6} +(minute|hour|day|week|month|year)s?)*"
_TIME = r"([01]?\d|2[0-3]):[0-5]\d"
_DATE = r"\d{4}-\d{2}-\d{2}"
_DAY = "|".join(WEEKDAYS)
_NAME = r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*"
_MOMENT = rf"({THEIR_HOUR}|{_TIME}|({_DAY}) {_TIME}|{_DATE}( {_TIME})?|({_LENGTH} (before|after) )?{_NAME})"
_COUNT = r"((at least|at most|exactly|more than|less than) )?\d{1,7}( times?)?"
_PHRASE = rf"(not )?(ever|never|since start|in last {_LENGTH}|{_COUNT}( in last {_LENGTH})?)"
DAY_LINE = rf"^day +\d{{1,4}} +{_TIME}$"
SHARE_PATH = r"^(100|\d{1,2})% +[a-z][a-z0-9_]*$"
REFERENCE = r"^(trigger|product|code)\."

SCALAR: Schema = {"type": ["string", "number", "boolean"]}  # editors type what stands without quotes


def pattern(regex: str, message: str, *examples: str, about: str = "") -> Schema:
    """A text of one form, with the words for what does not fit, and examples to complete."""
    schema: Schema = {"type": "string", "pattern": f"^({regex})$", "patternErrorMessage": message}
    if examples:
        schema["examples"] = list(examples)
        schema["defaultSnippets"] = [{"label": example, "body": example} for example in examples]
    return {**schema, "description": about} if about else schema


def words(choices: Iterable[str]) -> Schema:
    """One of a few words."""
    return {"enum": list(choices)}


def names(known: Mapping[str, str], also: Mapping[str, str] | None = None) -> Schema:
    """One of the project's own names with what each is; any text where the project has none."""
    every = {**(also or {}), **known}
    if not known:
        return SCALAR
    return {"enum": list(every), "enumDescriptions": list(every.values())}


def one_or_list(schema: Schema) -> Schema:
    """The value itself or a list of them, chosen by its type so that messages name the right thing."""
    return {
        "if": {"type": "array"},
        "then": {"type": "array", "items": schema, "minItems": 1},
        "else": schema,
    }


def offering(choice: Schema, *offered: Schema) -> Schema:
    """A choice by `if` and `then`, whose values an editor offers as well: the usual server for YAML offers
    what stands in `anyOf`, and nothing behind `if`. The last alternative takes everything, so that this says
    nothing of what is right."""
    return {**choice, "anyOf": [*offered, {}]}


def names_or_list(schema: Schema) -> Schema:
    """One of some names, or a list of them; they are offered."""
    return offering(one_or_list(schema), schema)


def ref(name: str) -> Schema:
    """A definition of the same schema."""
    # allOf, because draft-07 ignores a description beside $ref
    return {"allOf": [{"$ref": f"#/definitions/{name}"}]}


LENGTH = pattern(
    _LENGTH,
    f"a length is a number and a word: {', '.join(UNITS)}",
    "30 minutes",
    "4 hours",
    "3 days",
    "1 week",
)
CLOCK = pattern(_TIME, "times are written 00:00 to 23:59, in the customer's own time zone", "10:00", "18:00")
DATE = pattern(_DATE, "dates are written year-month-day", "2026-03-02")
LIKE_A_DAY = rf"^\d|^({'|'.join(month[:3] for month in MONTHS)})[a-z]* +\d"
CALENDAR_DAY = pattern(
    rf"{_DATE}|([1-9]|[12]\d|3[01]) ({'|'.join(MONTHS)})",
    "a day of every year is written 27 November, a single day 2026-11-27",
    "27 November",
)
SHARE = pattern(r"100%|\d{1,2}%", "a share is written in whole percents, 0% to 100%", "5%", "10%")
DECIDE = pattern(
    rf"after ([1-9]\d{{0,2}}(,\d{{3}})+|[1-9]\d*) people each|on {_DATE}",
    "it is fixed beforehand: after 2,000 people each, or on 2026-12-15",
    "after 2,000 people each", "on 2026-12-15",
)  # fmt: skip
WAIT_CLOCK = pattern(
    rf"{_TIME}|{THEIR_HOUR}",
    "times are written 00:00 to 23:59, in the customer's own time zone; or  their hour",
    "10:00",
    THEIR_HOUR,
)
NEXT_AFTER = pattern(
    rf"{_LENGTH}|{AUTO}(, else +{_LENGTH})?",
    "it is a length of time, or  auto: learned from how fast people react",
    "4 hours",
    AUTO,
    f"{AUTO}, else 6 hours",
)
CHEAPEST_LIKELY = pattern(
    rf"{LIKELY}( of +[a-z]\w*( *, *[a-z]\w*)*)?",
    "write  cheapest likely  or  cheapest likely of push, email",
    LIKELY,
)
NAME = {
    **pattern("[a-z][a-z0-9_]*", "a name is made of small letters, digits and _ , and begins with a letter"),
    "type": ["string", "boolean"],  # what editors take for true and false is a name like every other
}
WEEKDAYS_VALUE = names_or_list(words((*WEEKDAYS, *SEVERAL_DAYS)))
DAY = {"enum": [*range(1, 29), *(str(day) for day in range(1, 29)), "last"]}
AGAIN = pattern(
    rf"never|always|restart|after {_LENGTH}|restart, then after {_LENGTH}",
    "it can be: never; always; after 30 days; restart; restart, then after 3 days",
    "never", "always", "after 30 days", "restart, then after 3 days",
)  # fmt: skip
WAIT = pattern(
    rf"{_LENGTH}|until {_MOMENT}",
    "a wait is a length (3 days) or until a moment (until Tuesday 10:00, until 3 days before code.expires)",
    "3 days", "until 10:00", "until Tuesday 10:00", "until 3 days before code.expires",
)  # fmt: skip
PHRASE = pattern(
    _PHRASE,
    "the phrases are: ever, never, in last 30 days, not in last 30 days, at least 2 times, since start",
    "ever", "never", "in last 30 days", "not in last 30 days", "at least 2 times", "since start",
)  # fmt: skip
_COUNT_IN_WORDS = pattern(_COUNT, "a count is written  at least 2", "at least 2")
COUNT = offering(
    {"if": {"type": "string"}, "then": _COUNT_IN_WORDS, "else": {"type": "integer"}}, _COUNT_IN_WORDS
)
AWAITED_REACTION = pattern(r"(clicked|opened) \S+", "an event, clicked x or opened x")
HAPPENING = pattern(
    r"(clicked|opened|bounced|enters|leaves) \S+|[^\s]+",
    "an event, clicked x, opened x, bounced x, enters x, leaves x, or set; fields stand below it",
)

FORM: Schema = {
    "if": {"type": "array"},
    "then": {"type": "array", "minItems": 1, "items": SCALAR},
    "else": {
        **SCALAR,
        "pattern": (
            r"^(?!\s*[<>=!≥≤≠])(?!at (least|most)$)(?!is "
            r"(null|empty))(?!between \S+$)(?!not not ).*\S"
        ),
        "patternErrorMessage": (
            "conditions are written in words: x, [a, b], not x, is set, at least 2, at most 2, "
            "between 2 and 5, more than 90 days ago, contains x"
        ),
    },
    # not behind `else`, where no editor would offer them
    "defaultSnippets": [
        {"label": form, "body": form}
        for form in (
            "at least 2", "at most 2", "between 2 and 5", "not x", "is set", "is not set",
            "more than 90 days ago", "less than 90 days ago", "today", "contains x",
        )
    ],
}  # fmt: skip
