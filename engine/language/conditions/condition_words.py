"""A condition in one line of words, for the trace, the picture and the plan."""

from __future__ import annotations

from engine.language import syntax


def condition_text(written: syntax.AllOf) -> str:
    """`orders_count: 0 and trigger.total: at least 50 EUR`."""
    return " and ".join(_line(line) for line in written.lines)


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


def _line(line: syntax.ConditionLine) -> str:
    match line:
        case syntax.Test(name, form):
            return f"{name.value}: {form_text(form)}"
        case syntax.Did():
            return f"did {line.event.value}: {_phrase(line)}"
        case syntax.InSegment(names, negated):
            return f"segment: {_not(negated)}{_listed(tuple(n.value for n in names), len(names) > 1)}"
        case syntax.InsideJourney(names, negated):
            return f"inside: {_not(negated)}{_listed(tuple(n.value for n in names), len(names) > 1)}"
        case syntax.Can(channels, negated):
            return f"can: {_not(negated)}{_listed(tuple(c.value for c in channels), len(channels) > 1)}"
        case syntax.Reacted(how, template, negated):
            return f"{_not(negated)}{how}: {template.value}"
        case syntax.GoalIs(reached):
            return f"goal: {_not(not reached)}reached"
        case syntax.Group(how, conditions):
            return f"{how} ({'; '.join(condition_text(each) for each in conditions)})"


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


def _listed(words: tuple[str, ...], many: bool) -> str:
    return f"[{', '.join(words)}]" if many else ", ".join(words)
