"""One line of the trace in plain words: what was asked, what was true, what was decided."""

from __future__ import annotations

import datetime as dt

from engine.cli.reports.times import both
from engine.compiler.walk import step_in_words
from engine.core.conditions.trace_values import words
from engine.core.decision.effects import Trace
from engine.core.happening import Event
from engine.language.steps.register import STORY_FORMS
from engine.values import Instant, Type, Value, instant

_CLOSED = {
    "no address": "there is no address",
    "bounced": "it bounced",
    "suppressed": "the address is closed",
    "no consent": "no consent was given",
}
_WHY = {
    "unreachable": "no channel reaches this customer",
    "too late": "it was too late for it",
    "silenced": "the customer is inside a journey during which its policy is silent",
    "on a break": "the customer asked for a break",
    "capped": "the cap on messages was reached",
    "quiet hours": "it is quiet at this hour",
    "quiet day": "nothing of its policy leaves on this day of the week",
    "no code": "there was no code left",
    "dearer": "the price of its product rose again",
    "sold out": "nothing is left of its product",
    "restocked": "enough is left of its product again",
}
_RETURNED = {
    "suppressed": "the address is closed or the consent was withdrawn",
    "dry run": "it was a dry run, nothing is handed over",
    "expired": "its time was over",
    "refused": "the channel did not take it",
    "failed": "it could not be sent",
    "not on the deliver_only list": "the customer is not on the list deliver_only of config.yaml",
}
_MOVED = {
    "stays": "{was} is called {to}",
    "new_moment": "{was} ends when the file says it now",
    "planned_anew": "the message of {was} is planned anew",
    "goes_on": "{was} is gone, goes on to {to}",
    "finishes": "{was} is gone, and nothing behind it is left",
}
"""By the rule (`core.handlers.migrate.MoveRule`)."""
_PLAIN = Type("text")


def sentence(line: Trace, zone: dt.tzinfo) -> str:
    """What a line says."""
    subject, detail = line.subject, line.detail
    match line.kind:
        case "start":
            return f"enters: {detail}" if detail else "enters"
        case "ignored":
            return f"does not enter: {ignored(line)}"
        case "asked":
            return f"asked: {subject} -> {detail}{_read(line)}"
        case "path":
            return f"takes the path {subject}" if subject else "no path fits"
        case "wait":
            return f"waits until {_moment(detail, zone)}"
        case "awaited":
            return f"what was awaited came: {subject}"
        case "hold":
            return f"{subject} is held: {reason(detail)}"
        case "plan":
            return f"{subject} is to be sent via {detail}"
        case "send":
            return f"{subject} was handed over via {detail}"
        case "pass":
            channel, _, why = detail.partition(": ")
            return f"{subject} passes over {channel}: {_CLOSED.get(why, why)}"
        case "skip":
            return f"{subject} is not sent: {reason(detail)}"
        case "reaction":
            how, _, channel = detail.partition(" ")
            return f"{how} {subject} ({channel})"
        case "bounce":
            return f"{subject} via {detail} bounced"
        case "unknown":
            return f"nobody knows whether {subject} via {detail} left"
        case "goal" | "goal (late)":
            late = " too late to count" if line.kind == "goal (late)" else ""
            return f"reaches the goal{late}{f', {detail}' if detail else ''}"
        case "finish":
            return "finishes"
        case "exit_if":
            return f"leaves, exit_if is true: {subject}{_read(line)}"
        case "restart":
            return "ends here, a new start takes its place"
        case "holdout":
            return "is in the holdout: gets no message, is only measured"
        case "stopped":
            return "leaves, the journey was stopped"
        case "moved":
            # versions before wrote the place, and no rule
            told = _MOVED.get(detail, f"{{was}} -> {detail}")
            places = {"was": step_in_words(subject), "to": step_in_words(line.step)}
            return f"is moved with the new file: {told.format(**places)}"
        case "tier":
            return f"tier {line.subject or 'none'}{f', before {detail}' if detail else ''}"
        case "facts":
            return f"facts: {subject} {detail}".rstrip()
        case "learned":
            return f"{subject} ({detail})" if detail else subject
        case "note" if detail.startswith("returned: "):
            why = detail.removeprefix("returned: ")
            return f"came back from {subject}: {_RETURNED.get(why, closed(reason(why)))}"
        case "note":
            return ": ".join(part for part in (subject, detail) if part)
        case _:  # what a kind of step says about itself
            form = STORY_FORMS[line.kind]
            return form.history.format(verb=form.verb, subject=subject, detail=detail)


def ignored(line: Trace) -> str:
    """Why a start was ignored."""
    if line.detail == "who":
        return f"`who` does not fit{_read(line)}"
    return f"{line.detail}{_read(line)}"


def reason(why: str) -> str:
    """Why a message was held or skipped."""
    return _WHY.get(why, why)


def closed(why: str) -> str:
    """Why a channel does not reach somebody."""
    return _CLOSED.get(why, why)


def fields(event: Event) -> str:
    """The fields of an event in one line."""
    return shown(dict(event.fields))


def shown(values: dict[str, Value]) -> str:
    """Values in one line; long ones are cut."""
    return ", ".join(f"{name} {_cut(words(value, _PLAIN))}" for name, value in values.items())


def _read(line: Trace) -> str:
    values = ", ".join(f"{name} {value}" for name, value in line.read)
    return f" ({values})" if values else ""


def _moment(text: str, zone: dt.tzinfo) -> str:
    try:
        return both(Instant(instant(dt.datetime.fromisoformat(text))), zone)
    except ValueError:
        return text


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
