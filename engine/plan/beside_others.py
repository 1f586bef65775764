"""What a changed journey means beside the others: a message that two of them send now, and an event by which
nothing starts any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.compiler.walk import every_step
from engine.language import syntax
from engine.language.steps.send import Send
from engine.plan.difference import Affected, Difference, DiffSign

_Journeys = Mapping[str, syntax.JourneyFile]
_Sends = Mapping[str, Send]
"""By template the first step that sends it."""

MOST_SENDERS = 3
"""Journeys that send the same message that are named."""

_TAKES_NOBODY = ("draft", "closing", "paused", "stopped")
_MOVES_NOBODY = ("draft", "paused", "stopped")
"""States in which nobody enters, and in which nobody who is inside gets anything."""


def beside_others(before: _Journeys, now: _Journeys) -> dict[str, list[Difference]]:
    """By journey that differs, in a row with its other changes; journeys of which nothing is said are left
    out."""
    found: dict[str, list[Difference]] = {}
    sending = {name: _first_sends(file) for name, file in now.items() if not _is(file, _MOVES_NOBODY)}
    for name, sends in sending.items():
        file = now[name]
        former = before.get(name) or (before.get(file.was.value) if file.was is not None else None)
        if told := [*_sent_twice(former, sends, sending)]:
            found[name] = told
    renamed = {file.was.value: name for name, file in now.items() if file.was is not None}
    for former_name, file in before.items():
        name = renamed.get(former_name, former_name)
        if _takes(file) and not _takes(now.get(name)) and (told := [*_starts_nothing(file, now)]):
            found.setdefault(name, []).extend(told)
    return found


def _takes(file: syntax.JourneyFile | None) -> bool:
    return file is not None and not _is(file, _TAKES_NOBODY)


def _sent_twice(
    former: syntax.JourneyFile | None, sends: _Sends, sending: Mapping[str, _Sends]
) -> Iterator[Difference]:
    """Messages that this journey did not send before, and that another one sends too. `sending`: all
    that send."""
    known = _first_sends(former) if former is not None and not _is(former, _MOVES_NOBODY) else {}
    affected = Affected.MESSAGES if former is not None else Affected.NEWCOMERS
    by_senders: dict[tuple[str, ...], list[Send]] = {}
    for template, step in sends.items():
        senders = sorted(name for name, theirs in sending.items() if template in theirs)
        if template not in known and len(senders) > 1:
            by_senders.setdefault(tuple(senders), []).append(step)
    for together, steps in by_senders.items():
        # the same words for each of many that come at once: they are told together
        names = ", ".join(together[:MOST_SENDERS])
        more = f" and {len(together) - MOST_SENDERS} more" if len(together) > MOST_SENDERS else ""
        sent = ", ".join(step.template.value for step in steps)
        words = f"{sent} {'is' if len(steps) == 1 else 'are'} sent by {names}{more}"
        rule = "who is in several gets it from each, as far as the caps of their policies let it"
        yield Difference(DiffSign.ADDED, words, affected, rule, steps[0].span)


def _starts_nothing(before: syntax.JourneyFile, now: _Journeys) -> Iterator[Difference]:
    """Events that started this journey alone, which takes nobody any more."""
    still = {event for file in now.values() if _takes(file) for event in _started_by(file)}
    for event in _started_by(before):
        if event not in still:
            words = f"no journey starts by {event} any more"
            rule = "whoever it happens to comes into no journey by it"
            yield Difference(DiffSign.REMOVED, words, Affected.NEWCOMERS, rule)


def _started_by(file: syntax.JourneyFile) -> list[str]:
    starts = [each for each in file.starts if isinstance(each, syntax.EventStart)]
    return [each.event.value for each in starts]


def _first_sends(file: syntax.JourneyFile) -> dict[str, Send]:
    """The first step for each template."""
    found: dict[str, Send] = {}
    for step in every_step(file.steps):
        if isinstance(step, Send):
            found.setdefault(step.template.value, step)
    return found


def _is(file: syntax.JourneyFile, states: tuple[str, ...]) -> bool:
    return file.state is not None and file.state.value in states
