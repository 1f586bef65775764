"""What `check --store` warns of: events that nobody sends, channels that nobody agreed to, attributes that
nobody has, templates that nobody uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sqlalchemy import Connection

from engine.cli.reports import segments
from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.nested_values import nested_values
from engine.compiler.walk import every_line, every_step
from engine.core.conditions.condition import Did
from engine.core.journey import EventTrigger, Journey, SendStep
from engine.language import syntax
from engine.language.nodes import Mapping as MappingNode
from engine.language.steps.branch import If
from engine.language.steps.send import Send
from engine.language.yaml.source import read
from engine.problem import Problem, Span
from engine.project import Project
from engine.runtime.publish import one_off
from engine.store.audience import reach_counts
from engine.store.audience.attribute_counts import attribute_counts
from engine.store.audience.event_arrivals import EventArrivals, event_arrivals
from engine.store.audience.reach_counts import ChannelPurpose, ReachState
from engine.store.customers import batches
from engine.store.journeys import one_offs
from engine.values import DAY, Instant, iso

EVENTS = "schemas/events.yaml"

GROWN_UP = 14 * DAY
"""A store that is younger has not seen yet what a shop sends."""

ENOUGH = 100
"""Events, or customers with an address, of which it says something that none is of a kind."""

LATELY = 30 * DAY
_OFTEN = 20
"""An event that came so often, and ten times less far apart than it is silent now, has stopped to come."""


def warnings(conn: Connection, project: Project, now: Instant) -> list[Problem]:
    """Everything that only the store can tell of the project's files."""
    return [
        *segments.warnings(conn, project),
        *_events(conn, project, now),
        *_consents(conn, project),
        *_attributes(conn, project),
        *_templates(conn, project),
    ]


# --- events -----------------------------------------------------------------------------------------


def _events(conn: Connection, project: Project, now: Instant) -> Iterator[Problem]:
    arrived = event_arrivals(conn, Instant(now - LATELY))
    others = sum(each.n for each in arrived.values())
    since = min((each.since for each in arrived.values()), default=now)
    if now - since < GROWN_UP or others < ENOUGH:
        return
    # Where each event of the shop stands in its schema
    file, _ = read(project.sources.get(EVENTS, ""), EVENTS)
    events = file.get("events") if isinstance(file, MappingNode) else None
    entries = events.entries if isinstance(events, MappingNode) else ()
    users, places = _users(project), {entry.key.text: entry.key.span for entry in entries}
    for event, span in sorted(places.items()):
        if event not in users:
            continue
        waiting = "; ".join(sorted(users[event]))
        found = arrived.get(event)
        if found is None:
            yield Problem(
                span, "W55", f'no "{event}" ever came',
                f"{others:,} other events came since {_day(since)}; {waiting}",
                "let the shop send it, or add the name that the shop gives it under  also:", "warning",
            )  # fmt: skip
        elif _has_stopped(found, arrived, now):
            yield Problem(
                span, "W55", f'no "{event}" came since {_day(found.last_at)}',
                f"{found.n:,} came before, and other events still do; {waiting}",
                "look at what sends it", "warning",
            )  # fmt: skip


def _has_stopped(found: EventArrivals, arrived: Mapping[str, EventArrivals], now: Instant) -> bool:
    if found.lately or found.n < _OFTEN or sum(each.lately for each in arrived.values()) < ENOUGH:
        return False
    return now - found.last_at > 10 * max(found.last_at - found.since, DAY) // found.n


def _users(project: Project) -> dict[str, set[str]]:
    """What stands still without an event, in words."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for name, journey in project.compiled.items():
        if journey.state not in ("live", "paused"):
            continue
        started = {start.event for start in journey.starts if isinstance(start, EventTrigger)}
        awaited = {event for step in journey.steps for event in step.awaited_events()}
        asked = {did.event for did in nested_values(journey, Did)}
        for event in started:
            users[event].add(f"{name} begins with it")
        for event in {*journey.goal.events} - started:
            users[event].add(f"it is the goal of {name}")
        for event in (awaited | asked) - started - {*journey.goal.events}:
            users[event].add(f"{name} asks for it")
    for name, rule in project.journeys.segments.items():
        for did in nested_values(rule.question, Did):
            users[did.event].add(f"the segment {name} asks for it")
    # our own forms send these as soon as somebody signs up
    signup = project.config.signup
    for event in (signup.confirmed, *(each.event for each in signup.lists.values())):
        users.pop(project.catalogue.event_name(event), None)
    return users


def _day(at: Instant) -> str:
    return iso(at)[:10]


# --- consent ----------------------------------------------------------------------------------------


def _consents(conn: Connection, project: Project) -> Iterator[Problem]:
    # By channel and purpose, the journeys whose messages need a consent there
    senders: defaultdict[ChannelPurpose, set[str]] = defaultdict(set)
    for name, journey in project.compiled.items():
        for step in _messages(journey):
            for channel in step.channels if step.policy.consent is not None else ():
                senders[ChannelPurpose(channel, step.policy.consent or "")].add(name)
    counted = reach_counts.counts(conn, sorted(senders, key=lambda of: (of.channel, of.purpose)))
    files = tuple(project.files.values())
    config = ProjectCheckInput(files, project.world, project.messages, project.sources)
    for of, states in counted.items():
        silent = states.get(ReachState.NO_CONSENT, 0)
        answered = set(states) - {ReachState.NO_CONSENT, ReachState.NO_ADDRESS}
        if answered or silent < ENOUGH:
            continue
        names = ", ".join(sorted(senders[of])[:5])
        yield Problem(
            config.place_in_config(of.channel, r"(?m)^channels:"), "W56",
            f"nobody agreed to {of.purpose} by {of.channel}, and nobody was asked",
            f"all {silent:,} customers with an address there are skipped by: {names}",
            "ask for it with a list under  signup:  or in the checkout, or import the consents that you have",
            "warning", subject=f"{of.channel}.{of.purpose}",
        )  # fmt: skip


def _messages(journey: Journey) -> Iterator[SendStep]:
    if journey.state in ("live", "paused"):
        yield from (step for step in journey.steps if isinstance(step, SendStep))


# --- attributes -------------------------------------------------------------------------------------


def _attributes(conn: Connection, project: Project) -> Iterator[Problem]:
    """Who asks for 0 means those without as well, and gets nobody: what was never set is not 0."""
    everybody = batches.count(conn)
    asked = list(_asked_for_zero(project)) if everybody >= ENOUGH else []
    counts = attribute_counts(conn, sorted({test.name.value for test in asked}))
    for test in asked:
        name = test.name.value
        if not counts[name]:
            yield Problem(
                test.name.span, "W59", f'nobody has "{name}", so  {name}: 0  is true of nobody',
                f"it was never set for any of {everybody:,} customers, and what is not set is not 0",
                f"write  {name}: not more than 0", "warning",
            )  # fmt: skip


def _asked_for_zero(project: Project) -> Iterator[syntax.Test]:
    attributes, computed = project.catalogue.attributes, project.catalogue.computed
    conditions = [segment.who for segment in project.segments.values()]
    for file in project.files.values():
        conditions += [file.who, file.exit_if, file.goal.when if file.goal is not None else None]
        conditions += [step.condition for step in every_step(file.steps) if isinstance(step, If)]
    for condition in conditions:
        for line in every_line(condition) if condition is not None else ():
            if not isinstance(line, syntax.Test) or line.name.value in computed:
                continue
            kind = attributes.get(line.name.value)
            zeros = isinstance(line.form, syntax.Equals) and {text.value for text in line.form.values} == {
                "0"
            }
            if zeros and kind is not None and kind.kind in ("number", "money"):
                yield line


# --- templates --------------------------------------------------------------------------------------


def _templates(conn: Connection, project: Project) -> Iterator[Problem]:
    used = {
        step.template.value
        for file in project.files.values()
        for step in every_step(file.steps)
        if isinstance(step, Send)
    }
    for sent in one_offs.named(conn, one_off.PREFIX):
        request = one_off.request_of(sent)
        used |= {request.template, request.against}
    for name, files in sorted(project.templates.by_name.items()):
        if name in used:
            continue
        others = f" and {len(files) - 1} more of it" if len(files) > 1 else ""
        yield Problem(
            Span(files[0].file, 1, 1), "W57", f'nobody sends the template "{name}"',
            "no journey and no one-off send has it; it is checked and translated all the same",
            f"send it, or delete {files[0].file}{others}", "warning",
        )  # fmt: skip
