"""Which messages a journey is sure to send, and on which day after its start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.compiler.project_context import ProjectContext
from engine.core.policy import Policy
from engine.language import syntax
from engine.language.steps.code import Code
from engine.language.steps.exit import Exit
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait
from engine.values import DAY, HOUR

_SAME_DAY = 6 * HOUR
"""A wait in hours up to here mostly ends on the day on which it began."""


@dataclass(frozen=True, slots=True)
class SureMessage:
    """A message on every path, `day` calendar days after the day of the start. `about`: its template, code
    pools that were taken before it, and values of `with` that name a product; where paths differ, those of
    all of them."""

    send: Send
    day: int
    policy: Policy
    channels: frozenset[str]
    about: frozenset[str] = frozenset()

    @property
    def is_service(self) -> bool:
        """An answer to the customer, which needs no consent."""
        return self.policy.consent is None

    @property
    def waits_if_capped(self) -> bool:
        """It is put off, not dropped, when a cap is full."""
        how = self.send.if_capped.value if self.send.if_capped is not None else self.policy.if_capped
        return how == "wait"


@dataclass(frozen=True, slots=True)
class Schedule:
    """`sure`: in their order. `span`: milliseconds from the start to the last message that may leave, waits
    of unknown length counted as nothing; None: nothing is ever sent by a policy with consent."""

    sure: tuple[SureMessage, ...]
    span: int | None


@dataclass(frozen=True, slots=True)
class _At:
    """A place on the way; `day` None: how many days after the start it is, only the customer decides."""

    day: int | None = 0
    elapsed: int = 0
    codes: frozenset[str] = frozenset()
    sure: tuple[SureMessage, ...] = ()


def schedule(file: syntax.JourneyFile, world: ProjectContext) -> Schedule:
    """Of one journey, as it is written."""
    reader = _Reader(file, world)
    end = reader.along(file.steps, _At())
    end = end or _joined(reader.exits)  # with an exit on every path, what is sure before all of them
    return Schedule(end.sure if end is not None else (), reader.last)


class _Reader:
    def __init__(self, file: syntax.JourneyFile, world: ProjectContext) -> None:
        self.file, self.world = file, world
        self.last: int | None = None
        self.exits: list[_At] = []

    def along(self, steps: Iterable[syntax.Step], at: _At | None) -> _At | None:
        """None: every path ends with an exit."""
        for step in steps:
            if at is None:
                return None
            at = self._over(step, at)
        return at

    def _over(self, step: syntax.Step, at: _At) -> _At | None:
        match step:
            case Send():
                return self._sent(step, at)
            case Wait():
                return self._waited(step, at)
            case Code():
                return replace(at, codes=at.codes | self._pools(step.pool.value))
            case Exit():
                self.exits.append(at)
                return None
            case _:
                pass
        sides = step.sides()
        return _joined(self.along(side, at) for side in sides) if sides else at

    def _sent(self, step: Send, at: _At) -> _At:
        named = step.policy or self.file.policy
        policy = self.world.policy(named.value if named else None)
        if policy is None:
            return at
        if policy.consent is not None:
            self.last = max(self.last or 0, at.elapsed)
        sure = at.sure
        if at.day is not None:
            said = {f"{pair.name.value}: {pair.value.value}" for pair in step.values if self._is_about(pair)}
            written = self.world.templates.channels(step.template.value)
            channels = frozenset(channel.value for channel in step.via) or frozenset(written)
            about = at.codes | said | {step.template.value}
            sure = (*sure, SureMessage(step, at.day, policy, channels, about))
        if not step.is_cascade:
            return replace(at, sure=sure)
        # when a cascade ends depends on reactions
        interval = step.next_after.duration.roughly() if step.next_after is not None else 0
        return replace(at, sure=sure, day=None, elapsed=at.elapsed + interval * max(len(step.via) - 1, 1))

    def _waited(self, step: Wait, at: _At) -> _At | None:
        after = replace(at, day=None)
        if step.length is not None:
            length = step.length.duration
            days, rest = divmod(length.elapsed, DAY)
            is_known = at.day is not None and not step.weekdays and rest <= _SAME_DAY
            day = (at.day or 0) + length.months * 30 + length.days + days if is_known else None
            after = replace(at, day=day, elapsed=at.elapsed + length.roughly())
        if not step.sides():
            return after
        came = self.along(step.then or (), replace(after, day=None))
        return _joined((came, self.along(step.otherwise or (), after)))

    def _pools(self, name: str) -> frozenset[str]:
        choice = self.world.config.offers.get(name)
        pools = [line.pool.value for line in choice.lines if line.pool is not None] if choice else []
        return frozenset((name, *pools))

    def _is_about(self, pair: syntax.Pair) -> bool:
        """It says which product or category, not how the message is written."""
        return pair.name.value in self.world.catalogue.product and "." not in pair.value.value


def _joined(ends: Iterable[_At | None]) -> _At | None:
    """What is sure whichever path was taken."""
    going_on = [end for end in ends if end is not None]
    if not going_on:
        return None
    first = going_on[0]
    days = {end.day for end in going_on}
    about: list[dict[tuple[int, bool], frozenset[str]]] = []
    for end in going_on:
        of_end: dict[tuple[int, bool], frozenset[str]] = {}
        for sure in end.sure:
            kind = sure.day, sure.is_service
            of_end[kind] = of_end.get(kind, frozenset()) | sure.about
        about.append(of_end)
    common = set.intersection(*(set(of_end) for of_end in about))
    return _At(
        first.day if len(days) == 1 else None,
        max(end.elapsed for end in going_on),
        frozenset().union(*(end.codes for end in going_on)),
        tuple(
            replace(sure, about=frozenset().union(*(of_end[sure.day, sure.is_service] for of_end in about)))
            for sure in first.sure
            if (sure.day, sure.is_service) in common
        ),
    )
