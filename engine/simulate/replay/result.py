"""What a replay comes to: starts, messages, ends and cost per journey and day, every row for `--out`; and how
the shares of several processes become one."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import orjson

from engine.config import Config
from engine.core.coming_questions import AskedOutcomes
from engine.core.decision.effects import Decision, EnterPoints, TakeCode
from engine.simulate.replay.stream import BadLine
from engine.values import MINUTE, Instant, iso, to_datetime

QUARTER = 15 * MINUTE
"""Every offset of a zone is a multiple of it, in the years since there are events."""

STARTS, MESSAGES, ENDS = "starts.jsonl", "messages.jsonl", "ends.jsonl"
FILES = (STARTS, MESSAGES, ENDS)
SKIPS, GOALS, CODES, POINTS, OPEN = "skips", "goals", "codes", "points", "open"
"""What is counted of each customer and has no file of rows."""

CountOfCustomer = tuple[str, str, str, str]
"""Which of these, journey, what of it (a reason, a pool, or empty), and customer."""


@dataclass(slots=True)
class ReplayDay:
    """One journey on one local day of the shop."""

    starts: int = 0
    messages: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # step, template, channel
    outcomes: Counter[str] = field(default_factory=Counter)
    goals: int = 0
    skips: Counter[str] = field(default_factory=Counter)  # by reason
    codes: Counter[str] = field(default_factory=Counter)  # by pool
    points: int = 0  # given by `add`

    def add(self, other: ReplayDay) -> None:
        """Adds the figures of another day, or of the same for other customers."""
        self.starts += other.starts
        self.messages += other.messages
        self.outcomes += other.outcomes
        self.goals += other.goals
        self.skips += other.skips
        self.codes += other.codes
        self.points += other.points


@dataclass(slots=True)
class ReplayFigures:
    """Adds up decisions. `days`: journey -> local date -> figures. `since`: decisions before it count for
    nothing but for who is inside. `of_customers`: what no row tells, for a sample; None: not wanted."""

    zone: ZoneInfo
    since: Instant = Instant(0)
    days: dict[str, dict[dt.date, ReplayDay]] = field(default_factory=lambda: defaultdict(dict))
    open: dict[str, str] = field(default_factory=dict)  # id of a run -> journey
    of_customers: Counter[CountOfCustomer] | None = None
    _dates: dict[int, dt.date] = field(default_factory=dict)
    _rows: tuple[IO[bytes], IO[bytes], IO[bytes]] | None = None

    def write_to(self, files: Sequence[Path]) -> None:
        """From now on every start, message and end is also a line in these three files, behind its moment and
        customer."""
        starts, messages, ends = (file.open("wb") for file in files)
        self._rows = (starts, messages, ends)

    def close(self) -> None:
        """The files of `write_to` are complete."""
        for file in self._rows or ():
            file.close()
        self._rows = None

    def date(self, at: Instant) -> dt.date:
        """The local day of the shop."""
        # Millions of messages fall on some thousands of quarters of an hour
        quarter = at // QUARTER
        date = self._dates.get(quarter)
        if date is None:
            date = self._dates[quarter] = to_datetime(at, self.zone).date()
        return date

    def day(self, journey: str, at: Instant) -> ReplayDay:
        """The figures of a journey on the day of a moment."""
        days = self.days[journey]
        date = self.date(at)
        day = days.get(date)
        if day is None:
            day = days[date] = ReplayDay()
        return day

    def rename(self, names: Mapping[str, str]) -> None:
        """Calls journeys by other names: name -> the other one; whatever is not in it keeps its own."""
        former, self.days = self.days, defaultdict(dict)
        for name, days in former.items():
            for date, day in days.items():
                self.days[names.get(name, name)].setdefault(date, ReplayDay()).add(day)
        self.open = {run: names.get(name, name) for run, name in self.open.items()}
        if self.of_customers is not None:
            counted, self.of_customers = self.of_customers, Counter()
            for (kind, name, what, customer), count in counted.items():
                self.of_customers[kind, names.get(name, name), what, customer] += count

    def absorb(self, other: ReplayFigures) -> None:
        """Adds the figures of another share."""
        self.open |= other.open
        if self.of_customers is not None and other.of_customers is not None:
            self.of_customers.update(other.of_customers)
        for journey, days in other.days.items():
            for date, day in days.items():
                self.days[journey].setdefault(date, ReplayDay()).add(day)

    def add(self, customer: str, decision: Decision, now: Instant) -> None:
        """Counts what one decision did."""
        run = decision.enrollment
        if run is None:
            return
        journey, rows = run.journey, self._rows
        if now < self.since:
            if any(trace.kind == "start" for trace in decision.trace):
                self._enter(run.id, journey, customer)
            if run.outcome is not None:
                self._leave(run.id, customer)
            return
        for trace in decision.trace:
            kind = trace.kind
            if kind == "start":
                self._enter(run.id, journey, customer)
                self.day(journey, now).starts += 1
                if rows is not None:
                    _write(rows[0], now, journey, customer, key=run.key)
            elif kind == "send":
                self.day(journey, now).messages[trace.step, trace.subject, trace.detail] += 1
                if rows is not None:
                    words = {"step": trace.step, "template": trace.subject, "channel": trace.detail}
                    part = len(run.sent[trace.step])
                    _write(rows[1], now, journey, customer, **words, part=part)
            elif kind == "skip":
                self.day(journey, now).skips[trace.detail] += 1
                self._note(SKIPS, journey, customer, trace.detail)
            elif kind == "goal":
                self.day(journey, now).goals += 1
                self._note(GOALS, journey, customer)
        for effect in decision.effects:
            if isinstance(effect, TakeCode):
                self.day(journey, now).codes[effect.pool] += 1
                self._note(CODES, journey, customer, effect.pool)
            elif isinstance(effect, EnterPoints):
                self.day(journey, now).points += effect.points
                self._note(POINTS, journey, customer, by=effect.points)
        if run.outcome is not None and self._leave(run.id, customer):
            self.day(journey, now).outcomes[run.outcome] += 1
            if rows is not None:
                _write(rows[2], now, journey, customer, outcome=run.outcome)

    def _enter(self, run: str, journey: str, customer: str) -> None:
        if run not in self.open:
            self._note(OPEN, journey, customer)
        self.open[run] = journey

    def _leave(self, run: str, customer: str) -> bool:
        """Whether the run was inside."""
        journey = self.open.pop(run, None)
        if journey is None:
            return False
        self._note(OPEN, journey, customer, by=-1)
        return True

    def _note(self, kind: str, journey: str, customer: str, what: str = "", by: int = 1) -> None:
        if self.of_customers is not None:
            self.of_customers[kind, journey, what, customer] += by


def _write(file: IO[bytes], at: Instant, journey: str, customer: str, **more: str | int) -> None:
    """A row behind what it is sorted by: its moment and its customer."""
    row = {"journey": journey, "customer": customer, "at": iso(at), **more}
    line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    file.write(b"%d\t%b\t%b" % (at, orjson.dumps(customer), line))


def row_files(folder: Path, share: int) -> list[Path]:
    """Where one share of a replay writes its rows."""
    return [folder / f".{name}.{share}" for name in FILES]


def join_rows(folder: Path, shares: int) -> None:
    """The rows of all shares in order of time, then of customers, each in a file of its own name."""
    for place, name in enumerate(FILES):
        parts = [row_files(folder, share)[place] for share in range(shares)]
        rows = [row for part in parts for row in part.read_bytes().splitlines(keepends=True)]
        split = [row.split(b"\t", 2) for row in rows]
        split.sort(key=lambda row: (int(row[0]), row[1]))
        with (folder / name).open("wb") as file:
            file.writelines(row[2] for row in split)
        for part in parts:
            part.unlink()


def prices(config: Config) -> Mapping[str, Decimal]:
    """What a message costs on each channel, in the currency of its price."""
    return {name: channel.price for name, channel in config.channels.items()}


def cost(messages: Counter[tuple[str, str, str]], price: Mapping[str, Decimal]) -> Decimal:
    """The price of messages."""
    return sum((price.get(channel, Decimal(0)) * n for (_, _, channel), n in messages.items()), Decimal(0))


@dataclass(slots=True)
class ReplayResult:
    """What became of the stream. `events` of ours, by name; `unknown` foreign names; `late`: lines earlier
    than one before them, taken as events that arrived late; `doubles`: equal within a second, dropped.
    `members`: of the segments that were asked for, at the end. `asked`: what another version asks of the runs
    that are open then; `asked_squares`: the squares of the same by customer, summed.
    `starting_at`: when the first event came that may start something; imported history may not."""

    figures: ReplayFigures
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
    starting_at: Instant | None = None
    last_at: Instant | None = None
    members: dict[str, set[str]] = field(default_factory=dict)
    asked: AskedOutcomes = field(default_factory=Counter)
    asked_squares: AskedOutcomes = field(default_factory=Counter)


def united(parts: Sequence[ReplayResult]) -> ReplayResult:
    """The result of all shares. Each has seen every line, so their number and span are those of any of
    them."""
    first, *others = parts
    for part in others:
        first.figures.absorb(part.figures)
        first.customers += part.customers
        first.events += part.events
        first.unknown += part.unknown
        first.misfits += part.misfits
        first.bad += part.bad
        first.bad_lines += part.bad_lines
        first.late += part.late
        first.doubles += part.doubles
        for name, members in part.members.items():
            first.members[name] |= members
        first.asked += part.asked
        first.asked_squares += part.asked_squares
        lates = [line for line in (first.first_late, part.first_late) if line is not None]
        first.first_late = min(lates, default=None)
    first.bad_lines.sort(key=lambda bad: (bad.file, bad.number))
    return first
