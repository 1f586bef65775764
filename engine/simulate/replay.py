"""A recorded event stream through the project's journeys on a virtual clock; no network, nothing is sent."""

from __future__ import annotations

import gc
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any

from engine.compiler.world import World
from engine.core.effects import Decision
from engine.core.facts import CustomerState
from engine.core.happening import Changed, Event
from engine.core.journeys import Journeys
from engine.simulate.crowd import Crowd
from engine.simulate.driver import Driver
from engine.simulate.figures import Figures, prices
from engine.simulate.inside import needed_fields, only_needed, remembered
from engine.simulate.mapping import StreamMapping
from engine.simulate.shelf import TOUCHES, Shelf
from engine.simulate.stream import BadLine, Record, read_stream
from engine.simulate.translate import CODE, PRODUCT, Target, Translator, shared_codes
from engine.values import SECOND, Instant, Value, zone

MOST_LISTED = 100
"""Bad lines that are kept with their reason; all are counted."""

ADDRESSES: Mapping[str, str] = {"email": "email", "phone": "sms"}
"""Attributes that are the address of a channel."""


@dataclass(frozen=True, slots=True)
class Options:
    """`strict`: nobody is taken to be reachable. `out`: the folder for every start, message and end."""

    strict: bool = False
    out: Path | None = None
    progress: Callable[[int], None] | None = None


@dataclass(slots=True)
class ReplayResult:
    """What became of the stream. `events` of ours, by name; `unknown` foreign names; `late`: lines earlier than one
    before them, taken as events that arrived late; `doubles`: equal within a second, dropped."""

    figures: Figures
    prices: Mapping[str, Decimal]
    currency: str
    lines: int = 0
    customers: int = 0
    events: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    misfits: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    late: int = 0
    first_late: int | None = None
    doubles: int = 0
    first_at: Instant | None = None
    last_at: Instant | None = None


def replay(
    journeys: Journeys,
    world: World,
    streams: Sequence[Path],
    mapping: StreamMapping | None = None,
    options: Options = Options(),
) -> ReplayResult:
    """Runs the streams, merged by time, through the journeys. It ends with the moment of the last event; wakes that are
    due then are included. Raises UsageError when a file cannot be read."""
    run = _Replay(only_needed(replace(journeys, explain=False)), world, mapping or StreamMapping(), options)
    was_on = gc.isenabled()
    gc.disable()  # states live to the end and hold no circles: collecting finds nothing and costs a third
    try:
        if options.out is not None:
            run.figures.write_to(options.out)
        run.play(_merged(streams, run.mapping.form, options.progress))
    finally:
        run.figures.close()
        if was_on:
            gc.enable()
    return run.result


def _merged(
    streams: Sequence[Path], form: Mapping[str, str], progress: Callable[[int], None] | None
) -> Iterator[Record | BadLine]:
    if len(streams) == 1:
        return read_stream(streams[0], form, progress)
    each = [
        _timed(read_stream(path, form, _share(progress, place)), place) for place, path in enumerate(streams)
    ]
    return (line for _, _, line in heapq.merge(*each, key=itemgetter(0, 1)))


def _share(progress: Callable[[int], None] | None, place: int) -> Callable[[int], None] | None:
    """With several files the first, which is the long one, tells how far we are."""
    return progress if place == 0 else None


def _timed(lines: Iterable[Record | BadLine], place: int) -> Iterator[tuple[int, int, Record | BadLine]]:
    """A refused line keeps its place behind the line before it."""
    at = 0
    for line in lines:
        at = max(at, line.at) if isinstance(line, Record) else at
        yield at, place, line


class _Replay:
    """One replay from the first line to the last."""

    def __init__(self, journeys: Journeys, world: World, mapping: StreamMapping, options: Options) -> None:
        config = world.config
        self.mapping = mapping
        self.figures = Figures(zone(journeys.timezone))
        self.result = ReplayResult(self.figures, prices(config), config.currency)
        self.currency = mapping.currency or config.currency
        codes = shared_codes(config.codes)
        needed = needed_fields(journeys, frozenset((CODE, PRODUCT)))
        self.translator = Translator(world.catalogue, mapping, needed, self.currency, codes)
        self.driver = Driver(journeys, self._record)
        self.crowd = Crowd(journeys, self.driver, options.strict)
        self.shelf = Shelf(journeys, self.crowd, world.catalogue, self.currency)
        self.heard = journeys.index.heard
        self.remembered = remembered(journeys)
        self.about_products = self.shelf.touches or self.shelf.reads
        self.second = 0
        self.seen: set[Any] = set()

    def play(self, lines: Iterator[Record | BadLine]) -> None:
        result, crowd, now = self.result, self.crowd, Instant(0)
        count = 0
        for line in lines:
            count += 1
            if not isinstance(line, Record):
                self._refuse(line)
                continue
            at = line.at
            if result.first_at is None:
                result.first_at = now = crowd.now = at
            if at > now:
                crowd.run_before(at)
                now = crowd.now = at
            elif at < now:
                result.late += 1
                result.first_late = result.first_late or line.line
            self._take(line, now)
        crowd.run_before(Instant(now + 1))
        result.lines, result.customers = count, len(crowd.states)
        result.last_at = now if result.first_at is not None else None
        result.unknown, result.misfits = self.translator.unknown, self.translator.misfits

    def _take(self, record: Record, now: Instant) -> None:
        rules = self.mapping.products.get(record.name)
        try:
            for rule in rules or ():
                self.shelf.change(rule, record.properties(), now)
            targets = self.translator.targets(record.name)
            if not targets or self._is_double(record):
                return
            if record.customer is None:
                self._refuse(BadLine(record.file, record.line, f'"{record.name}" has no customer_id'))
                return
            for target in targets:
                self._give(target, record, now)
        except ValueError as wrong:
            self._refuse(BadLine(record.file, record.line, str(wrong)))

    def _give(self, target: Target, record: Record, now: Instant) -> None:
        name, customer, crowd = target.name, record.customer, self.crowd
        assert customer is not None
        if not target.customer and not target.where and self._is_nothing(name, customer):
            self.result.events[name] += 1
            if crowd.needs_everybody:
                crowd.state(customer, now)
            return
        read = self.translator.read(target, record)
        if read is None:
            return
        fields, attributes = read
        self.result.events[name] += 1
        if attributes:
            self._learn(customer, attributes, now)
        event = Event(self.driver.next_number(), "", name, min(record.at, now), now, fields)
        if self.about_products:
            self.shelf.touch(customer, event)
            product = fields.get(PRODUCT)
            if isinstance(product, str):
                self.shelf.show(customer, product, now)
        if not self._is_nothing(name, customer):
            crowd.event(customer, event, now)
        elif crowd.needs_everybody:
            crowd.state(customer, now)

    def _is_nothing(self, name: str, customer: str) -> bool:
        """Nobody will ask about such an event, and the customer is in no run that could wait for it."""
        if name in self.remembered:
            return False
        if self.about_products and name in TOUCHES:
            return False
        state = self.crowd.states.get(customer)
        return name not in self.heard or state is None or not state.runs

    def _learn(self, customer: str, attributes: dict[str, Value], now: Instant) -> None:
        """Attributes and addresses that an event tells: only what is new is a change."""
        known = self.crowd.state(customer, now).facts
        values: dict[str, Value] = {}
        addresses: dict[str, str | None] = {}
        consents: dict[tuple[str, str], str] = {}
        for name, value in attributes.items():
            head, _, channel = name.partition(".")
            if head == "consent":
                consents[channel, "marketing"] = str(value)
            elif head == "addresses":
                addresses[channel] = str(value)
            elif known.values.get(name) != value:
                values[name] = value
                if name in ADDRESSES:
                    addresses[ADDRESSES[name]] = str(value)
        if values or addresses or consents:
            number = self.driver.next_number()
            self.crowd.happen(customer, Changed(number, now, values, addresses, consents), now)

    def _is_double(self, record: Record) -> bool:
        """Equal content within one second and without an id is one event (LANGUAGE 2.13)."""
        second = record.at // SECOND
        if second != self.second:
            self.second = second
            self.seen.clear()
        content = record.content()
        if content in self.seen:
            self.result.doubles += 1
            return True
        self.seen.add(content)
        return False

    def _refuse(self, line: BadLine) -> None:
        self.result.bad += 1
        if len(self.result.bad_lines) < MOST_LISTED:
            self.result.bad_lines.append(line)

    def _record(self, state: CustomerState, decision: Decision, now: Instant) -> None:
        self.figures.add(state.facts.customer, decision, now)
