"""Random edits are deployed in the middle of a run: everybody inside moves as the plan said, to the customer;
nobody is lost, and nobody gets a message twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.core.handlers.migrate import MoveRule
from engine.core.happening import Event, ProfileChanged
from engine.plan.in_flight import DeploymentPlan, PlaceInFlight
from engine.runtime.advance.backfilling import fill
from engine.runtime.publish.deploy import Approval, Deployment
from engine.runtime.publish.planning import plan_deployment
from engine.store.audience import memberships
from engine.store.inbox import inbox
from engine.store.messages import outcomes, queue
from engine.store.messages.states import MessageState
from engine.values import DAY, HOUR, MINUTE, Instant, Money, Value
from tests.runtime.shop import ATTRIBUTES, CONFIG, EVENTS, Shop, write_project

ENDED = "SELECT count(*) FROM enrollment WHERE ended_at IS NOT NULL"
TEMPLATES = tuple(f"letter{number}" for number in range(12))


@dataclass(frozen=True)
class Order:
    """What somebody bought."""

    at: Instant
    euros: int


@dataclass(frozen=True)
class Definition:
    """How the fact `bought` is computed: of orders of at least so much, in the last days (0: ever)."""

    euros: int = 0
    days: int = 0

    def line(self) -> str:
        parts = ["is: count of order_placed"]
        parts += [f"where: {{total: at least {self.euros} EUR}}"] * bool(self.euros)
        parts += [f"last: {self.days} days"] * bool(self.days)
        return (
            f"  bought: {{{', '.join(parts)}}}\n" if len(parts) > 1 else "  bought: count of order_placed\n"
        )

    def value(self, orders: list[Order], now: Instant) -> int:
        since = now - self.days * DAY if self.days else -1
        return sum(order.euros >= self.euros and order.at > since for order in orders)


DEFINITIONS = (Definition(), Definition(euros=50), Definition(days=3), Definition(euros=30, days=6))


@dataclass
class Part:
    """A wait (`days` > 0) or a message."""

    name: str
    days: int = 0
    was: str = ""
    recompute: bool = False

    def lines(self) -> Iterator[str]:
        if not self.days:
            yield f"- send: {self.name}"
        else:
            yield from (f"- wait: {self.days} days", f"  id: {self.name}")
            yield from ["  waiting: recompute"] * self.recompute
        yield from [f"  was: {self.was}"] * bool(self.was)


@dataclass
class Written:
    """A journey with a split in its middle, as its author writes it."""

    lists: list[list[Part]]  # before the split, its two sides, behind it
    split: str = "offer"
    split_was: str = ""
    share: int = 50
    policy: str = "service"
    goal: int = 1000
    member: int = 500
    who: int = 0
    exit: int = 3
    buyer: int = 2
    bought: Definition = DEFINITIONS[0]
    waits: int = 0
    unsure: set[str] = field(default_factory=set)  # waits that are called otherwise, and nothing says so

    def files(self) -> dict[str, str]:
        before, one, other, behind = (
            [line for part in parts for line in part.lines()] for parts in self.lists
        )
        split = [f"- split: {self.split}", *[f"  was: {self.split_was}"] * bool(self.split_was), "  into:"]
        for share, side, lines in ((self.share, "one", one), (100 - self.share, "other", other)):
            split += [f"    {share}% {side}:", *(f"      {line}" for line in lines)]
        steps = "\n".join(f"  {line}" for line in (*before, *split, *behind))
        journey = (
            "journey: life\nstart: {event: subscribed}\nagain: never\n"
            f"who: {{points: at least {self.who}}}\ngoal: {{when: {{points: at least {self.goal}}}}}\n"
            f"exit_if: {{bought: at least {self.exit}}}\npolicy: {self.policy}\nsteps:\n{steps}\n"
        )
        return {
            "config.yaml": CONFIG, "schemas/customer.yaml": ATTRIBUTES + self.bought.line(),
            "schemas/events.yaml": EVENTS, "journeys/life.yaml": journey,
            "journeys/segments/rich.yaml": f"segment: rich\nwho: {{points: at least {self.member}}}\n",
            "journeys/segments/buyers.yaml": f"segment: buyers\nwho: {{bought: at least {self.buyer}}}\n",
            **{f"templates/{name}.push.txt": f"This is {name}" for name in TEMPLATES},
        }  # fmt: skip

    def edit(self, dice: random.Random) -> None:
        """One thing that an author does."""
        self.split_was = ""
        self.unsure = set()
        for part in self.parts():
            part.was = ""
        waits = [part for part in self.parts() if part.days]
        match dice.randrange(14):
            case 0 | 1 if len(longer := [parts for parts in self.lists if len(parts) > 1]) > 0:
                parts = dice.choice(longer)
                del parts[dice.randrange(len(parts))]
            case 2 if len(longer := [parts for parts in self.lists if len(parts) > 1]) > 0:
                parts = dice.choice(longer)
                moved, to = parts.pop(dice.randrange(len(parts))), dice.choice(self.lists)
                to.insert(dice.randrange(len(to) + 1), moved)
            case 3 if waits:
                part = dice.choice(waits)
                part.was, part.name = part.name, self.new_wait()
            case 4 if waits:
                part = dice.choice(waits)
                self.unsure.add(part.name)
                part.name = self.new_wait()
            case 5 if waits:
                part = dice.choice(waits)
                part.days, part.recompute = dice.randrange(1, 9), dice.random() < 0.4
            case 6:
                self.share = dice.randrange(10, 90)
                if dice.random() < 0.5:
                    self.split_was, self.split = self.split, f"{self.split}x"
            case 7:
                self.policy = "marketing" if self.policy == "service" else "service"
            case 8:
                self.goal -= dice.randrange(200)
                self.member = dice.randrange(200, 800)
            case 9:
                self.who = dice.randrange(400)
            case 10:
                self.exit = 1 + self.exit % 4
            case 11 | 12:
                self.bought = dice.choice([each for each in DEFINITIONS if each != self.bought])
                self.buyer = dice.randrange(1, 4)
            case _:
                free = [name for name in TEMPLATES if name not in {part.name for part in self.parts()}]
                parts = dice.choice(self.lists)
                part = Part(self.new_wait(), dice.randrange(1, 6))
                parts.insert(dice.randrange(len(parts) + 1), part)
                if free:
                    parts.insert(dice.randrange(len(parts) + 1), Part(dice.choice(free)))

    def asked(self) -> tuple[object, ...]:
        """What everybody inside is asked. A fact over days is counted when asked for, others before."""
        return self.goal, self.exit, self.bought if self.bought.days else None

    def parts(self) -> Iterator[Part]:
        for parts in self.lists:
            yield from parts

    def new_wait(self) -> str:
        self.waits += 1
        return f"pause{self.waits}"


def first() -> Written:
    return Written([
        [Part("letter0"), Part("a", 2), Part("letter1"), Part("b", 3)],
        [Part("letter2"), Part("c", 4)],
        [Part("d", 1), Part("letter3")],
        [Part("e", 2), Part("letter4"), Part("f", 5), Part("letter5")],
    ])  # fmt: skip


def arrive(shop: Shop, points: dict[str, int]) -> None:
    """New customers with their points, in one go."""
    now = shop.clock.now()
    arrivals = [
        arrival
        for who, value in points.items()
        for arrival in (
            inbox.Arrival(
                who, "test", None, ProfileChanged(0, now, {"points": value}, {"push": f"token-{who}"}),
            ),
            inbox.Arrival(who, "test", f"e{who}", Event(0, f"e{who}", "subscribed", now, now, {})),
        )
    ]  # fmt: skip
    shop.store.write(lambda conn: inbox.append(conn, arrivals, now))


def order(shop: Shop, dice: random.Random, orders: dict[str, list[Order]], who: list[str]) -> None:
    """Each of them buys something, in one go."""
    now = shop.clock.now()
    arrivals = []
    for customer in who:
        mine = orders.setdefault(customer, [])
        mine.append(Order(now, dice.randrange(100)))
        name = f"o{customer}-{len(mine)}"
        paid: dict[str, Value] = {"order_id": name, "total": Money(Decimal(mine[-1].euros), "EUR")}
        event = Event(0, name, "order_placed", now, now, paid)
        arrivals.append(inbox.Arrival(customer, "test", name, event))
    shop.store.write(lambda conn: inbox.append(conn, arrivals, now))


def hand_over(shop: Shop, sent: Counter[tuple[str, str]]) -> None:
    """Everything that is planned leaves, and its runs go on."""
    taken = True
    while taken:
        shop.run()
        now = shop.clock.now()

        def job(conn: Connection) -> list[tuple[str, str]]:
            left = []
            for message in queue.claim(conn, "push", "test", now, MINUTE, 500):  # noqa: B023
                if queue.hand_over(conn, message, "hash", now) == "handed":  # noqa: B023
                    outcomes.settle(conn, message.send_key, message.customer, MessageState.ACCEPTED, now)  # noqa: B023
                    left.append((message.customer, message.template))
            return left

        left = shop.store.write(job)
        sent.update(left)
        taken = bool(left)


def places(shop: Shop) -> dict[str, tuple[str, Instant | None]]:
    """Customer -> where they rest, and until when."""
    sql = "SELECT customer, coalesce(step, ''), due_at FROM enrollment WHERE ended_at IS NULL"
    with shop.store.read() as conn:
        return {who: (step, due) for who, step, due in conn.exec_driver_sql(sql).fetchall()}


def counted(shop: Shop, sql: str) -> int:
    with shop.store.read() as conn:
        return int(conn.exec_driver_sql(sql).scalar_one())


def would_leave(
    shop: Shop, journey: Written, points: dict[str, int], orders: dict[str, list[Order]], used: Definition
) -> tuple[int, int]:
    """How many inside have reached the goal, and for how many others `exit_if` holds."""
    now = shop.clock.now()
    reached = {who for who in places(shop) if points[who] >= journey.goal}
    leave = {who for who in places(shop) if used.value(orders.get(who, []), now) >= journey.exit}
    return len(reached), len(leave - reached)


def buyers_as_counted(shop: Shop, journey: Written, orders: dict[str, list[Order]], used: Definition) -> None:
    """The segment holds exactly whom a count from scratch finds."""
    now = shop.clock.now()
    expected = {who for who, mine in orders.items() if used.value(mine, now) >= journey.buyer}
    with shop.store.read() as conn:
        assert {member.customer for member in memberships.members(conn, "buyers")} == expected


def planned(shop: Shop, journey: Written) -> DeploymentPlan:
    coming = write_project(shop.folder / f"coming{shop.count}", journey.files())
    with shop.store.read() as conn:
        return plan_deployment(conn, coming, shop.clock.now()).plan


def moved_as_planned(
    before: dict[str, tuple[str, Instant | None]],
    after: dict[str, tuple[str, Instant | None]],
    plan: DeploymentPlan,
    waits: set[str],
    now: Instant,
) -> None:
    """To the customer."""
    rests = Counter(step for step, _ in before.values())
    found: dict[str, PlaceInFlight] = {}
    for journey in plan.journeys:
        found.update({place.step: place for place in journey.places})
        assert {step: place.people for step, place in found.items()} == rests
    for who, (step, due) in before.items():
        place = found.get(step)
        if place is None or place.move in (MoveRule.STAYS, MoveRule.KEEPS_MOMENT):
            assert after[who] == ((place.to if place else None) or step, due), who
        elif place.move is MoveRule.NEW_MOMENT or place.move is MoveRule.PLANNED_ANEW:
            assert after[who][0] == (place.to or step), who
        else:
            assert place.move in (MoveRule.GOES_ON, MoveRule.FINISHES)
            assert after[who][0] == (place.to or ""), who
            if step in waits and place.move is MoveRule.GOES_ON:
                assert after[who][1] == due, who
            else:
                assert after[who][1] in (due, now), who


def happened_as_planned(done: Deployment, plan: DeploymentPlan) -> None:
    """By rule. What had been handed over a moment ago, or was on its way to the step, stays as it is."""
    for journey in plan.journeys:
        rules: Counter[str] = Counter()
        for place in journey.places:
            rules[place.move] += place.people
        happened = Counter(done.happened.get(journey.journey, rules))
        assert happened.total() == rules.total()
        for rule in (MoveRule.GOES_ON, MoveRule.FINISHES, MoveRule.KEEPS_MOMENT, MoveRule.LEAVES):
            assert happened[rule] == rules[rule], rule
        assert happened[MoveRule.STAYS] >= rules[MoveRule.STAYS]


def recounted_as_planned(shop: Shop, plan: DeploymentPlan) -> None:
    """Who leaves by a fact that is counted anew leaves as soon as everybody is counted, and nobody else."""
    left = counted(shop, ENDED)
    fill(shop.store, shop.publication, shop.clock.now())
    shop.run()
    leaving = sum(each.leaves_early + each.reaches_goal for each in plan.recounts)
    assert counted(shop, ENDED) - left == leaving


def deploy_at_random(folder: Path, seed: int, people: int, deployments: int) -> set[MoveRule]:
    """`people` come in before each of the `deployments`. By which rules somebody was moved."""
    dice, journey = random.Random(seed), first()
    with closing(Shop(folder, journey.files())) as shop:
        return deploy_in(shop, journey, dice, people, deployments)


def deploy_in(
    shop: Shop, journey: Written, dice: random.Random, people: int, deployments: int
) -> set[MoveRule]:
    sent: Counter[tuple[str, str]] = Counter()
    rules: Counter[MoveRule] = Counter()
    points: dict[str, int] = {}
    orders: dict[str, list[Order]] = {}
    used = journey.bought  # the definition that everybody has a value by
    for turn in range(deployments):
        new = {f"c{turn}_{number}": dice.randrange(1000) for number in range(people)}
        arrive(shop, new)
        hand_over(shop, sent)  # an event that is a day old starts nobody any more
        # whoever has reached the goal already does not enter
        points |= {who: value for who, value in new.items() if journey.who <= value < journey.goal}
        for _ in range(dice.randrange(1, 4)):
            shop.clock.advance(dice.randrange(1, 30) * HOUR)
            hand_over(shop, sent)
            order(shop, dice, orders, [who for who in new if dice.random() < 0.4])
            hand_over(shop, sent)
        if dice.random() < 0.6:  # some have a message that has not left yet
            shop.clock.advance(dice.randrange(1, 40) * HOUR)
            shop.run()
        waits = {part.name for part in journey.parts() if part.days}
        # else another edit comes while a fact is still being counted
        if used.days or journey.bought.days or dice.random() < 0.7:
            fill(shop.store, shop.publication, shop.clock.now())
            used = journey.bought
            shop.run()
            buyers_as_counted(shop, journey, orders, used)
        asked, was = journey.asked(), journey.bought
        journey.edit(dice)
        if journey.bought.days:
            used = journey.bought
        plan, before = planned(shop, journey), places(shop)
        assert {doubt.place.step for doubt in plan.doubts} <= journey.unsure
        if (
            not was.days or journey.bought.days
        ):  # else it stands as it was before the days, until it is counted
            expected = (
                would_leave(shop, journey, points, orders, used) if asked != journey.asked() else (0, 0)
            )
            for each in plan.journeys:
                assert (each.reaches_goal, each.leaves_early) == expected
        rules.update({place.move: place.people for each in plan.journeys for place in each.places})
        done = shop.publish(journey.files(), Approval(frozenset(doubt.name for doubt in plan.doubts)))
        moved_as_planned(before, places(shop), plan, waits, shop.clock.now())
        happened_as_planned(done, plan)
        # by odd turns, so that in others an edit comes while a fact is still being counted
        if turn % 2 and used == was and journey.bought != was and not (was.days or journey.bought.days):
            mine = {who: orders.get(who, []) for who in places(shop)}
            now = shop.clock.now()
            other = sum(was.value(each, now) != journey.bought.value(each, now) for each in mine.values())
            assert sum(each.other_value for each in plan.recounts) == other
            recounted_as_planned(shop, plan)
            used = journey.bought
    while places(shop):
        shop.clock.advance(DAY)
        hand_over(shop, sent)
    assert counted(shop, ENDED) == len(points)
    assert max(sent.values()) == 1, "the same message twice"
    return {rule for rule, met in rules.items() if met}


@pytest.mark.parametrize(
    ("seed", "met"), [(1, MoveRule.PLANNED_ANEW), (13, MoveRule.NEW_MOMENT), (14, MoveRule.KEEPS_MOMENT)]
)
def test_everybody_inside_moves_as_the_plan_said(tmp_path: Path, seed: int, met: MoveRule) -> None:
    assert {MoveRule.GOES_ON, met} <= deploy_at_random(tmp_path, seed, people=8, deployments=7)


@pytest.mark.soak
@pytest.mark.timeout(5400)
@pytest.mark.parametrize("seed", [3, 4, 17])
def test_tens_of_thousands_inside_move_as_the_plan_said(tmp_path: Path, seed: int) -> None:
    assert MoveRule.GOES_ON in deploy_at_random(tmp_path, seed, people=3000, deployments=12)
