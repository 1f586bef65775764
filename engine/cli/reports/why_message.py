"""Why a customer got a message, or did not: from their runs, the decisions about them and the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from engine.cli.reports import unknown_messages
from engine.cli.reports.customer import resting
from engine.cli.reports.customer_history import NOT_YET, again, became
from engine.cli.reports.times import both
from engine.cli.reports.trace_lines import closed, ignored, reason, sentence
from engine.cli.reports.unknown_messages import UnknownMessage
from engine.core.decision.effects import Trace
from engine.core.enrollment import AwaitingSend, Enrollment
from engine.core.facts.customer import why_closed
from engine.core.journey import (
    CalendarTrigger,
    ClockTrigger,
    DateTrigger,
    EventTrigger,
    Journey,
    ProductTrigger,
    SegmentTrigger,
    SendStep,
    Trigger,
)
from engine.language.quantities import calendar_day
from engine.runtime.known_customer import KnownCustomer
from engine.store.customers import enrollments, history
from engine.store.customers.history import MessageRecord
from engine.store.journeys import pauses, traces
from engine.store.journeys.pauses import PauseRecord
from engine.store.meta import bucket_of
from engine.values import Instant, iso

Verdict = Literal["sent", "not sent", "waiting", "unknown"]
Standing = Literal["holdout", "passed by", "skipped", "open", "ended"]
"""Of a run at a step: `passed by`: its message was decided and the run went on."""

_LATEST = 3
_NEVER_LEFT = ("cancelled", "expired", "suppressed", "failed")
_ENDINGS = ("goal", "goal (late)", "exit", "exit_if", "restart", "stopped", "finish")


@dataclass(frozen=True, slots=True)
class AskedMessage:
    """A row of the outbox that the question is about. Moments as ISO 8601 in UTC."""

    channel: str
    journey: str
    step: str
    state: str
    why: str
    planned_at: str
    handed_at: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class WhyAnswer:
    """Everything that `why` says. `sentences`: the whole reason, in order."""

    customer: str
    template: str
    verdict: Verdict
    sentences: tuple[str, ...]
    messages: tuple[AskedMessage, ...]


def senders(person: KnownCustomer, template: str) -> list[tuple[Journey, tuple[SendStep, ...]]]:
    """The journeys that send a template, with the steps that do."""
    pairs = []
    for journey in person.journeys.by_name.values():
        steps = tuple(
            step for step in journey.steps if isinstance(step, SendStep) and step.template == template
        )
        if steps:
            pairs.append((journey, steps))
    return pairs


def explain(
    conn: Connection, person: KnownCustomer, template: str, unknown: Sequence[UnknownMessage]
) -> WhyAnswer:
    """The reasons of every journey that sends the template. `unknown`: of which nobody knows whether they
    left."""
    evidence = _Evidence.of(conn, person, template)
    sentences: list[str] = []
    reported: set[str] = set()  # keys of messages that a step has spoken of
    waits = channels_told = False
    for journey, steps in senders(person, template):
        runs = [run for run in evidence.runs if run.journey == journey.name]
        if not runs:
            sentences += evidence.never_entered(journey)
        for run in runs[-_LATEST:]:
            whose = f" for {run.key}" if run.key else ""
            entered = f"Entered {journey.name} {evidence.on(run.started_at)}{whose}{evidence.cause(run)}."
            sentences.append(entered)
            for step in steps:
                sentences += evidence.of_step(journey, run, step)
                reported |= {message.send_key for message in evidence.messages_of(run, step)}
                standing = _standing(run, step)
                waits = waits or standing == "open"
                channels_told = channels_told or (
                    standing == "skipped" and bool(evidence.words_of(run, step, "pass"))
                )
        sentences += evidence.ignored_later(journey, runs)
    for message in evidence.sent:
        if message.send_key not in reported:
            sentences += evidence.message(message)
        waits = waits or message.state in NOT_YET
    verdict = _verdict({message.state for message in evidence.sent}, waits=waits)
    if verdict in ("not sent", "waiting") and not channels_told:
        sentences += evidence.closed_channels()
    for message_unknown in unknown:
        if message_unknown.template == template:
            sentences += unknown_messages.sentences(message_unknown)
    rows = tuple(
        AskedMessage(
            row.channel, row.journey, row.step, row.state, row.why,
            iso(row.planned_at), iso(row.handed_at) if row.handed_at else None, row.detail,
        )
        for row in evidence.sent
    )  # fmt: skip
    # Several steps and runs may say the same: once is enough
    return WhyAnswer(person.id, template, verdict, tuple(dict.fromkeys(sentences)), rows)


def _verdict(states: set[str], *, waits: bool) -> Verdict:
    """One message that arrived outweighs all that did not."""
    if states & {"accepted", "delivered", "complained", "treated_as_sent"}:
        return "sent"
    if states & {"unknown", "held", "handoff"}:
        return "unknown"
    return "waiting" if waits else "not sent"


def _standing(run: Enrollment, step: SendStep) -> Standing:
    if run.holdout:
        return "holdout"
    if run.sent.get(step.id) and not _rests_at(run, step):
        return "passed by"
    if step.id in run.skipped:
        return "skipped"
    return "open" if run.is_open else "ended"


def _rests_at(run: Enrollment, step: SendStep) -> bool:
    return run.state is not None and run.state.step == step.id


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the store knows that bears on the question. Its methods say what follows from it."""

    person: KnownCustomer
    template: str
    sent: Sequence[MessageRecord]
    again: Mapping[str, str]  # key of a message -> that somebody ordered a further copy
    runs: Sequence[Enrollment]
    lines: Sequence[Trace]
    pauses: Sequence[PauseRecord]

    @classmethod
    def of(cls, conn: Connection, person: KnownCustomer, template: str) -> _Evidence:
        sent = [message for message in history.messages(conn, person.id) if message.template == template]
        return cls(
            person,
            template,
            sent,
            {message.send_key: again(conn, message) for message in sent},
            enrollments.of_customer(conn, bucket_of(conn, person.id), person.id),
            [noted.line for noted in traces.of_customer(conn, person.id)],
            pauses.list_active(conn),
        )

    # --- one run ----------------------------------------------------------------------------------

    def of_step(self, journey: Journey, run: Enrollment, step: SendStep) -> Iterator[str]:
        """What became of one step of a run."""
        messages = self.messages_of(run, step)
        for message in messages:
            yield from self.message(message)
        for text in self.words_of(run, step, "learned"):
            yield f"Learned: {text}."
        # In the order in which a run meets them: who is in the holdout is never skipped, who is
        # through never open
        match _standing(run, step):
            case "holdout":
                yield "They are in the holdout: nothing is sent to them, so that the effect can be measured."
            case "passed by":
                pass  # its messages have said it
            case "skipped":
                line = next((line for line in reversed(self._of(run, step)) if line.kind == "skip"), None)
                when = f" {self.on(line.at)}" if line else ""
                yield f"It was passed over{when}: {reason(run.skipped[step.id])}{self._place(line)}."
                passed = self.words_of(run, step, "pass")
                if passed:
                    yield f"Channel by channel: {'; '.join(passed)}."
            case "open":
                yield from self._open(journey, run, step)
            case "ended":
                if not any(message.handed_at for message in messages):
                    yield from self._ended(run)

    def cause(self, run: Enrollment) -> str:
        """What started a run, where the kind of start does not say it."""
        starts = (line for line in self.lines if line.enrollment == run.id and line.kind == "start")
        line = next(starts, None)
        return f": {line.detail}" if line is not None and line.detail else ""

    def messages_of(self, run: Enrollment, step: SendStep) -> list[MessageRecord]:
        """Those that a step of a run has planned."""
        return [message for message in self.sent if message.enrollment == run.id and message.step == step.id]

    def words_of(self, run: Enrollment, step: SendStep, kind: str) -> list[str]:
        """The lines of one kind that a step of a run has left, in words, each once."""
        lines = [line for line in self._of(run, step) if line.kind == kind]
        return list(dict.fromkeys(sentence(line, self.person.zone) for line in lines))

    def _open(self, journey: Journey, run: Enrollment, step: SendStep) -> Iterator[str]:
        where, rests_here = resting(run, self.person), _rests_at(run, step)
        rest = journey.by_id.get(run.state.step or "") if run.state is not None else None
        if rests_here:
            yield f"The run {where}."
        elif not (isinstance(rest, SendStep) and rest.template == self.template):
            # A step of the same message at which it rests says so itself
            several = sum(
                isinstance(each, SendStep) and each.template == self.template
                for each in journey.by_id.values()
            )
            what = "to this message yet" if several < 2 else f"yet to its step {step.id}"
            yield f"It has not come {what}: the run {where}."
        if journey.state != "live":
            yield f"The journey is {journey.state} in its file."
        channels = {run.state.channel} if isinstance(run.state, AwaitingSend) else set(step.channels)
        yield from self._paused({journey.name, *(channels if rests_here else ())})

    def _paused(self, names: set[str]) -> Iterator[str]:
        for pause in self.pauses:
            if pause.scope == "all" or pause.name in names:
                what = "Everything" if pause.scope == "all" else f"The {pause.scope} {pause.name}"
                why = f": {pause.why}" if pause.why else ""
                yield f"{what} has been paused since {both(pause.at, self.person.zone)} by {pause.whom}{why}."

    def _ended(self, run: Enrollment) -> Iterator[str]:
        at = self.on(run.ended_at) if run.ended_at is not None else ""
        of_run = [line for line in self.lines if line.enrollment == run.id]
        last = next((line for line in reversed(of_run) if line.kind in _ENDINGS), None)
        how = {
            "goal": f"The goal was reached {at} before this message was due",
            "finish": f"The run finished {at} without coming to this message",
            "restart": f"The run was replaced by a newer one {at}",
            "exit_if": f"exit_if became true {at}",
            "stopped": f"The journey was stopped {at}",
            "joined": f"Another id turned out to be the same person {at}, whose run goes on",
        }.get(run.outcome or "", f"The run ended {at}: {run.outcome}")
        yield f"{how}{self._place(last)}."
        if run.outcome == "finish":
            for line in of_run:
                if line.kind in ("asked", "path", "awaited"):
                    words = sentence(line, self.person.zone)
                    yield f"On the way {self.on(line.at)}: {words}{self._place(line)}."

    def message(self, message: MessageRecord) -> Iterator[str]:
        """What became of one message."""
        at = message.handed_at or message.settled_at or message.planned_at
        handed = "was handed over" if message.handed_at else "was decided"
        yield (
            f"{message.template} via {message.channel} {handed} {self.on(at)}; "
            f"it {became(message)}{self.again[message.send_key]}."
        )
        if message.state in _NEVER_LEFT and message.settled_at:
            yield f"That was {self.on(message.settled_at)}; it never left."
        if message.state in ("planned", "deferred"):
            until = message.valid_until
            if message.ready_at < until:
                latest = both(until, self.person.zone)
                yield f"It leaves {self.on(message.ready_at)} at the earliest, and not after {latest}."
            else:
                yield f"It is decided again {self.on(until)}, when its time is over."
            yield from self._paused({message.channel, message.journey})

    # --- no run -----------------------------------------------------------------------------------

    def never_entered(self, journey: Journey) -> Iterator[str]:
        """Why no run of a journey ever began."""
        yield f"Never entered {journey.name}."
        if journey.state != "live":
            yield f"{journey.name} is {journey.state}: nobody enters."
        refused = [line for line in self.lines if line.journey == journey.name and line.kind == "ignored"]
        for line in refused[-_LATEST:]:
            yield f"A start {self.on(line.at)} was ignored: {ignored(line)}{self._place(line)}."
        if not journey.starts:
            yield f"{journey.name} was sent to those who were in its segment at that moment."
        elif not refused:
            starts = " or ".join(self._start(trigger) for trigger in journey.starts)
            yield f"{journey.name} starts with {starts}."

    def ignored_later(self, journey: Journey, runs: Sequence[Enrollment]) -> Iterator[str]:
        """A start that was ignored after the last run began explains a second message that did not come."""
        if not runs:
            return
        since = runs[-1].started_at
        later = [
            line
            for line in self.lines
            if line.journey == journey.name and line.kind == "ignored" and line.at > since
        ]
        for line in later[-1:]:
            yield f"A later start {self.on(line.at)} was ignored: {ignored(line)}{self._place(line)}."

    def _start(self, trigger: Trigger) -> str:
        facts = self.person.state.facts
        match trigger:
            case EventTrigger(event=event):
                seen = facts.event_counters.get(event)
                did = f"they did it {self.on(seen.last_at)}" if seen else "they never did it"
                return f"the event {event} ({did})"
            case SegmentTrigger(segment=segment):
                inside = "they are in it" if segment in facts.segments else "they are not in it"
                return f"entering the segment {segment} ({inside})"
            case DateTrigger(ref=ref):
                return f"the date {ref}"
            case CalendarTrigger():
                return f"the date {calendar_day(trigger.day)}"
            case ClockTrigger(every=every):
                return f"the clock, every {every}"
            case ProductTrigger(kind=kind):
                return f"a {kind.replace('_', ' ')} of a product"

    def closed_channels(self) -> Iterator[str]:
        """What closes their channels now, where none is open."""
        for _, steps in senders(self.person, self.template):
            for step in steps:
                why = {
                    channel: why_closed(self.person.state.facts, channel, step.policy.consent)
                    for channel in step.channels
                }
                shut = [f"{channel}: {closed(word)}" for channel, word in why.items() if word is not None]
                if shut and len(shut) == len(step.channels):
                    yield f"None of its channels reaches them now: {'; '.join(shut)}."

    # --- words ------------------------------------------------------------------------------------

    def _of(self, run: Enrollment, step: SendStep) -> list[Trace]:
        return [line for line in self.lines if line.enrollment == run.id and line.step == step.id]

    def on(self, at: Instant) -> str:
        """`on Mon 2026-03-02 10:00 Europe/Berlin (09:00 UTC)`."""
        return f"on {both(at, self.person.zone)}"

    def _place(self, line: Trace | None) -> str:
        if line is None or not line.line:
            return ""
        journey = self.person.journeys.by_name.get(line.journey)
        return f" [{journey.file}:{line.line}]" if journey is not None else ""
