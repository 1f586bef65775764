"""The words behind an attribute: `at least 2`, `not gold`, `more than 90 days ago` (design/language 2.7)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal, cast

from engine.language.nodes import part, tail
from engine.language.quantities import length_meant, parse_length
from engine.language.spelling import spell_amount, spell_form
from engine.language.syntax import (
    BeforeAfter,
    Between,
    Compare,
    Equals,
    Form,
    IsSet,
    Negated,
    RelativeAge,
    Text,
    TextMatch,
    Today,
)
from engine.language.wording import quoted, shown
from engine.problem import Problem, Span, nearest

WHY_SIGN = "conditions are written in words so that everybody can review them"
_FORMS = (
    "x, [a, b], not x, is set, is not set, at least 2, at most 2, more than 2, less than 2, between 2 and 5"
)

_DOLLARS = re.compile(r"\$ ?(\d[\d.,]*)")
_SIGN = re.compile(r"(>=|=>|<=|=<|<>|!=|==|=|>|<|!|≥|≤|≠)\s*(.*)", re.DOTALL)
_SIGN_WORDS = {
    ">=": "at least ", "=>": "at least ", "≥": "at least ", "<=": "at most ", "=<": "at most ",
    "≤": "at most ",
    ">": "more than ", "<": "less than ", "!=": "not ", "<>": "not ", "!": "not ", "≠": "not ", "==": "",
    "=": "",
}  # fmt: skip
_AGE_WORDS = {
    **dict.fromkeys((">", ">=", "=>", "≥"), "more than"),
    **dict.fromkeys(("<", "<=", "=<", "≤"), "less than"),
}
_COMPARE = re.compile(r"(at least|at most|more than|less than)(?:\s+|$)")
_BETWEEN = re.compile(r"between\s+(\S.*?)\s+and\s+(\S.*)", re.DOTALL)
_BETWEEN_SIGN = re.compile(r"between\s+(-?\d\S*?(?: [A-Z]{3})?)\s*(?:-|–|—|to|,|&)\s*(\d\S*(?: [A-Z]{3})?)")
_BESIDE = re.compile(r"(before|after)\s+(?=\S)")
_MATCH = re.compile(r"(contains|starts with|ends with)\s+(?=\S)")
_BEGINNINGS = ("at least", "at most", "more than", "less than", "between", "starts with", "ends with")
_OTHER_FORMS = (
    (
        re.compile(
            r"(?:(?:more|greater|bigger|higher) than|equal(?: to)?) or (?:equal(?: to)?|more than) (.+)",
            re.IGNORECASE,
        ),
        "at least {}",
    ),
    (
        re.compile(
            r"(?:(?:less|fewer|smaller|lower) than|equal(?: to)?) or (?:equal(?: to)?|less than) (.+)",
            re.IGNORECASE,
        ),
        "at most {}",
    ),
    (re.compile(r"(?:greater|bigger|higher) than (.+)", re.IGNORECASE), "more than {}"),
    (re.compile(r"(?:fewer|smaller|lower) than (.+)", re.IGNORECASE), "less than {}"),
    (re.compile(r"no (?:less|fewer) than (.+)", re.IGNORECASE), "at least {}"),
    (re.compile(r"no more than (.+)", re.IGNORECASE), "at most {}"),
    (re.compile(r"(?:is )?in \[(.+)\]", re.IGNORECASE), "[{}]"),
    (re.compile(r"(?:is )?(?:not in|none of|neither of) \[(.+)\]", re.IGNORECASE), "not [{}]"),
    (re.compile(r"neither (\S+) nor (\S+)", re.IGNORECASE), "not [{}, {}]"),
    (re.compile(r"(?:equals|equal to|is equal to|equals to) (.+)", re.IGNORECASE), "{}"),
    (re.compile(r"(?:does not|doesn't) contain (.+)", re.IGNORECASE), "not contains {}"),
    (re.compile(r"older than (.+?)(?: ago)?", re.IGNORECASE), "more than {} ago"),
    (re.compile(r"(?:in (?:the )?last|within(?: the last)?) (\d.+)", re.IGNORECASE), "less than {} ago"),
    (re.compile(r"at least (\d.+) ago", re.IGNORECASE), "more than {} ago"),
    (re.compile(r"at most (\d.+) ago", re.IGNORECASE), "less than {} ago"),
    (re.compile(r"(\d+ \w+) ago", re.IGNORECASE), "more than {0} ago  or  less than {0} ago"),
    (
        re.compile(
            r"(?:is empty|is null|is none|is missing|is unknown|not exists|does not exist|not set|unset"
            r"|isn't set)",
            re.IGNORECASE,
        ),
        "is not set",
    ),
    (
        re.compile(
            r"(?:is not|isn't|not equal to|does not equal) (?!(?:set|empty|null)$)(.+)", re.IGNORECASE
        ),
        "not {}",
    ),
    (re.compile(r"is (?!(?:not|set|empty|null|none|equal)\b)(.+)", re.IGNORECASE), "{}"),
    (re.compile(r"(?:is not empty|is not null|not empty|not null|exists)", re.IGNORECASE), "is set"),
)
_OPPOSITE_OF = {"is set": "is not set", "is not set": "is set"}
_Compared = Literal["at least", "at most", "more than", "less than"]


def parse_form(name: str, text: Text) -> Form | Problem:
    """The form behind the attribute `name`."""
    spelling = spell_form(text.value)
    if spelling.words != text.value:
        form = _parse_canonical(name, Text(spelling.words, text.span))
        # words that a text may have as its value are kept: only the type of the attribute, which is known
        # later, decides
        return form if spelling.certain else _or_a_value(form, text)
    return _parse_canonical(name, text)


def _or_a_value(form: Form | Problem, text: Text) -> Form | Problem:
    """A comparison with the words that a text attribute could have as its value."""
    match form:
        case Compare():
            return replace(form, words=text)
        case Negated(Compare() as inner, span):
            return Negated(replace(inner, words=tail(text, len("not "))), span)
        case _:
            return form


def _parse_canonical(name: str, text: Text) -> Form | Problem:
    if sign := sign_problem(name, text):
        return sign
    negations: list[Span] = []
    rest = tail(text, 0)
    # `not equal to x` is a form of another tool as a whole, and has its own message
    while rest.value.startswith("not ") and not _other_form(rest.value):
        negations.append(rest.span)
        rest = tail(rest, 4)
    if len(negations) > 1:
        return _unknown(text, "it says not twice", f"write  {name}: {shown(rest.value)}")
    form = _positive(name, rest, text)
    if isinstance(form, Problem) or not negations:
        return form
    return Negated(form, text.span)


def parse_list(text: Text) -> tuple[Text, ...]:
    """`[a, b]` written inside a text, as after `not`."""
    items = []
    start = 1
    for piece in text.value[1:-1].split(","):
        word = part(text, start + len(piece) - len(piece.lstrip()), len(piece.strip()))
        items.append(Text(word.value.strip("\"'"), word.span))
        start += len(piece) + 1
    return tuple(item for item in items if item.value)


def looks_like_form(text: str) -> bool:
    """True for words that are more than a value, such as `at least 2`."""
    return bool(_COMPARE.match(text) or _BETWEEN.match(text) or text in {"is set", "is not set"})


def sign_problem(name: str, text: Text) -> Problem | None:
    """`>= 2`."""
    match = _SIGN.fullmatch(text.value)
    if not match:
        return None
    span = Span(
        text.span.file, text.span.line, text.span.column, max(1, min(text.span.length, len(text.value)))
    )
    value = shown(spell_amount(match[2].strip("= ")))
    if length := _a_length(value):
        how = _AGE_WORDS.get(match[1], "")
        # a length is compared with how long ago something is; to the day there is no `at least` of it
        value = f"{how} {length} ago" if how else value
        if how:
            return Problem(
                span, "E26", f"{quoted(text.value)} uses a sign", WHY_SIGN, f"write  {name}: {value}"
            )
    if dollars := _DOLLARS.fullmatch(value):
        # the sign of twenty currencies: which of them, the author has to say
        value = f"{dollars[1]} USD  (or the currency that you mean)"
    fix = f"write  {name}: {_SIGN_WORDS[match[1]]}{value}".rstrip()
    if re.search(r"[<>≥≤=]", value):
        fix = "write each of the two comparisons in words, on a line of its own under  all:"
    return Problem(
        span,
        "E26",
        f"{quoted(text.value)} uses a sign",
        WHY_SIGN,
        fix if value else "write the comparison in words, with the number behind it",
    )


def _a_length(words: str) -> str:
    """`90 days` for `90 days`, `90d`, `90 days ago`; "" for anything else."""
    length = length_meant(words.removesuffix(" ago")) if not words.replace(".", "").isdigit() else ""
    return length if "  or  " not in length else ""


def _positive(name: str, text: Text, written: Text) -> Form | Problem:
    words = text.value
    if sign := sign_problem(name, text):
        return sign
    # before our own forms: `is not empty` begins like a value, and would be read as one
    if other := _other_form(words):
        if text.value != written.value:  # what stands behind a `not`
            other = (
                other[4:]
                if other.startswith("not ")
                else _OPPOSITE_OF.get(other) or "  or  not ".join(f"not {other}".split("  or  "))
            )
        return _unknown(text, "this is not one of the forms", f"write  {name}: {other}")
    if words == "is set":
        return IsSet(written.span)
    if words == "is not set":
        return Negated(IsSet(written.span), written.span)
    if words == "today":
        return Today(written.span)
    if match := _COMPARE.match(words):
        return _compared(text, written, match)
    if words.startswith("between "):
        return _between(text, written)
    if match := _BESIDE.match(words):
        return BeforeAfter(
            "before" if match[1] == "before" else "after", tail(text, match.end()), written.span
        )
    if match := _MATCH.match(words):
        how = cast("Literal['contains', 'starts with', 'ends with']", match[1])
        return TextMatch(how, tail(text, match.end()), written.span)
    # behind a `not` YAML gives the list as one text
    if words.startswith("[") and words.endswith("]"):
        return Equals(parse_list(text), written.span, many=True)
    if not words and written.value:
        return _unknown(written, "there is nothing behind it", "add the value behind  not")
    if not words:
        return _unknown(written, "there is nothing behind it", f"write  {name}: is not set")
    return Equals((text,), written.span)


def _compared(text: Text, written: Text, match: re.Match[str]) -> Form | Problem:
    how = cast("_Compared", match[1])
    value = tail(text, match.end())
    if not value.value:
        return _unknown(text, "there is no number behind it", f"add the number behind  {how}")
    # a comparison with `ago` is about when, all others about how much
    if not value.value.endswith(" ago"):
        return Compare(how, value, written.span)
    length = parse_length(part(value, 0, len(value.value[:-4].rstrip())))
    if isinstance(length, Problem):
        return length
    return RelativeAge("more than" if how == "more than" else "less than", length, written.span)


def _between(text: Text, written: Text) -> Form | Problem:
    match = _BETWEEN.fullmatch(text.value)
    if not match:
        two = _BETWEEN_SIGN.fullmatch(text.value)
        both = spell_form(f"between {two[1]} and {two[2]}").words if two else ""
        fix = f"write  {both}" if both else "add  and  and the second value behind it"
        return _unknown(text, "between needs two values", fix)
    low = part(text, match.start(1), match.end(1) - match.start(1))
    high = part(text, match.start(2), match.end(2) - match.start(2))
    return Between(low, high, written.span)


def _other_form(words: str) -> str:
    """Our words for those of another tool, or for a misspelt form; empty when it is a plain value."""
    if len(words) > 200:
        return ""
    for pattern, ours in _OTHER_FORMS:
        if match := pattern.fullmatch(words):
            return ours.format(*match.groups())
    lower = words[:1].lower() + words[1:]
    if lower != words and looks_like_form(lower.casefold()):
        return lower.casefold()
    if _COMPARE.match(words) or words.startswith("between "):
        return ""
    for count in (1, 2):  # "atleast 2", "at leats 2"
        first, rest = " ".join(words.split()[:count]), " ".join(words.split()[count:])
        near = nearest(first, _BEGINNINGS) if rest[:1].isdigit() else None
        if near and near[0] == first[0].casefold():
            return f"{near} {rest}"
    return ""


def _unknown(text: Text, why: str, fix: str) -> Problem:
    return Problem(
        text.span,
        "E21",
        f"{quoted(text.value)} is not a condition",
        f"{why}; the forms are: {_FORMS} ...",
        fix,
    )
