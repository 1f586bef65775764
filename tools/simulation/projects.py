"""Projects to simulate: made-up journeys of every kind of step, and folders of journeys beside the sample
shop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from random import Random

from engine.project import Project, load_published

SHOP = Path(__file__).parent / "shop"
MAIL = (
    "---\nsubject: Hello\n---\n<p>{name} {{{{ shop.address }}}} "
    '<a href="{{{{ links.unsubscribe }}}}">Unsubscribe</a></p>\n'
)

CONDITIONS = (
    "{orders_count: 0}",
    "{orders_count: at least 1}",
    "{tier: gold}",
    "{can: push}",
    "{points: at least 500}",
    "{did: {site_visited: in last 1 day}}",
    "{did: {site_visited: not in last 36 hours}}",
    "{did: {cart_updated: at least 2 times in last 3 days}}",
    "{segment: rich}",
    "{segment: not lapsed}",
    "{carts_lately: at least 1}",
    "{seen_on: more than 100 days ago}",
    "{birthday: today}",
    "{last_order_at: more than 1 day ago}",
)
GOALS = (
    "{event: order_placed}",
    "{event: order_placed, within: 2 days}",
    "{event: order_placed, then: stay}",
    "{event: order_placed, where: {total: at least 50 EUR}}",
    "{when: {points: at least 1500}}",
    "{when: {did: {site_visited: not in last 3 days}}}",
    "{event: order_placed, then: stay, do: [{add: {points: 10}}]}",
)
STARTS = (
    "{event: subscribed}",
    "{event: subscribed}",
    "{event: subscribed}",
    "{event: product_viewed}",
    "{event: cart_updated, where: {total: at least 20 EUR}}",
    "{event: cart_updated, per: cart_id}",
    "{event: site_visited, fresh: 2 hours}",
    "{segment: lapsed}",
    "{segment: shopping, members: all}",
    "{date: birthday, before: 3 days, at: '10:00'}",
    "{every: day, at: '09:30'}",
    "{every: week, weekdays: [Tuesday, Sunday], at: '02:30'}",
    "{product: price_drop, by: 10%, within: 30 days, collect: 1 hour}",
    "{product: back_in_stock, per: product_id}",
    "{product: low_stock}",
    "{event: goal_reached, where: {journey: j0}}",
    "{event: message_clicked, where: {journey: j0}}",
)
AGAINS = ("never", "always", "after 1 day", "restart", "restart, then after 12 hours")
WAITS = (
    "3 hours",
    "90 minutes",
    "1 day",
    "2 days",
    "1 week",
    "until 10:00",
    "until 02:30",
    "until Tuesday 18:00",
    "until birthday",
    "until seen_on",
    "until their hour",
)
EXITS = ("{can: not push}", "{did: {cart_updated: not in last 2 days}}", "{points: less than 10}")


@dataclass(frozen=True, slots=True)
class SimulatedProject:
    """What a simulation runs: the project as it begins, and what later reloads bring, the first again among
    it."""

    first: Project
    later: tuple[Project, ...] = ()


def from_folder(folder: Path, journeys: Path | None = None) -> Mapping[str, str]:
    """The text files of a project by their path; `journeys`: a folder whose journeys are added, in the place
    of those of the same name (others may stand in config.yaml)."""
    sources: dict[str, str] = {}
    for part in ("config.yaml", "schemas", "journeys", "templates"):
        root = folder / part
        files = [root] if root.is_file() else sorted(root.rglob("*")) if root.is_dir() else []
        for file in files:
            if file.is_file() and file.suffix != ".json":
                sources[file.relative_to(folder).as_posix()] = file.read_text(encoding="utf-8")
    if journeys is not None:
        for file in sorted(journeys.rglob("*.yaml")):
            sources[f"journeys/{file.relative_to(journeys).as_posix()}"] = file.read_text(encoding="utf-8")
    return sources


@lru_cache(maxsize=4)
def made_up(number: int) -> SimulatedProject:
    """A small project of made-up journeys, and one or two later versions of its files; another for each
    number."""
    dice = Random(f"project {number}")
    author = Author(dice)
    journeys = [author.journey(f"j{number}") for number in range(dice.randint(1, 3))]
    first = _loaded(author, journeys)
    later = []
    for _ in range(dice.randint(1, 2)):
        changed = [author.edited(journey) for journey in journeys]
        later.append(_loaded(author, changed))
    return SimulatedProject(first, (*later, first))


def _loaded(author: Author, journeys: list[Journey]) -> Project:
    sources = {**from_folder(SHOP), **author.templates}
    for journey in journeys:
        sources[f"journeys/{journey.name}.yaml"] = journey.text()
    project = load_published(sources)
    if project.has_errors:
        wrong = [problem for problem in project.problems if problem.is_error]
        raise AssertionError(f"a made-up journey is wrong: {wrong[0]}\n{sources[wrong[0].span.file]}")
    return project


@dataclass(slots=True)
class Journey:
    """A made-up journey: its head, and its steps as blocks of lines."""

    name: str
    head: list[str]
    steps: list[list[str]]

    def text(self) -> str:
        """The file."""
        lines = [*self.head, "steps:", *("  " + line for block in self.steps for line in block)]
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Author:
    """Writes journeys. Templates have a name of their own for each step, so that a message tells its step."""

    dice: Random
    templates: dict[str, str] = field(default_factory=dict)
    counter: int = 0

    def journey(self, name: str) -> Journey:
        """One journey of two to six steps, some with branches."""
        dice = self.dice
        starts = [start for start in STARTS if name != "j0" or "j0" not in start]
        head = [
            f"journey: {name}",
            "about: made up",
            f"start: {dice.choice(starts)}",
            f"again: {dice.choice(AGAINS)}",
            f"goal: {dice.choice(GOALS)}",
            f"policy: {dice.choice(('marketing', 'marketing', 'patient', 'weekdays', 'service'))}",
        ]
        if dice.random() < 0.25:
            head.append(f"who: {dice.choice(CONDITIONS)}")
        if dice.random() < 0.3:
            head.append(f"exit_if: {dice.choice(EXITS)}")
        if dice.random() < 0.2:
            head.append("holdout: 20%")
        return Journey(
            name, head, [block for _ in range(dice.randint(2, 6)) for block in self._step(name, 0)]
        )

    def edited(self, journey: Journey) -> Journey:
        """What an author may do to it meanwhile: a step goes, comes, moves or is closed; or nothing."""
        dice, steps, head = self.dice, [*journey.steps], [*journey.head]
        match dice.choice(("remove", "insert", "swap", "close", "policy", "nothing")):
            case "remove" if len(steps) > 1:
                steps.pop(dice.randrange(len(steps)))
            case "insert":
                steps[(at := dice.randint(0, len(steps))) : at] = self._step(journey.name, 0)
            case "swap" if len(steps) > 1:
                at = dice.randrange(len(steps) - 1)
                steps[at : at + 2] = [steps[at + 1], steps[at]]
            case "close":
                head.append(f"state: {dice.choice(('closing', 'paused', 'stopped'))}")
            case "policy":
                head = [
                    f"policy: {dice.choice(('marketing', 'patient', 'service'))}"
                    if line.startswith("policy:")
                    else line
                    for line in head
                ]
            case _:
                pass
        return Journey(journey.name, head, steps)

    def _step(self, journey: str, depth: int) -> Iterator[list[str]]:
        self.counter += 1
        makers: list[Callable[[], list[str]]] = [
            lambda: self._send(journey),
            lambda: self._send(journey),
            lambda: self._send(journey),
            self._wait,
            self._wait,
            lambda: self._wait_for(journey, depth),
            self._change,
        ]
        if depth < 2:
            makers += [
                lambda: self._if(journey, depth),
                lambda: self._split(journey, depth),
                lambda: self._choose(journey, depth),
            ]
        if self.dice.random() < 0.1:
            yield self._code()
        yield self.dice.choice(makers)()

    def _send(self, journey: str) -> list[str]:
        name = f"{journey}_m{self.counter}"
        channels = self.dice.sample(("push", "email", "sms"), self.dice.choice((1, 1, 2, 3)))
        for channel in channels:
            if channel == "email":
                self.templates[f"templates/{name}.email.html"] = MAIL.format(name=name)
            else:
                self.templates[f"templates/{name}.{channel}.txt"] = f"{name}. Reply STOP to end"
        lines = [f"- send: {name}", f"  via: [{', '.join(channels)}]"]
        if len(channels) > 1:
            lines.append(f"  next_after: {self.dice.choice(('2 hours', '1 day', 'auto, else 3 hours'))}")
        return lines

    def _wait(self) -> list[str]:
        how = self.dice.choice(WAITS)
        lines = [f"- wait: {how}", f"  id: w{self.counter}"]
        if how in ("until birthday", "until seen_on") or (
            how.endswith(("day", "days")) and self.dice.random() < 0.5
        ):
            lines.append(f"  at: {self.dice.choice(('10:00', '02:30', '23:45'))}")
        return lines

    def _wait_for(self, journey: str, depth: int) -> list[str]:
        lines = [
            f"- wait: {self.dice.choice(('1 day', '5 hours', '4 days'))}",
            f"  id: w{self.counter}",
            f"  for: {self.dice.choice(('site_visited', 'cart_updated'))}",
        ]
        if depth < 2:
            return [*lines, "  then:", *self._inner(journey, depth), "  else:", *self._inner(journey, depth)]
        return [*lines, "  else:", "    - exit: nothing_came"]

    def _if(self, journey: str, depth: int) -> list[str]:
        lines = [f"- if: {self.dice.choice(CONDITIONS)}", "  then:", *self._inner(journey, depth)]
        if self.dice.random() < 0.6:
            lines += ["  else:", *self._inner(journey, depth)]
        return lines

    def _split(self, journey: str, depth: int) -> list[str]:
        share = self.dice.choice((10, 50, 80))
        return [
            f"- split: s{self.counter}",
            "  into:",
            f"    {share}% one:",
            *self._inner(journey, depth, "    "),
            f"    {100 - share}% two:",
            *self._inner(journey, depth, "    "),
        ]

    def _choose(self, journey: str, depth: int) -> list[str]:
        return [
            "- choose: tier",
            "  into:",
            "    gold, silver:",
            *self._inner(journey, depth, "    "),
            "    else:",
            *self._inner(journey, depth, "    "),
        ]

    def _change(self) -> list[str]:
        how = self.dice.choice(
            (
                "add: {points: 100}",
                "add: {tags: vip}",
                "remove: {tags: vip}",
                "set: {lifecycle: active}",
                "exit",
            )
        )
        if how == "exit":
            return [f"- if: {self.dice.choice(CONDITIONS)}", "  then:", "    - exit: enough"]
        return [f"- {how}", f"  id: c{self.counter}"]

    def _code(self) -> list[str]:
        return [
            f"- code: {self.dice.choice(('HELLO', 'SPRING'))}",
            f"  id: k{self.counter}",
            "  valid: 3 days",
        ]

    def _inner(self, journey: str, depth: int, indent: str = "") -> list[str]:
        blocks = [block for _ in range(self.dice.randint(1, 2)) for block in self._step(journey, depth + 1)]
        return [f"{indent}    {line}" for block in blocks for line in block]
