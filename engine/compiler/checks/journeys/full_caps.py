"""W54: a message for which the journey's own messages before it leave no place under a cap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.walk import PathWalk
from engine.core.policy import Cap, Policy
from engine.language import syntax
from engine.language.steps.send import Send
from engine.language.steps.wait import Wait
from engine.language.wording import quoted
from engine.problem import Problem
from engine.values import DAY, HOUR, MINUTE

_WINDOWS: Final = {"day": 12 * HOUR, "week": 7 * DAY, "month": 30 * DAY}
"""How old a message at most is that surely counts. Two of one day are hardly twelve hours apart, and what is
less far apart is mostly on one day."""

_NEVER = 1000 * DAY
"""For a wait of which only the customer decides how long it is."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """Messages that every path has sent and that count under caps: how old each can be at most, the latest
    first; by channel, and under "" all of them."""

    ages: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    clock: int | None = None  # the time of the day in ms, where the file says it

    def later(self, by: int, clock: int | None) -> _Sent:
        ages = {channel: tuple(age + by for age in some) for channel, some in self.ages.items()}
        return _Sent(ages, clock)

    def with_one(self, channel: str) -> _Sent:
        ages = {key: (0, *self.ages.get(key, ())) for key in {"", channel}}
        return replace(self, ages={**self.ages, **ages})

    def both(self, other: _Sent) -> _Sent:
        """What is sure whichever path was taken."""
        ages = {
            key: tuple(max(pair) for pair in zip(some, other.ages[key], strict=False))
            for key, some in self.ages.items()
            if key in other.ages
        }
        return _Sent(ages, self.clock if self.clock == other.clock else None)


def check(checked: JourneyCheckInput) -> list[Problem]:
    """The first message that each cap always drops; what comes behind it is dropped for the same reason."""
    problems: dict[Cap, Problem] = {}

    def visit(step: syntax.Step, sent: _Sent) -> _Sent:
        match step:
            case Send():
                policy = checked.policy(step)
                is_known = step.template.value in checked.world.templates.by_name
                if policy is None or not policy.caps or not is_known:
                    return sent
                channel = step.via[0].value if len(step.via) == 1 else ""
                if_capped = step.if_capped.value if step.if_capped is not None else policy.if_capped
                full = _full(policy, channel, sent) if if_capped == "skip" else None
                if full is not None:
                    problems.setdefault(full, _problem(step, policy, full))
                    return sent  # a dropped message takes no place
                sent = sent.with_one(channel)
                if step.next_after is None:
                    return sent
                return sent.later(step.next_after.duration.roughly() * max(len(step.via) - 1, 1), None)
            case Wait():
                return _waited(step, sent)
            case _:
                return sent

    PathWalk(visit, lambda one, other: one.both(other)).along(checked.file.steps, _Sent())
    return list(problems.values())


def _full(policy: Policy, channel: str, sent: _Sent) -> Cap | None:
    for cap in policy.caps:
        if cap.channel in (None, channel):
            ages = sent.ages.get(cap.channel or "", ())
            if sum(age < _WINDOWS[cap.per] for age in ages) >= cap.count:
                return cap
    return None


def _waited(step: Wait, sent: _Sent) -> _Sent:
    """By as much as the wait takes at most."""
    until, length = step.until, step.length
    if until is not None and (until.date is not None or until.name is not None):
        return sent.later(_NEVER, None)
    if length is None:
        on_a_day = (until is not None and until.weekday is not None) or step.weekdays
        return sent.later(7 * DAY if on_a_day else DAY, None)
    takes = length.duration.roughly() + (6 * DAY if step.weekdays else 0)
    if step.at is not None:
        at = (step.at.time.hour * 60 + step.at.time.minute) * MINUTE
        # from an unknown time of the day to a known one it may be most of a day longer than it says
        more = at - sent.clock if sent.clock is not None else DAY
        return sent.later(takes + more, at if step.awaited is None else None)
    if step.their_hour is not None:
        return sent.later(takes + DAY, None)
    is_fixed = sent.clock is not None and step.awaited is None
    return sent.later(takes, ((sent.clock or 0) + length.duration.elapsed) % DAY if is_fixed else None)


def _problem(step: Send, policy: Policy, cap: Cap) -> Problem:
    words = f"{cap.channel + ': ' if cap.channel else ''}{cap.count} a {cap.per}"
    fix = f"put a longer wait in front of it, or raise the cap of the policy {quoted(policy.name)}"
    if cap.per == "day":
        fix = "write  if_capped: wait  at this message, or put  - wait: 1 day  in front of it"
    return Problem(
        step.template.span, "W54", f"there is no place left for {quoted(step.template.value)}",
        f"the messages before it fill  {words}  of the policy {quoted(policy.name)} on every path, so it is "
        "dropped", fix, "warning", topic="shop",
    )  # fmt: skip
