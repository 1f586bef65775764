"""A one-off send: a journey with one message that everybody in a segment enters at once, and nobody after
them.

Its words are kept in the store, and every deployment takes it along as a file while people are inside, so
that it goes through the one interpreter: holds, caps, consent, lateness, pauses and the plan of a deployment
know it as any other.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from engine import project as projects
from engine.command_hints import command
from engine.core.facts.customer import Facts, caps_of, why_closed, why_silent
from engine.core.handlers.segments import is_member
from engine.core.happening import Occurrence
from engine.core.journey import Journey, SendStep
from engine.core.journeys import Journeys
from engine.core.steps.split import SplitStep
from engine.core.timing.frequency_caps import has_free_slot
from engine.core.timing.quiet_hours import quiet_end
from engine.errors import AuthorError
from engine.ids import choose_path, in_global_holdout, in_holdout
from engine.language.nodes import Mapping, Node, Scalar
from engine.language.yaml.source import read
from engine.project import Project
from engine.runtime.delivery.send_limits import SendLimits
from engine.store.customers import batches
from engine.store.inbox.inbox_codec import to_row
from engine.store.journeys import one_offs
from engine.store.journeys.one_offs import OneOff
from engine.values import Instant

PREFIX = "one_off_"
_NEVER = "nobody enters but those who were in the segment when it was sent"
CHUNK = 2000
"""Customers who are loaded at once."""


@dataclass(frozen=True, slots=True)
class OneOffRequest:
    """What to send to whom."""

    template: str
    segment: str
    policy: str
    goal: str  # an event
    via: tuple[str, ...] = ()  # empty: the language chooses
    next_after: str = ""
    at: str = ""  # local date and time of each customer; empty: at once
    code: str = ""  # a pool of which everybody takes a code first
    valid: str = ""  # how long that code is good
    against: str = ""  # another template that the rest gets, chosen by chance
    share: int = 50  # percent who get `template`, where there is another one
    holdout: int = 0  # percent who get nothing and are measured


def head(template: str, day: dt.date) -> str:
    """How the names of one-off sends of a template on a day begin."""
    return f"{PREFIX}{template}_{day:%Y%m%d}"


def journey_of(request: OneOffRequest, name: str, *, stopped: bool = False) -> str:
    """The YAML of its journey; `stopped`: whoever is inside leaves now."""
    lines = [
        f"journey: {name}",
        f"about: One-off send of {request.template} to {request.segment}; {_NEVER}",
        *(["state: stopped"] if stopped else []),
        f"start: {{segment: {request.segment}}}",
        "again: never",
        f"goal: {{event: {request.goal}, within: 7 days}}",
        f"policy: {request.policy}",
        *([f"holdout: {request.holdout}%"] if request.holdout else []),
        "steps:",
    ]
    if request.at:
        lines += [f"  - wait: until {request.at}", "    id: the_moment"]
    if request.code:
        lines += [f"  - code: {request.code}", f"    valid: {request.valid}"]
    if request.against:
        lines += ["  - split: variant", "    into:"]
        for share, template in ((request.share, request.template), (100 - request.share, request.against)):
            lines += [f"      {share}% {template}:", *_send_lines(request, template, "        ")]
    else:
        lines += _send_lines(request, request.template, "  ")
    return "\n".join(lines) + "\n"


def _send_lines(request: OneOffRequest, template: str, indent: str) -> list[str]:
    lines = [f"{indent}- send: {template}"]
    if request.via:
        listed = ", ".join(request.via)
        lines.append(f"{indent}  via: [{listed}]" if len(request.via) > 1 else f"{indent}  via: {listed}")
    if request.next_after:
        lines.append(f"{indent}  next_after: {request.next_after}")
    return lines


def request_of(one_off: OneOff) -> OneOffRequest:
    """What its journey says: `journey_of` of this is the same text, whether it was stopped or not."""
    node, _ = read(one_off.source, one_off.name)
    assert node is not None  # `journey_of` has written it
    journey = _plain(node)
    wait, code = (
        {key: step for step in journey["steps"] for key in step}.get(verb, {}) for verb in ("wait", "code")
    )
    last = journey["steps"][-1]
    paths = list(last.get("into", {}).items())
    send = paths[0][1][0] if paths else last
    via = send.get("via", [])
    return OneOffRequest(
        send["send"],
        journey["start"]["segment"],
        journey["policy"],
        journey["goal"]["event"],
        (via,) if isinstance(via, str) else tuple(via),
        send.get("next_after", ""),
        wait.get("wait", "").removeprefix("until "),
        code.get("code", ""),
        code.get("valid", ""),
        paths[1][1][0]["send"] if paths else "",
        int(paths[0][0].partition("%")[0]) if paths else 50,
        int(journey.get("holdout", "0").removesuffix("%")),
    )


def _plain(node: Node) -> Any:
    match node:
        case Scalar():
            return node.text
        case Mapping():
            return {entry.key.text: _plain(entry.value) for entry in node.entries}
        case _:
            return [_plain(item) for item in node.items]


# --- published -----------------------------------------------------------------------------------


def merged(conn: Connection, project: Project) -> Project:
    """The project with the one-off sends that are under way. Raises AuthorError when one of them does not fit
    it."""
    return with_one_offs(project, one_offs.list_active(conn), _known(conn))


def with_one_offs(project: Project, active: Sequence[OneOff], known: frozenset[str]) -> Project:
    """As `merged`, with those that are active; `known`: all there ever were, which the files of a publication
    may hold."""
    added = {f"journeys/{one_off.name}.yaml": one_off.source for one_off in active}
    own = {file: text for file, text in project.sources.items() if _name(file) not in known}
    if not added and len(own) == len(project.sources):
        return project
    # read anew as a whole: the checks that look at several files have to see the one-off sends too
    loaded = projects.load_published({**own, **added}, project.commit)
    problem = next((each for each in loaded.problems if each.is_error and each.span.file in added), None)
    if problem is not None:
        name = _name(problem.span.file)
        raise AuthorError(
            f"the one-off send {name} does not fit: {problem.what}",
            problem.fix or f"end it first with  {command(f'send --stop {name}')}",
        )
    return replace(loaded, folder=project.folder, journeys=sealed(loaded.journeys, known))


def sealed(journeys: Journeys, known: Iterable[str]) -> Journeys:
    """The journeys, of which one-off sends start nobody by themselves."""
    closed = {name: replace(journeys.by_name[name], starts=()) for name in known if name in journeys.by_name}
    return replace(journeys, by_name={**journeys.by_name, **closed}) if closed else journeys


def sealed_as_stored(conn: Connection, journeys: Journeys) -> Journeys:
    """As `sealed`, for journeys that were read from a publication."""
    return sealed(journeys, _known(conn))


def start(
    conn: Connection, name: str, members: Sequence[tuple[int, str]], day: dt.date, now: Instant
) -> None:
    """Lets these customers (bucket, id) enter."""
    kind, body = to_row(Occurrence(0, name, now, day))
    one_offs.start(conn, members, kind, body, now)


def _known(conn: Connection) -> frozenset[str]:
    return frozenset(one_off.name for one_off in one_offs.named(conn, PREFIX))


def _name(file: str) -> str:
    return file.removeprefix("journeys/").removesuffix(".yaml")


# --- what it would do ----------------------------------------------------------------------------


@dataclass(slots=True)
class OneOffPlan:
    """What a one-off send would do at this moment."""

    members: list[tuple[int, str]] = field(default_factory=list)  # (bucket, customer) of the whole segment
    reach: dict[str, Counter[str]] = field(default_factory=dict)
    """channel -> why not (or "reachable") -> how many customers."""
    first: Counter[str] = field(default_factory=Counter)  # channel -> how many get their first message by it
    nobody: int = 0  # have no channel that is open
    holdout: int = 0
    silent: int = 0  # are on a break, or inside a journey during which the policy is silent
    quiet: int = 0  # of those who get a message: are in their quiet hours
    capped: int = 0  # have had all the messages that a cap allows
    not_listed: int = 0  # are not on the `deliver_only` list
    languages: Counter[str] = field(default_factory=Counter)
    cost: Decimal = Decimal(0)  # of the first messages
    most: Decimal = Decimal(0)  # when nobody reacts, and every channel is used
    ceiling: int | None = None  # of the journey, per day

    @property
    def messages(self) -> int:
        """How many would get a first message, held or not."""
        return self.first.total()


def plan_of(conn: Connection, project: Project, journey: Journey, segment: str, now: Instant) -> OneOffPlan:
    """Asks everybody in the store; `now` is when the message would leave."""
    journeys = project.journeys
    limits = SendLimits.of(project.config, journeys)
    # Of two variants each customer gets one; who that is, is drawn when they come to it.
    steps = [step for step in journey.steps if isinstance(step, SendStep)]
    split = next((step for step in journey.steps if isinstance(step, SplitStep)), None)
    plan = OneOffPlan(reach={channel: Counter() for step in steps for channel in step.channels})
    plan.ceiling = limits.ceilings.of_journey(journey.name)
    rule = journeys.segments[segment]
    for bucket, chunk in batches.chunks(conn, CHUNK):
        for customer, state in batches.load_batch(conn, bucket, chunk, journeys, now).states.items():
            if is_member(rule, state.facts, now):
                plan.members.append((bucket, customer))
                step = steps[0] if split is None else _variant(customer, journey, split, steps)
                held_out = in_holdout(customer, journey.name, journey.holdout)
                _count_member(plan, state.facts, step, journeys, limits, now, held_out=held_out)
    for channel, number in plan.first.items():
        plan.cost += number * journeys.prices[channel]
    return plan


def _variant(customer: str, journey: Journey, split: SplitStep, steps: Sequence[SendStep]) -> SendStep:
    """The message of the path that is drawn for a customer."""
    shares = [(name, share) for name, share, _ in split.paths]
    drawn = choose_path(customer, journey.name, split.salt, shares)
    return next(step for step in steps if step.template == drawn)


def _count_member(
    plan: OneOffPlan,
    facts: Facts,
    step: SendStep,
    journeys: Journeys,
    limits: SendLimits,
    now: Instant,
    *,
    held_out: bool,
) -> None:
    """Asks in the order in which the daemon would: holdout, consent and addresses, allow list, caps. Each
    member is counted once: with the first of these that keeps the message from them, else with the channel
    of their first message. Quiet hours only put it off, so they take nobody away."""
    policy = step.policy
    reachable = []
    for channel in step.channels:
        why = why_closed(facts, channel, policy.consent)
        plan.reach[channel][why or "reachable"] += 1
        if why is None:
            reachable.append(channel)
    if held_out or (
        policy.consent is not None and in_global_holdout(facts.customer, journeys.global_holdout)
    ):
        plan.holdout += 1
        return
    listed = [channel for channel in reachable if _is_listed(facts, channel, limits)]
    if not listed:
        plan.nobody += not reachable
        plan.not_listed += bool(reachable)
        return
    if why_silent(facts, policy, now) is not None:
        plan.silent += 1
        return
    free = [
        channel
        for channel in listed
        if has_free_slot(caps_of(facts, policy), facts.cap_slots, now, facts.zone, channel, first_part=True)
    ]
    if not free:
        plan.capped += 1
        return
    plan.first[free[0]] += 1
    language = facts.values.get("language")
    plan.languages[language if isinstance(language, str) and language else "(no language known)"] += 1
    if policy.quiet is not None and quiet_end(policy.quiet, now, facts.zone) is not None:
        plan.quiet += 1
    plan.most += sum((journeys.prices[channel] for channel in free), Decimal(0))


def _is_listed(facts: Facts, channel: str, limits: SendLimits) -> bool:
    if limits.only is None:
        return True
    addresses = (facts.reach[channel].address or "").split("\n") if channel in facts.reach else []
    return any(limits.only.names(channel, address, facts.customer) for address in addresses if address)
