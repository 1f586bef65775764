"""Why a customer got a message, or did not: from their runs, the decisions about them and the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection

from engine.cli.reports.lines import closed, ignored, reason, sentence
from engine.cli.reports.past import again, became
from engine.cli.reports.person import Person, resting
from engine.cli.reports.times import both
from engine.core.effects import Trace
from engine.core.enrollment import AwaitingSend, Enrollment
from engine.core.facts.customer import why_closed
from engine.core.journey import (
    ClockTrigger,
    DateTrigger,
    EventTrigger,
    Journey,
    ProductTrigger,
    SegmentTrigger,
    SendStep,
    Trigger,
)
from engine.store.customers import enrollments, history
from engine.store.customers.history import MessageRecord
from engine.store.journeys import pauses, traces
from engine.store.meta import bucket_of
from engine.values import Instant, iso

Verdict = Literal["sent", "not sent", "waiting", "unknown"]

_LATEST = 3
_NEVER_LEFT = ("cancelled", "expired", "suppressed", "failed")


@dataclass(slots=True)
class WhyAnswer:
    """`sentences`: the whole reason, in order; `messages`: the rows of the outbox that it is about."""

    verdict: Verdict = "not sent"
    sentences: list[str] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        """One more sentence."""
        if text not in self.sentences:
            self.sentences.append(text)


def senders(person: Person, template: str) -> list[tuple[Journey, tuple[SendStep, ...]]]:
    """The journeys that send a template, with the steps that do."""
    found = []
    for journey in person.journeys.by_name.values():
        steps = tuple(
            step for step in journey.steps if isinstance(step, SendStep) and step.template == template
        )
        if steps:
            found.append((journey, steps))
    return found


def explain(conn: Connection, person: Person, template: str) -> WhyAnswer:
    """The reasons of every journey that sends the template."""
    return _Inquiry(conn, person, template).answer()


class _Inquiry:
    def __init__(self, conn: Connection, person: Person, template: str) -> None:
        self.person, self.template = person, template
        self.sent = [each for each in history.messages(conn, person.id) if each.template == template]
        self.again = {each.send_key: again(conn, each) for each in self.sent}
        self.runs = enrollments.of_customer(conn, bucket_of(conn, person.id), person.id)
        self.lines = [noted.line for noted in traces.of_customer(conn, person.id)]
        self.pauses = pauses.list_active(conn)
        self.found = WhyAnswer(messages=[_data(each) for each in self.sent])
        self.told: set[str] = set()

    def answer(self) -> WhyAnswer:
        """What was found, with its verdict."""
        waits = False
        for journey, steps in senders(self.person, self.template):
            mine = [run for run in self.runs if run.journey == journey.name]
            if not mine:
                self._never_entered(journey)
            for run in mine[-_LATEST:]:
                self.found.say(
                    f"Entered {journey.name} {self._at(run.started_at)}{f' for {run.key}' if run.key else ''}."
                )
                for step in steps:
                    waits = self._step(journey, run, step) or waits
            self._ignored_later(journey, mine)
        for each in self.sent:
            if each.send_key not in self.told:
                self._message(each)
            waits = waits or each.state in ("planned", "claimed", "deferred")
        self.found.verdict = self._verdict(waits=waits)
        told = any(text.startswith("Channel by channel") for text in self.found.sentences)
        if self.found.verdict in ("not sent", "waiting") and not told:
            self._reach()
        return self.found

    def _verdict(self, *, waits: bool) -> Verdict:
        states = {each.state for each in self.sent}
        if states & {"accepted", "delivered", "complained", "treated_as_sent"}:
            return "sent"
        if states & {"unknown", "held", "handoff"}:
            return "unknown"
        return "waiting" if waits else "not sent"

    # --- one run ----------------------------------------------------------------------------------

    def _step(self, journey: Journey, enrollment: Enrollment, step: SendStep) -> bool:
        """What became of one step of a run. True: the message may still come."""
        mine = [each for each in self.sent if each.enrollment == enrollment.id and each.step == step.id]
        for each in mine:
            self._message(each)
        learned = [
            sentence(each, self.person.zone) for each in self._of(enrollment, step) if each.kind == "learned"
        ]
        for text in dict.fromkeys(learned):
            self.found.say(f"Learned: {text}.")
        if enrollment.holdout:
            self.found.say(
                "They are in the holdout: nothing is sent to them, so that the effect can be measured."
            )
            return False
        rests_here = enrollment.state is not None and enrollment.state.step == step.id
        if enrollment.sent.get(step.id) and not rests_here:
            return False
        if step.id in enrollment.skipped:
            self._skipped(enrollment, step)
            return False
        if enrollment.is_open:
            return self._open(journey, enrollment, step, rests_here=rests_here)
        if not any(each.handed_at for each in mine):
            self._ended(enrollment)
        return False

    def _skipped(self, enrollment: Enrollment, step: SendStep) -> None:
        line = self._last(enrollment, step, "skip")
        when = f" {self._at(line.at)}" if line else ""
        self.found.say(f"It was passed over{when}: {reason(enrollment.skipped[step.id])}{self._place(line)}.")
        passed = [
            sentence(each, self.person.zone) for each in self._of(enrollment, step) if each.kind == "pass"
        ]
        if passed:
            self.found.say(f"Channel by channel: {'; '.join(dict.fromkeys(passed))}.")

    def _open(self, journey: Journey, enrollment: Enrollment, step: SendStep, *, rests_here: bool) -> bool:
        where = resting(enrollment, self.person)
        rest = journey.by_id.get(enrollment.state.step or "") if enrollment.state is not None else None
        if rests_here:
            self.found.say(f"The run {where}.")
        elif not (
            isinstance(rest, SendStep) and rest.template == self.template
        ):  # else its own step has told it
            self.found.say(f"It has not come to this message yet: the run {where}.")
        if journey.state != "live":
            self.found.say(f"The journey is {journey.state} in its file.")
        channels = (
            {enrollment.state.channel} if isinstance(enrollment.state, AwaitingSend) else set(step.channels)
        )
        self._paused({journey.name, *(channels if rests_here else ())})
        return True

    def _paused(self, names: set[str]) -> None:
        for each in self.pauses:
            if each.scope == "all" or each.name in names:
                what = "Everything" if each.scope == "all" else f"The {each.scope} {each.name}"
                self.found.say(
                    f"{what} has been paused since {both(each.at, self.person.zone)} by {each.whom}{f': {each.why}' if each.why else ''}."
                )

    def _ended(self, enrollment: Enrollment) -> None:
        at = self._at(enrollment.ended_at) if enrollment.ended_at is not None else ""
        last = next(
            (
                each
                for each in reversed(self.lines)
                if each.enrollment == enrollment.id and each.kind in _ENDINGS
            ),
            None,
        )
        how = {
            "goal": f"The goal was reached {at} before this message was due",
            "finish": f"The run finished {at} without coming to this message",
            "restart": f"The run was replaced by a newer one {at}",
            "exit_if": f"exit_if became true {at}",
            "stopped": f"The journey was stopped {at}",
            "joined": f"Another id turned out to be the same person {at}, whose run goes on",
        }.get(enrollment.outcome or "", f"The run ended {at}: {enrollment.outcome}")
        self.found.say(f"{how}{self._place(last)}.")
        if enrollment.outcome == "finish":
            for each in self.lines:
                if each.enrollment == enrollment.id and each.kind in ("asked", "path", "awaited"):
                    self.found.say(
                        f"On the way {self._at(each.at)}: {sentence(each, self.person.zone)}{self._place(each)}."
                    )

    def _message(self, each: MessageRecord) -> None:
        self.told.add(each.send_key)
        at = each.handed_at or each.settled_at or each.planned_at
        handed = "was handed over" if each.handed_at else "was decided"
        self.found.say(
            f"{each.template} via {each.channel} {handed} {self._at(at)}; it {became(each)}{self.again[each.send_key]}."
        )
        if each.state in _NEVER_LEFT and each.settled_at:
            self.found.say(f"That was {self._at(each.settled_at)}; it never left.")
        if each.state in ("planned", "deferred"):
            self.found.say(self._leaves(each))
            self._paused({each.channel, each.journey})

    def _leaves(self, each: MessageRecord) -> str:
        if each.ready_at < each.valid_until:
            return f"It leaves {self._at(each.ready_at)} at the earliest, and not after {both(each.valid_until, self.person.zone)}."
        return f"It is decided again {self._at(each.valid_until)}, when its time is over."

    # --- no run -----------------------------------------------------------------------------------

    def _never_entered(self, journey: Journey) -> None:
        self.found.say(f"Never entered {journey.name}.")
        if journey.state != "live":
            self.found.say(f"{journey.name} is {journey.state}: nobody enters.")
        refused = [each for each in self.lines if each.journey == journey.name and each.kind == "ignored"]
        for each in refused[-_LATEST:]:
            self.found.say(f"A start {self._at(each.at)} was ignored: {ignored(each)}{self._place(each)}.")
        if not journey.starts:
            self.found.say(f"{journey.name} was sent to those who were in its segment at that moment.")
        elif not refused:
            self.found.say(
                f"{journey.name} starts with {' or '.join(self._start(each) for each in journey.starts)}."
            )

    def _ignored_later(self, journey: Journey, mine: Sequence[Enrollment]) -> None:
        """A start that was ignored after the last run began explains a second message that did not come."""
        if not mine:
            return
        since = mine[-1].started_at
        for each in [
            x for x in self.lines if x.journey == journey.name and x.kind == "ignored" and x.at > since
        ][-1:]:
            self.found.say(
                f"A later start {self._at(each.at)} was ignored: {ignored(each)}{self._place(each)}."
            )

    def _start(self, trigger: Trigger) -> str:
        match trigger:
            case EventTrigger(event=event):
                seen = self.person.state.facts.event_counters.get(event)
                return f"the event {event} ({f'they did it {self._at(seen.last_at)}' if seen else 'they never did it'})"
            case SegmentTrigger(segment=segment):
                inside = (
                    "they are in it" if segment in self.person.state.facts.segments else "they are not in it"
                )
                return f"entering the segment {segment} ({inside})"
            case DateTrigger(ref=ref):
                return f"the date {ref}"
            case ClockTrigger(every=every):
                return f"the clock, every {every}"
            case ProductTrigger(kind=kind):
                return f"a {kind.replace('_', ' ')} of a product"

    def _reach(self) -> None:
        """What closes their channels now, where none is open."""
        for _, steps in senders(self.person, self.template):
            for step in steps:
                why = {
                    each: why_closed(self.person.state.facts, each, step.policy.consent)
                    for each in step.channels
                }
                shut = [f"{channel}: {closed(word)}" for channel, word in why.items() if word is not None]
                if len(shut) < len(step.channels):
                    continue
                if shut:
                    self.found.say(f"None of its channels reaches them now: {'; '.join(shut)}.")

    # --- words ------------------------------------------------------------------------------------

    def _of(self, enrollment: Enrollment, step: SendStep) -> Iterator[Trace]:
        return (each for each in self.lines if each.enrollment == enrollment.id and each.step == step.id)

    def _last(self, enrollment: Enrollment, step: SendStep, kind: str) -> Trace | None:
        return next((each for each in reversed(list(self._of(enrollment, step))) if each.kind == kind), None)

    def _at(self, at: Instant) -> str:
        return f"on {both(at, self.person.zone)}"

    def _place(self, line: Trace | None) -> str:
        journey = self.person.journeys.by_name.get(line.journey) if line is not None else None
        return (
            f" [{journey.file}:{line.line}]" if journey is not None and line is not None and line.line else ""
        )


_ENDINGS = ("goal", "goal (late)", "exit", "exit_if", "restart", "stopped", "finish")


def _data(each: MessageRecord) -> dict[str, Any]:
    return {
        "channel": each.channel, "journey": each.journey, "step": each.step, "state": each.state, "why": each.why,
        "planned_at": iso(each.planned_at), "handed_at": iso(each.handed_at) if each.handed_at else None, "detail": each.detail,
    }  # fmt: skip
