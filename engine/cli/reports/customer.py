"""What `show` tells of a customer: attributes, facts with their age, zone, reach, segments, where their runs
rest, and the history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from engine.cli.reports import points
from engine.cli.reports.consent_ledger import ledger
from engine.cli.reports.customer_history import Entry, HistoryEntry
from engine.cli.reports.facts import gap_of, progress_of
from engine.cli.reports.forecasts import calibration_line
from engine.cli.reports.points import PointsReport
from engine.cli.reports.times import both, distance
from engine.cli.reports.trace_lines import closed, reason
from engine.cli.reports.unknown_messages import UnknownMessage
from engine.core.conditions.trace_values import words
from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Enrollment,
    Relocating,
    Waiting,
)
from engine.core.facts.computed import windowed_value
from engine.core.facts.fold import moments_of
from engine.core.facts.rule import FactRule
from engine.core.facts.tally import FEW, expected_gap, median_gap
from engine.figures.reports.forecast_words import why_none
from engine.runtime.known_customer import KnownCustomer
from engine.store.customers import history
from engine.values import DAY, Type, Value, iso


@dataclass(frozen=True, slots=True)
class FactValue:
    """A fact in words. `as_of`: how old it is."""

    value: str
    as_of: str

    @classmethod
    def of(cls, rule: FactRule, person: KnownCustomer) -> FactValue:
        """As it stands now."""
        facts = person.state.facts
        if rule.how == "rfm":
            at = person.scored.get(rule.name)
            as_of = f"scored {distance(at, person.now)}" if at is not None else "not scored yet"
            return cls(words(facts.values.get(rule.name), rule.type), as_of)
        if rule.is_forecast:
            return cls(words(facts.values.get(rule.name), rule.type), _as_forecast(rule, person))
        if rule.last is not None:
            return cls(_in_words(windowed_value(rule, facts, person.now), rule), "counted now")
        seen = facts.event_counters.get(rule.event)
        as_of = f"as of {rule.event} {distance(seen.last_at, person.now)}" if seen else f"no {rule.event} yet"
        if rule.how == "next" and seen:
            as_of += f", {_why_next(person.journeys.index.rules[rule.name], person)}"
        definition = person.definitions.get(rule.name)
        if definition is not None:
            # What stands is of another definition, or leaves out what is not kept
            is_short = seen is not None and seen.first_at < (definition.counted_from or 0)
            notes = [progress_of(definition), gap_of(definition) if is_short else ""]
            as_of = "; ".join([as_of, *filter(None, notes)])
        return cls(_in_words(facts.values.get(rule.name), rule), as_of)


def _as_forecast(rule: FactRule, person: KnownCustomer) -> str:
    """Of which day it is, and how well the one before has done."""
    made = person.forecasts.get(rule.name)
    if made is None:
        return "not made yet"
    if made.shortcoming is not None:
        return why_none(made.shortcoming, made)
    line = calibration_line(made, person.journeys.currency)
    former = "" if made.fingerprint == rule.fingerprint else ", by its former definition"
    return f"as of {made.as_of}{former}; held out: {line}"


def _in_words(value: Value, rule: FactRule) -> str:
    if rule.how == "median days between" and isinstance(value, Decimal):
        return f"{value:.1f}"
    return words(value, rule.type)


def _why_next(rule: FactRule, person: KnownCustomer) -> str:
    """By which rule the next event is expected when it is."""
    moments = moments_of(person.state.facts, rule)
    if len(moments) >= FEW:
        return f"by their own median of {_days(median_gap(moments))} ({len(moments) - 1} gaps)"
    if not moments:
        return "all of them taken back"
    gap = expected_gap(moments, rule.typical)
    alike = ("one " + rule.event, "one gap", "two gaps")[len(moments) - 1]
    if gap is None:
        return f"too few of them, and no median is known of customers with {alike}"
    if len(moments) == 1:
        return f"by the median first gap of all customers, {_days(gap)}"
    return f"by the median of customers with {alike}, {_days(gap)}"


def _days(gap: int) -> str:
    return f"{gap / DAY:.1f} days"


@dataclass(frozen=True, slots=True)
class ChannelReach:
    """Whether one channel reaches the customer."""

    address: str | None
    consent: Mapping[str, str]  # purpose -> state
    suppressed: str | None  # for which purpose, by what is known of the customer
    bounced: bool
    closed: str | None  # by the list of closed addresses, in words

    @classmethod
    def of(cls, channel: str, person: KnownCustomer) -> ChannelReach:
        """As it stands now."""
        known, shut = person.state.facts.reach.get(channel), person.shut.get(channel)
        if known is None:
            return cls(None, {}, None, bounced=False, closed=shut)
        return cls(known.address, dict(known.consents), known.suppressed, known.bounced, shut)

    def in_words(self) -> str:
        """`anna@shop.example  marketing: given, closed by a bounce`."""
        if not self.address:
            return closed("no address")
        parts = [f"{purpose}: {state}" for purpose, state in self.consent.items()] or ["no consent was given"]
        # The list of closed addresses knows most; the others are what is left without it
        if self.closed:
            parts.append(self.closed)
        elif self.bounced:
            parts.append("closed by a bounce")
        elif self.suppressed:
            parts.append(f"closed for {self.suppressed}")
        return f"{self.address}  {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class OpenRun:
    """An open run: where it rests and until when."""

    journey: str
    key: str
    started_at: str
    holdout: bool
    step: str | None
    rests: str
    due_at: str | None  # ISO 8601 in UTC
    due: str | None  # as people read it

    @classmethod
    def of(cls, run: Enrollment, person: KnownCustomer) -> OpenRun:
        """As it stands now."""
        due = run.due.at if run.due is not None else None
        return cls(
            journey=run.journey,
            key=run.key,
            started_at=iso(run.started_at),
            holdout=run.holdout,
            step=run.state.step if run.state is not None else None,
            rests=resting(run, person),
            due_at=iso(due) if due is not None else None,
            due=both(due, person.zone) if due is not None else None,
        )


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """A line of the ledger."""

    at: str
    channel: str
    purpose: str
    state: str
    source: str
    wording: str


@dataclass(frozen=True, slots=True)
class CustomerReport:
    """Everything that `show` says. Moments as ISO 8601 in UTC."""

    customer: str
    aliases: tuple[str, ...]
    since: str
    timezone: str
    timezone_why: str
    attributes: Mapping[str, str]
    facts: Mapping[str, FactValue]
    reach: Mapping[str, ChannelReach]
    segments: Mapping[str, str]  # name -> since when
    runs: tuple[OpenRun, ...]
    consents: tuple[ConsentLine, ...]
    points: PointsReport | None
    unknown: tuple[UnknownMessage, ...]
    not_applied: int  # what was received and waits for the daemon
    history: tuple[Entry, ...]


def report(
    conn: Connection, person: KnownCustomer, unknown: list[UnknownMessage], past: list[HistoryEntry]
) -> CustomerReport:
    """The report with these entries of the history."""
    facts, journeys = person.state.facts, person.journeys
    rules = {rule.name: rule for rule in journeys.facts}
    computed = journeys.loyalty.facts if journeys.loyalty is not None else ()
    in_order = sorted(
        person.state.enrollments.values(), key=lambda run: (run.started_at, run.journey, run.id)
    )
    others = sorted(set(facts.reach) - set(journeys.channels))  # of a channel that is no longer configured
    return CustomerReport(
        customer=person.id,
        aliases=person.aliases,
        since=iso(person.since),
        timezone=facts.timezone,
        timezone_why=facts.timezone_why,
        attributes={
            name: words(value, journeys.attributes.get(name, Type("text")))
            for name, value in sorted(facts.values.items())
            if name not in rules and name not in computed
        },
        facts={name: FactValue.of(rule, person) for name, rule in rules.items()},
        reach={channel: ChannelReach.of(channel, person) for channel in (*journeys.channels, *others)},
        segments={name: iso(at) for name, at in sorted(person.segments.items())},
        runs=tuple(OpenRun.of(run, person) for run in in_order if run.is_open),
        consents=tuple(
            ConsentLine(iso(line.at), line.channel, line.purpose, line.state, line.source, line.wording)
            for line in ledger(conn, person.id)
        ),
        points=points.report(conn, person),
        unknown=tuple(unknown),
        not_applied=history.waiting_in_inbox(conn, person.id),
        history=tuple(moment.entry for moment in past),
    )


def resting(run: Enrollment, person: KnownCustomer) -> str:
    """Where a run rests, in words."""
    until = (
        f" until {both(run.due.at, person.zone)}, {distance(run.due.at, person.now)}"
        if run.due is not None
        else ""
    )
    match run.state:
        case _ if run.holdout:
            return f"is in the holdout{until}"
        case Waiting(step=step):
            return f"waits at {step}{until}"
        case Deferred(step=step, why=why):
            return f"is held before {step}{until}: {reason(why)}"
        case AwaitingSend(step=step, channel=channel):
            return f"hands over {step} via {channel}"
        case AwaitingReaction(step=step, channel=channel, unknown=True):
            return f"stands at {step}: nobody knows whether the message via {channel} left"
        case AwaitingReaction(step=step, channel=channel):
            return f"listens for an answer to {step} via {channel}{until}"
        case AwaitingCode(step=step):
            return f"waits for a promo code at {step}"
        case Relocating(step=step, was=was):
            return f"goes on from {was} to {step or 'the end'}{until}"
        case None:
            return "is on its way"
