"""Journeys from a few lines of YAML, and the life of one customer inside them, minute by minute."""

from __future__ import annotations

import datetime as dt
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from engine.compiler.facts.customer_file import read_catalogue
from engine.compiler.journeys.compile import compile_journey, compile_segment
from engine.compiler.project_context import ProjectContext
from engine.compiler.publication import publish
from engine.compiler.templates.message_set import TemplateFiles
from engine.compiler.templates.template_file import TemplateFile
from engine.config.file import read_config
from engine.core.decide import decide, next_due
from engine.core.decision.effects import Cancel, Decision, Effect, Emit, Send, TakeCode, Trace
from engine.core.enrollment import Enrollment
from engine.core.facts.customer import CustomerState, Facts
from engine.core.facts.fold import initial_values
from engine.core.happening import (
    CodeTaken,
    Event,
    Happening,
    MemberAdmitted,
    MessageOutcome,
    MessageReturned,
    MessageSent,
    Occurrence,
    ProductChanged,
    ProfileChanged,
    Reaction,
    SegmentChanged,
)
from engine.core.journeys import Journeys
from engine.core.reasons import ReturnReason
from engine.language.parse import parse_journey, parse_segment
from engine.language.yaml.source import read
from engine.problem import render_problems
from engine.values import Instant, Value, at_local, to_datetime, zone

CONFIG = """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: Europe/Berlin
currency: EUR
channels:
  push: {via: outbox, price: 0 EUR}
  email: {via: outbox, price: 0.001 EUR}
  sms: {via: outbox, price: 0.06 EUR}
policies:
  marketing:
    consent: marketing
    quiet: 21:00-09:00
    too_late: 24 hours
  capped:
    consent: marketing
    caps: [1 a day, 3 a week, sms: 1 a month]
    if_capped: skip
  patient:
    consent: marketing
    caps: [1 a day, 3 a week, sms: 1 a month]
    if_capped: wait up to 3 days
  free:
    consent: none
    quiet: none
    caps: none
codes:
  WELCOME10: {kind: generated, pattern: "WELCOME-????-????"}
  SPRING: {kind: shared, code: SPRING26}
  PAPER: {kind: file, path: codes/paper.csv}
webhooks:
  crm: {url: https://crm.example/tasks, secret: env:CRM_SECRET}
"""

CUSTOMER = """
attributes:
  birthday: birthday
  tier: one of [bronze, silver, gold]
  points: number
  tags: list of text
  lifecycle: text
  first_seen: time
  seen_on: date
  runs_out_on: date
facts:
  orders_count: count of order_placed
  last_order_at: last order_placed
"""

EVENTS = """
events:
  order_placed: {fields: {order_id: text, total: money, code: text, product_id: text}}
  cart_updated: {fields: {cart_id: text, total: money, product_id: text}}
  subscribed: {fields: {form: text, runs_out_on: date}}
  order_delivered: {fields: {order_id: text}}
  site_visited: {fields: {page: text}}
"""

PRODUCT = "product: {name: text, price: money, in_stock: true/false, stock: number}\n"

_SEND = re.compile(r"- send: (\w+)(.*?)(?=\n\s*- |\n\S|\Z)", re.DOTALL)
_VIA = re.compile(r"via: \[?([\w, ]+)\]?")

BERLIN = zone("Europe/Berlin")
DAY_0 = dt.date(2026, 3, 2)


def moment(label: str, tz: str = "Europe/Berlin") -> Instant:
    """The instant of `3 18:30` (day 3, Monday 2 March 2026 being day 0)."""
    day, _, time = label.partition(" ")
    return at_local(DAY_0 + dt.timedelta(days=int(day)), dt.time.fromisoformat(time), zone(tz))


def label(at: Instant, tz: str = "Europe/Berlin") -> str:
    """`3 18:30`."""
    local = to_datetime(at, zone(tz))
    return f"{(local.date() - DAY_0).days} {local:%H:%M}"


def project(*texts: str, segments: Mapping[str, str] | None = None, config: str = CONFIG) -> Journeys:
    """Published journeys; a mistake in them fails the test with the words an author would read."""
    shop, problems = read_config(config)
    nodes = [read(text, name)[0] for text, name in ((CUSTOMER, "c"), (EVENTS, "e"), (PRODUCT, "p"))]
    catalogue, more = read_catalogue(nodes[0], nodes[1], nodes[2], shop)
    world = ProjectContext(shop, catalogue, {}, _templates(texts))
    problems += more
    found = {}
    for name, who in (segments or {}).items():
        file, wrong = parse_segment(
            f"segment: {name}\nabout: a test\nwho: {who}\n", f"journeys/segments/{name}.yaml"
        )
        assert file is not None, wrong
        found[name] = file
    names = frozenset(text.strip().split("\n")[0].removeprefix("journey: ") for text in texts)
    world = replace(world, segments=found, journeys=names)
    rules = {}
    for name, file in found.items():
        rule, mistakes = compile_segment(file, world)
        assert rule is not None, mistakes
        rules[name] = rule
    compiled = []
    for text in texts:
        name = text.strip().split("\n")[0].removeprefix("journey: ")
        source = f"journeys/{name}.yaml"
        parsed, wrong = parse_journey(text.lstrip(), source)
        assert parsed is not None, render_problems(wrong, {source: text})
        made = compile_journey(parsed, world)
        errors = [each for each in (*problems, *wrong, *made.problems) if each.is_error]
        assert not errors, render_problems(errors, {source: text.lstrip()})
        assert made.journey is not None
        compiled.append(made.journey)
    return publish(compiled, rules, world)


def _templates(texts: tuple[str, ...]) -> TemplateFiles:
    by_name: dict[str, set[str]] = {}
    for text in texts:
        for name, rest in _SEND.findall(text):
            via = _VIA.search(rest.replace("cheapest likely of ", ""))
            channels = via[1].replace(" ", "").split(",") if via else ["email"]
            channels = ["push", "email", "sms"] if channels == ["cheapestlikely"] else channels
            by_name.setdefault(name, set()).update(channels)
    return TemplateFiles(
        {
            name: tuple(
                TemplateFile(name, channel, "", "txt", f"templates/{name}.{channel}.txt")
                for channel in sorted(channels)
            )
            for name, channels in by_name.items()
        }
    )


def new_customer(journeys: Journeys, **values: Value) -> CustomerState:
    """A customer whom every channel reaches, with the facts of somebody who did nothing yet."""
    known = initial_values(journeys.facts, journeys.currency) | values
    return CustomerState(Facts("ada", journeys.timezone, values=known, assumed_reach=True))


@dataclass(slots=True)
class Life:
    """One customer over time. Messages are handed over at once unless `hands` is false; codes of files come
    at once unless `codes` is false. `lines`: what a story would list, as `day time text`."""

    journeys: Journeys
    state: CustomerState
    hands: bool = True
    codes: bool = True
    now: Instant = Instant(0)
    number: int = 0
    lines: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    waiting: deque[Happening] = field(default_factory=deque)

    @property
    def run(self) -> Enrollment:
        """The only run that is kept."""
        (run,) = self.state.enrollments.values()
        return run

    @property
    def sends(self) -> list[Send]:
        """Every message that was planned."""
        return [effect for effect in self.effects if isinstance(effect, Send)]

    def trace(self) -> Iterator[Trace]:
        """Every line of the customer's history."""
        for decision in self.decisions:
            yield from decision.trace

    def said(self, kind: str) -> list[str]:
        """Details (or subjects) of the lines of one kind."""
        return [line.detail or line.subject for line in self.trace() if line.kind == kind]

    # --- what happens ---

    def event(
        self, at: str, name: str, happened: str | None = None, *, starts: bool = True, **fields: Value
    ) -> None:
        received = self.until(at)
        occurred = moment(happened) if happened else received
        self.take(Event(self.next(), f"e{self.number}", name, occurred, received, fields, starts))

    def change(self, at: str, starts: bool = True, **values: Value) -> None:
        self.take(ProfileChanged(self.next(), self.until(at), values, starts=starts))

    def consent(self, at: str, channel: str, answer: str) -> None:
        self.take(ProfileChanged(self.next(), self.until(at), consents={(channel, "marketing"): answer}))

    def segment(self, at: str, name: str, *, member: bool = True, starts: bool = True) -> None:
        self.take(SegmentChanged(self.next(), self.until(at), name, member, starts))

    def admit(self, at: str, journey: str, segment: str) -> None:
        """The moment of somebody who was a member when the journey went live."""
        self.take(MemberAdmitted(self.next(), self.until(at), journey, segment))

    def occurrence(self, at: str, journey: str, day: dt.date | None = None) -> None:
        moment = self.until(at)
        self.take(Occurrence(self.next(), journey, moment, day or to_datetime(moment, BERLIN).date()))

    def product(self, at: str, product_id: str, **fields: Value) -> None:
        self.take(ProductChanged(self.next(), self.until(at), product_id, fields))

    def react(
        self, at: str, template: str, kind: Literal["clicked", "opened", "replied"] = "clicked"
    ) -> None:
        send = self.last_send(template)
        self.take(Reaction(self.next(), self.until(at), send.key, send.enrollment, kind))

    def outcome(self, at: str, template: str, kind: str) -> None:
        send = self.last_send(template)
        self.take(
            MessageOutcome(
                self.next(),
                self.until(at),
                send.key,
                send.enrollment,
                cast("Literal['bounced']", kind),
                channel=send.channel,
            )
        )

    def hand(self, at: str, template: str) -> None:
        send = self.last_send(template)
        self.take(MessageSent(self.next(), self.until(at), send.key, send.enrollment))

    def give_back(self, at: str, template: str, why: str) -> None:
        send = self.last_send(template)
        self.take(MessageReturned(self.next(), self.until(at), send.key, send.enrollment, ReturnReason(why)))

    def code(self, at: str, pool: str, value: str | None) -> None:
        self.take(CodeTaken(self.next(), self.until(at), self.run.id, pool, value))

    # --- time ---

    def until(self, at: str) -> Instant:
        """Everything that becomes due before a moment happens; what is due at it waits for what happens at
        it."""
        end = moment(at)
        for _ in range(10_000):
            due = next_due(self.state, self.journeys)
            if due is None or due >= end:
                break
            self.now = max(self.now, due)
            self.wake()
        self.now = max(self.now, end)
        return end

    def pass_time(self, at: str) -> None:
        """Everything that becomes due up to and at a moment happens."""
        self.until(at)
        self.wake()

    def sleep(self, at: str) -> None:
        """Time passes and nobody looks: a downtime."""
        self.now = moment(at)

    def wake(self) -> None:
        """What is due now is looked at."""
        self._decide((), wakes=True)

    def publish(self, journeys: Journeys) -> None:
        """Other files are published from now on."""
        self.journeys = journeys

    def take(self, happening: Happening) -> None:
        self._decide((happening,), wakes=False)

    def next(self) -> int:
        self.number += 1
        return self.number

    def last_send(self, template: str) -> Send:
        return next(send for send in reversed(self.sends) if send.template == template)

    def _decide(self, happenings: tuple[Happening, ...], *, wakes: bool) -> None:
        decided = decide(self.state, happenings, self.journeys, self.now, wakes=wakes)
        self.state = decided.state
        for decision in decided.decisions:
            self._note(decision)
        while self.waiting:
            self._decide((self.waiting.popleft(),), wakes=False)

    def _note(self, decision: Decision) -> None:
        self.decisions.append(decision)
        self.effects.extend(decision.effects)
        for line in decision.trace:
            text = _words(line)
            if text is not None:
                self.lines.append(f"{label(line.at)} {text}")
        for effect in decision.effects:
            if isinstance(effect, Send) and self.hands:
                self.waiting.append(MessageSent(self.next(), self.now, effect.key, effect.enrollment))
            elif isinstance(effect, TakeCode) and effect.value is None and self.codes:
                value = f"{effect.pool}-{self.number}"
                self.waiting.append(CodeTaken(self.next(), self.now, effect.enrollment, effect.pool, value))
            elif isinstance(effect, Emit):
                head = (self.next(), effect.id, effect.name, effect.at, self.now)
                self.waiting.append(Event(*head, effect.fields, causes=effect.causes))
            elif isinstance(effect, Cancel):
                self.waiting = deque(
                    each for each in self.waiting if getattr(each, "key", None) != effect.key
                )


def _words(line: Trace) -> str | None:
    match line.kind:
        case "send":
            return f"send {line.subject} via {line.detail}"
        case "skip":
            return f"skip {line.subject} ({line.detail})"
        case "goal" | "goal (late)" | "finish" | "exit_if" | "restart" | "holdout" | "stopped":
            return line.kind
        case "exit":
            return f"exit {line.subject}"
        case "set" | "add" | "remove":
            return f"{line.kind} {line.subject} {line.detail}"
        case "code" | "webhook":
            return f"{line.kind} {line.subject}"
        case _:
            return None


def life(journeys: Journeys, *, hands: bool = True, codes: bool = True, **values: Value) -> Life:
    """A new customer of these journeys."""
    return Life(journeys, new_customer(journeys, **values), hands, codes)


def written(
    steps: str,
    *,
    name: str = "hello",
    start: str = "{event: subscribed}",
    again: str = "never",
    goal: str = "{event: order_placed}",
    **parts: str,
) -> str:
    """The text of a journey; `steps` is indented by two spaces."""
    top = {
        "state": "live",
        "start": start,
        "who": "",
        "again": again,
        "goal": goal,
        "exit_if": "",
        "policy": "marketing",
    }
    top |= {"priority": "", "holdout": ""} | parts
    lines = [f"{key}: {value}" for key, value in top.items() if value]
    body = "\n".join(f"  {line}" if line.strip() else "" for line in steps.strip("\n").split("\n"))
    return "\n".join([f"journey: {name}", *lines, "steps:", body, ""])
