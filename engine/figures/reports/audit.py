"""`report audit`: for a shop that begins: what its customers and its data are, what journeys they would feed,
and how large that is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.core.journey import EventTrigger, Journey, SegmentTrigger, SendStep
from engine.figures.content import ReportContent, ReportScope
from engine.figures.metrics import Metric, Unit, Value, ratio
from engine.figures.period import Period
from engine.figures.report import Row, Table
from engine.figures.reports.other_currencies import apart
from engine.figures.reports.reach import reach_and_why_not, reach_of
from engine.statistics.proportions import Proportion, wilson
from engine.store.amounts import amount_of
from engine.store.audience import base_groups, memberships
from engine.store.audience.base_groups import QUIET_DAYS, BaseGroup, EventCount
from engine.store.counting import daily_counts
from engine.store.counting.daily_counts import Count, GoalKind
from engine.store.counting.period_sums import PeriodSum, sums
from engine.values import DAY, Instant, local_date, zone

LATELY = 360
"""Days of the history from which it is said what a month brings: twelve whole months of it."""

OBSERVED = 90
"""Days of which the share of goals is taken."""

FEWEST = 100
"""Starts below which nothing is taken from them."""

ASSUMED = Proportion(20, 1000)
"""Where the shop has no figures of its own: 2 in 100, as sure as 1,000 people would make it. It is an
assumption, and said to be one."""

MONTH = Decimal(30)
GROUPS = 5

_NOW = "now"
_ALL = "all that is known, imported history among it"


def _metric(
    name: str, title: str, unit: Unit, formula: str, counts: str, when: str = _NOW, of: str = ""
) -> Metric:
    return Metric(f"audit_{name}", title, unit, formula, counts, when, of)


PEOPLE = _metric(
    "people", "people", "count", "customers of the group, visitors that are known among them", "people"
)
SHARE = _metric("share", "share of all", "share", "people / everybody", "people", of="everybody")
REACHABLE = _metric(
    "reachable", "reachable", "count",
    "of these, those whom some channel of a live journey reaches: an address that is not closed, and the "
    "consent given", "people",
)  # fmt: skip
UNREACHED = _metric("unreached", "out of reach", "share", "1 - reachable / people", "people", of="people")
EVER = _metric(
    "ever", "revenue so far", "money", "all their orders, in the currency of the shop", "orders, gross", _ALL
)
BASE: tuple[Metric, ...] = (PEOPLE, SHARE, REACHABLE, UNREACHED, EVER)

_VALUES = ("up to one average order", "up to three", "more than three")
RECENCY: tuple[Metric, ...] = (
    PEOPLE,
    *(_metric(f"value_{place}", title, "count", f"people whose orders came to {title}", "people", _ALL)
      for place, title in enumerate(_VALUES)),
    REACHABLE, EVER,
)  # fmt: skip

EVENTS = _metric("events", "events", "count", "events of this name", "events", _ALL)
OF_PEOPLE = _metric("event_people", "people", "count", "customers who have one", "people", _ALL)
DAYS = _metric(
    "event_days", "days", "count", "days from the first to the last one, both included", "days", _ALL
)
DATA: tuple[Metric, ...] = (EVENTS, OF_PEOPLE, DAYS)

_OF_YEAR = f"of the last {LATELY} days"
TRIGGERS = _metric(
    "triggers", "would start", "count",
    "events that could have started it, or who is in its segment: at most so many, for conditions (`where`, "
    "`who`, `again`, caps) leave some out", "events or people", _OF_YEAR,
)  # fmt: skip
A_MONTH = _metric(
    "a_month",
    "people a month",
    "number",
    "people with such an event, once in each 30 days, / days of the data x 30",
    "people, once in each 30 days",
    _OF_YEAR,
)
CONVERSION_LOW = _metric(
    "conversion_low", "conversion from", "share",
    f"lower bound of the 95% interval (E. B. Wilson, JASA 22, 1927) of goals / starts of the last {OBSERVED} "
    f"days, of {FEWEST} starts or more; of all journeys together where this one has fewer; where they all "
    "have fewer an assumption: 20 of 1,000", "runs", f"of the last {OBSERVED} days", "starts",
)  # fmt: skip
CONVERSION_HIGH = _metric(
    "conversion_high",
    "to",
    "share",
    "upper bound of the same interval",
    "runs",
    f"of the last {OBSERVED} days",
    "starts",
)
MONEY_LOW = _metric(
    "money_low", "worth from", "money",
    "people a month (of a group: its reachable people, once) x conversion x average order",
    "orders, gross",
    "a month from now",
)  # fmt: skip
MONEY_HIGH = _metric(
    "money_high", "to", "money", "the same with the upper bound", "orders, gross", "a month from now"
)
FEEDS: tuple[Metric, ...] = (TRIGGERS, A_MONTH, CONVERSION_LOW, CONVERSION_HIGH, MONEY_LOW, MONEY_HIGH)
LEFT_ALONE: tuple[Metric, ...] = (
    PEOPLE, SHARE, REACHABLE, EVER, CONVERSION_LOW, CONVERSION_HIGH, MONEY_LOW, MONEY_HIGH,
)  # fmt: skip
AUDIT: tuple[Metric, ...] = tuple(
    {metric.name: metric for metric in (*BASE, *RECENCY, *DATA, *FEEDS, *LEFT_ALONE)}.values()
)


@dataclass(frozen=True, slots=True)
class ObservedConversion:
    """Of how many starts how many reached the goal. `is_assumed`: nobody knows, it is an assumption."""

    share: Proportion
    is_assumed: bool = False

    def values(self, people: Decimal | int, average: Decimal) -> tuple[Value, ...]:
        """Both bounds, and what they come to for so many people."""
        interval = wilson(self.share)
        low, high = (Decimal(str(round(bound, 6))) for bound in (interval.low, interval.high))
        return low, high, people * low * average, people * high * average


def audit(scope: ReportScope) -> ReportContent:
    """The whole base now, whatever the period is."""
    conn, journeys = scope.conn, scope.journeys
    shop = daily_counts.shop(conn)
    live = [journey for _, journey in sorted(journeys.by_name.items()) if journey.state == "live"]
    others = base_groups.orders(conn)
    known = others.pop(journeys.currency, PeriodSum(0, 0))
    average = amount_of(known.money) / known.n if known.n else Decimal(0)
    purposes = [pair.purpose for pair in reach_of(journeys)]
    channels = sorted(_channels(live)) or journeys.channels
    groups = base_groups.groups(
        conn, channels, purposes[0] if purposes else "", journeys.currency,
        known.money // known.n if known.n else 0, scope.now,
    )  # fmt: skip
    everybody = sum(group.people for group in groups)
    if not everybody:
        nobody = Table("audit_base", "Who is there", "customers", BASE, ())
        return ReportContent((nobody,), ("Nobody is known yet: import customers and their events first.",))
    since = Instant(scope.now - LATELY * DAY)
    events = {one.name: one for one in base_groups.event_counts(conn, since, scope.now, int(MONTH) * DAY)}
    observed = _observed(scope)
    tables = (
        _base(groups, everybody),
        reach_and_why_not(scope),
        _recency(groups),
        _left_alone(groups, everybody, _conversion(observed, None), average),
        _data(scope, events, shop.order),
        _feeds(scope, events, observed, average),
        *apart(others, {}),
    )
    period = Period(scope.today, scope.today)
    return ReportContent(tables, _notes(observed, average, journeys.currency, live), period=period)


def _notes(
    observed: Mapping[str, Proportion], average: Decimal, currency: str, live: Sequence[Journey]
) -> tuple[str, ...]:
    whole = _conversion(observed, None)
    notes = []
    if average:
        notes.append(
            "What something is worth is a forecast: people x conversion x average order "
            f"({average:,.2f} {currency}). It is no promise, it counts orders that would have come anyhow, "
            "and the lines are not to be added: one person may be in several."
        )
    else:
        notes.append("No order is known, so nobody can say what anything is worth.")
    if whole.is_assumed:
        notes.append(
            f"ASSUMPTION: no journey has {FEWEST} starts in the last {OBSERVED} days, so 20 of 1,000 are "
            "taken to convert. Nothing of this shop says so."
        )
    if not live:
        notes.append("No journey is live: reachable is whom any channel of config.yaml reaches.")
    notes.append(
        f"Left alone: nothing was sent to them in the last {base_groups.WRITTEN // DAY} days. Who was erased "
        "is in none of these figures."
    )
    return tuple(notes)


def _channels(live: Iterable[Journey]) -> set[str]:
    return {
        channel for journey in live for step in journey.steps if isinstance(step, SendStep)
        for channel in step.channels
    }  # fmt: skip


# --- the base --------------------------------------------------------------------------------------


def _often(times: int) -> str:
    words = ("never ordered", "ordered once", "ordered twice")
    return words[times] if times < len(words) else "ordered three times or more"


def _quiet(place: int | None) -> str:
    if place is None:
        return ""
    if place == len(QUIET_DAYS):
        return f"more than {QUIET_DAYS[-1]} days ago"
    before = QUIET_DAYS[place - 1] + 1 if place else 0
    return f"{before} to {QUIET_DAYS[place]} days ago"


def _people(groups: Iterable[BaseGroup], *, reachable: bool = False) -> int:
    return sum(group.people for group in groups if group.is_reachable or not reachable)


def _money(groups: Iterable[BaseGroup]) -> Decimal:
    return amount_of(sum(group.money for group in groups))


def _base(groups: list[BaseGroup], everybody: int) -> Table:
    rows = []
    for label, some in [
        *(
            (_often(times), [group for group in groups if group.times == times])
            for times in range(base_groups.MOST_TIMES + 1)
        ),
        ("everybody", groups),
    ]:
        people, reachable = _people(some), _people(some, reachable=True)
        out = ratio(people - reachable, people)
        rows.append(Row(label, (people, ratio(people, everybody), reachable, out, _money(some)), ()))
    return Table("audit_base", "Who is there", "customers", BASE, tuple(rows))


def _recency(groups: list[BaseGroup]) -> Table:
    rows = []
    for place in range(len(QUIET_DAYS) + 1):
        some = [group for group in groups if group.quiet == place]
        by_value = [_people(group for group in some if group.value == value) for value in range(len(_VALUES))]
        values: tuple[Value, ...] = (
            _people(some), *by_value, _people(some, reachable=True), _money(some)
        )  # fmt: skip
        rows.append(Row(_quiet(place), values, ()))
    return Table("audit_recency", "How long ago, and for how much", "last order", RECENCY, tuple(rows))


def _left_alone(
    groups: list[BaseGroup], everybody: int, conversion: ObservedConversion, average: Decimal
) -> Table:
    alone: defaultdict[tuple[int, int | None], list[BaseGroup]] = defaultdict(list)
    for group in groups:
        if not group.is_written:
            alone[group.times, group.quiet].append(group)
    largest = sorted(alone.items(), key=lambda each: (-_people(each[1]), str(each[0])))[:GROUPS]
    rows = []
    for (times, place), some in largest:
        people, reachable = _people(some), _people(some, reachable=True)
        label = _often(times) + (f", the last {_quiet(place)}" if place is not None else "")
        values: tuple[Value, ...] = (people, ratio(people, everybody), reachable, _money(some))
        rows.append(Row(label, (*values, *conversion.values(reachable, average)), ()))
    return Table(
        "audit_left_alone", "The largest groups that nothing is sent to", "customers", LEFT_ALONE, tuple(rows)
    )


# --- the data, and what it feeds -------------------------------------------------------------------


def _data(scope: ReportScope, events: Mapping[str, EventCount], order: str) -> Table:
    """Every event that came, and those that journeys wait for in vain."""
    users: defaultdict[str, list[str]] = defaultdict(list)
    users[order].append("orders")
    for name, journey in sorted(scope.journeys.by_name.items()):
        asked = {start.event for start in journey.starts if isinstance(start, EventTrigger)}
        for event in sorted({*asked, *journey.goal.events}):
            users[event].append(name)
    place, rows = zone(scope.journeys.timezone), []
    for event in sorted({*events, *users}):
        found = events.get(event)
        note = (
            "for " + ", ".join(users[event])
            if event in users
            else "no journey asks for it to start or to end"
        )
        if found is None:
            rows.append(Row(event, (0, 0, 0), (), note=f"never came; waited for: {', '.join(users[event])}"))
            continue
        first, last = (local_date(at, place) for at in (found.first_at, found.last_at))
        note = f"{first.isoformat()} to {last.isoformat()}; {note}"
        rows.append(Row(event, (found.n, found.people, (last - first).days + 1), (), note=note))
    return Table("audit_data", "What the data has and lacks", "event", DATA, tuple(rows), note="remarks")


def _feeds(
    scope: ReportScope, events: Mapping[str, EventCount], observed: Mapping[str, Proportion], average: Decimal
) -> Table:
    members = memberships.counts(scope.conn, Instant(scope.now - int(MONTH) * DAY))
    rows = []
    for name, journey in sorted(scope.journeys.by_name.items()):
        if journey.state == "draft":
            continue
        at_most, a_month, words = 0, Decimal(0), []
        for start in journey.starts:
            match start:
                case EventTrigger():
                    found = events.get(start.event)
                    if found is None:
                        words.append(f"{start.event} never came")
                        continue
                    days = min(LATELY, (found.last_at - found.first_at) // DAY + 1)
                    at_most += found.lately
                    a_month += found.lately_monthly / Decimal(days) * MONTH
                    words.append(start.event)
                case SegmentTrigger():
                    inside = members.get(start.segment)
                    at_most += inside.members if inside is not None else 0
                    a_month += inside.entered if inside is not None else 0
                    words.append(f"segment {start.segment}")
                case _:
                    words.append("a date, a day or a product: not counted here")
        conversion = _conversion(observed, name)
        values = conversion.values(a_month, average)
        rows.append(Row(name, (at_most, a_month, *values), (), note=", ".join(words)))
    return Table("audit_feeds", "What journeys would get", "journey", FEEDS, tuple(rows), note="started by")


def _observed(scope: ReportScope) -> dict[str, Proportion]:
    """Goals of starts, by journey; "": of all."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    first = scope.today.fromordinal(scope.today.toordinal() - OBSERVED + 1)
    kinds = {GoalKind.COUNTED, GoalKind.BEFORE, GoalKind.AFTER}
    found = sums(
        scope.conn,
        first,
        scope.today,
        ("journey", "what", "why"),
        what=(Count.STARTED, Count.GOAL),
        of_journeys=True,
    )
    for (journey, what, why), total in found.items():
        if what == Count.STARTED or why in kinds:
            for name in (str(journey), ""):
                counts[name][what == Count.STARTED] += total.n
    return {name: Proportion(min(goals, starts), starts) for name, (goals, starts) in counts.items()}


def _conversion(observed: Mapping[str, Proportion], journey: str | None) -> ObservedConversion:
    for name in (journey, "") if journey is not None else ("",):
        share = observed.get(name)
        if share is not None and share.whole >= FEWEST:
            return ObservedConversion(share)
    return ObservedConversion(ASSUMED, is_assumed=True)
