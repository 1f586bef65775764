"""A condition in one line of words, for the trace, the picture and the plan."""

from __future__ import annotations

from typing import NamedTuple

from engine.language import syntax


class LineWords(NamedTuple):
    """One line: what it asks about (`orders_count`, `did order_placed`) and what it asks (`at least 2`). Of a
    group of conditions the first holds all, and the second is ""."""

    subject: str
    question: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.question}" if self.question else self.subject


def condition_text(written: syntax.AllOf) -> str:
    """`orders_count: 0 and trigger.total: at least 50 EUR`."""
    return " and ".join(str(line_words(line)) for line in written.lines)


def form_text(form: syntax.Form) -> str:
    """A form as it is written."""
    match form:
        case syntax.Equals(values, _, many):
            return _listed(tuple(value.value for value in values), many)
        case syntax.IsSet():
            return "is set"
        case syntax.Compare(how, value):
            return f"{how} {value.value}"
        case syntax.Between(low, high):
            return f"between {low.value} and {high.value}"
        case syntax.RelativeAge(how, length):
            return f"{how} {length.text.value} ago"
        case syntax.BeforeAfter(how, moment):
            return f"{how} {moment.value}"
        case syntax.Today():
            return "today"
        case syntax.TextMatch(how, value):
            return f"{how} {value.value}"
        case syntax.Negated(syntax.IsSet()):
            return "is not set"
        case syntax.Negated(inner):
            return f"not {form_text(inner)}"


def line_words(line: syntax.ConditionLine) -> LineWords:
    """A line in words."""
    match line:
        case syntax.Test(name, form):
            return LineWords(name.value, form_text(form))
        case syntax.Did():
            return LineWords(f"did {line.event.value}", _phrase(line))
        case syntax.InSegment(names, negated):
            return LineWords("segment", _not(negated) + _names(names))
        case syntax.InsideJourney(names, negated):
            return LineWords("inside", _not(negated) + _names(names))
        case syntax.Can(channels, negated):
            return LineWords("can", _not(negated) + _names(channels))
        case syntax.Reacted(how, template, negated):
            return LineWords(f"{_not(negated)}{how}", template.value)
        case syntax.GoalIs(reached):
            return LineWords("goal", f"{_not(not reached)}reached")
        case syntax.Group(how, conditions):
            return LineWords(f"{how} ({'; '.join(condition_text(each) for each in conditions)})", "")


def _phrase(did: syntax.Did) -> str:
    if (did.low, did.high) == (0, 0):
        count = "never"
    elif (did.low, did.high) == (1, None):
        count = "ever" if did.last is None and not did.since_start else ""
    elif did.high is None:
        count = f"at least {did.low} times"
    elif did.low == did.high:
        count = f"exactly {did.low} times"
    else:
        count = f"at most {did.high} times"
    parts = [_not(did.negated).strip(), count]
    if did.since_start:
        parts.append("since start")
    if did.last:
        parts.append(f"in last {did.last.text.value}")
    if did.where:
        parts.append(f"where {condition_text(did.where)}")
    return " ".join(part for part in parts if part)


def _not(negated: bool) -> str:
    return "not " if negated else ""


def _names(names: tuple[syntax.Text, ...]) -> str:
    return _listed(tuple(name.value for name in names), many=len(names) > 1)


def _listed(words: tuple[str, ...], many: bool) -> str:
    return f"[{', '.join(words)}]" if many else ", ".join(words)
