"""How `plan`, `deploy` and `review` say what a change does to starts, messages and cost of a day, and who
competes for the same caps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.cli.changes.replay_comparison import aligned, formatted_difference
from engine.cli.output import counted, remark, say_head, say_plain, say_rows

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sqlalchemy import Connection

    from engine.plan.difference import ProjectDiff
    from engine.plan.in_flight import RecountPlan
    from engine.plan.traffic import DailyCount, JourneyTraffic, Traffic
    from engine.runtime.publish.planning import ComingDeployment
    from engine.runtime.publish.recent_events import RecentEvents
    from engine.simulate.replay.comparison import PlayedInside
    from engine.simulate.replay.competition import CapCompetition
    from engine.store.database import Store
    from engine.values import Instant

MOST_NAMES = 3
"""Journeys that a sentence names."""

_SHOWN = 0.05
"""What is less is 0.0 in one decimal."""

CANNOT_KNOW = (
    "This is what would have been sent, not what people would have done: recorded orders and visits stay.",
    "What happened before the first recorded event is not known.",
)
"""What counts over recorded events do not tell."""

SAMPLE = "one in {} customers was played; ± is how far a difference may be off, in 95 of 100 samples"


def is_worth_playing(differences: ProjectDiff) -> bool:
    """Whether a change may do anything to what is sent."""
    from engine.plan.difference import Affected

    return any(who is not Affected.NOTHING for who in differences.affects)


def recorded_traffic(
    coming: ComingDeployment, events: RecentEvents, differences: ProjectDiff
) -> Traffic | None:
    """What is sent a day, over recorded events that are played with what is published and with the folder.
    None where one of both has mistakes or nothing is recorded."""
    from engine.plan.traffic import traffic
    from engine.project import load_published
    from engine.runtime.publish.recent_events import play_both

    former = load_published(coming.published)
    about = differences.changed_journeys
    compared = play_both(former, coming.project, events, about)
    return traffic(compared, about) if compared is not None else None


def nothing_to_play(conn: Connection, now: Instant, zone: ZoneInfo) -> str:
    """Why the last weeks of a store are not played: customers did nothing in them; "": they are."""
    from engine.cli.changes.snapshot import nothing_in
    from engine.runtime.publish.recent_events import COUNTED
    from engine.store.streams.recorded_stream import StreamBounds, has_events, last_event_at
    from engine.values import DAY, Instant

    # not by what the replay finds: of a small store all is played, and what is older would be counted as now
    if has_events(conn, StreamBounds(Instant(now - COUNTED))):
        return ""
    last = last_event_at(conn)
    why = nothing_in(f"the last {counted(COUNTED // DAY, 'day')}", last, zone)
    return why if last is None else f"{why}  and  plan --snapshot  its file"


def traffic_of_store(
    store: Store, coming: ComingDeployment, differences: ProjectDiff, now: Instant
) -> Traffic | None:
    """As `recorded_traffic`, over the last weeks of a store. Says why, where they are not played."""
    from engine.runtime.publish.recent_events import of_store
    from engine.values import zone

    with store.read() as conn:
        if why := nothing_to_play(conn, now, zone(coming.project.config.timezone)):
            remark(f"not played: {why}")
            return None
        with of_store(conn, now) as events:
            return recorded_traffic(coming, events, differences)


def tell_traffic(traffic: Traffic, currency: str) -> None:
    """For people, in a terminal."""
    say_head(f"What is sent a day, {over(traffic)}")
    if traffic.one_in > 1:
        say_plain(f"  {SAMPLE.format(traffic.one_in)}")
    rows = list(daily_rows(traffic, currency))
    if rows:
        say_rows(aligned([("", "before", "now", "difference"), *rows]))
    else:
        say_plain("  nothing starts, and nothing is sent, more or less often")
    say_plain(f"  {in_all(traffic, currency)}")
    for sentence in (
        *entries(traffic), *members(traffic), *people_inside(traffic), *lost_to_caps(traffic),
        *competitions(traffic), *CANNOT_KNOW, *learned_words(traffic),
    ):  # fmt: skip
        say_plain(f"  {sentence}")


def over(traffic: Traffic) -> str:
    """Which stretch was counted."""
    first, last = ((at or "").partition("T")[0] for at in (traffic.first_at, traffic.last_at))
    return f"over the recorded events of {counted(traffic.days, 'day')} ({first} to {last})"


def daily_rows(traffic: Traffic, currency: str) -> Iterator[tuple[str, str, str, str]]:
    """What differs: of the journeys that the change is about, of others by more than a sample may be off,
    then of all together."""
    for journey in traffic.journeys:
        counts = {"starts": journey.starts, **journey.messages}
        for what, count in counts.items():
            if journey.journey in traffic.about or abs(count.after - count.before) > (count.margin or 0):
                yield from _differing(f"{journey.journey}: {what}", count)
    for channel, count in traffic.messages.items():
        yield from _differing(f"all journeys: {channel}", count)
    cost = traffic.cost
    if cost.before != cost.after:
        told = formatted_difference(cost.before, cost.after, 2)
        yield f"all journeys: cost in {currency}", told.before, told.after, told.difference


def entries(traffic: Traffic) -> Iterator[str]:
    """Who would newly enter, and who no longer."""
    for each in traffic.journeys:
        if each.enter or each.enter_no_more:
            yield (
                f"{each.journey}: {counted(each.enter, 'customer')} would newly enter in these days, "
                f"{each.enter_no_more:,} no longer"
            )


def members(traffic: Traffic) -> Iterator[str]:
    """Who is in changed segments at the end of what was played, by the definition before and by this one."""
    for each in traffic.segments:
        if each.limits and not each.before and not each.after:
            continue  # what puts people into it lies before these events
        margin = f" (± {each.margin:,})" if each.margin else ""
        limits = (
            f"; {_some(each.limits)}: only what is recorded counts, so the real numbers are others"
            if each.limits
            else ""
        )
        then = f"{each.after:,} then ({each.enters:,} more, {each.leaves:,} fewer){margin}"
        yield f"segment {each.segment}: of those who were played {each.before:,} now, {then}{limits}"


def people_inside(traffic: Traffic) -> Iterator[str]:
    """Who is inside at the end of what was played, as the new version asks them, and of whom that is not
    known."""
    for each in traffic.inside:
        told = []
        if each.asks:
            told.append(_leaving(each) or "nobody leaves at once by the changed goal or exit_if")
        if each.facts:
            told.append(f"as soon as everybody is counted anew, {_recounted(each)}")
        margin = f" (each ± {each.margin:,})" if each.margin else ""
        limits = (
            f"; {_some(each.limits)}: only what is recorded counts, so the real numbers are others"
            if each.limits
            else ""
        )
        are = "is" if each.inside == 1 else "are"
        yield (
            f"{each.journey}: {counted(each.inside, 'run')} began within what was played and {are} inside at"
            f" its end; {'; '.join(told)}{margin}{limits}"
        )
    if traffic.inside:
        yield "Of those who came in before what was played only the store can say who leaves."


def _leaving(each: PlayedInside) -> str:
    by = ((each.reaches_goal, "goal"), (each.leaves_early, "exit_if"))
    return " and ".join(
        f"{runs:,} {'leaves' if runs == 1 else 'leave'} at once by the changed {what}"
        for runs, what in by if runs
    )  # fmt: skip


def _recounted(each: PlayedInside) -> str:
    from engine.plan.in_flight import RecountPlan

    return recount_words(
        RecountPlan(
            each.journey, tuple(each.facts), each.inside, each.other_value,
            reaches_goal=each.recounted_goal, leaves_early=each.recounted_exit,
            other_moment=each.other_moment, other_answer=each.other_answer,
        )
    )  # fmt: skip


def recount_words(recount: RecountPlan) -> str:
    """What other values of facts do to people inside, by the events until now."""
    have = "has" if recount.other_value == 1 else "have"
    words = (
        f"{recount.other_value:,} of {recount.people:,} inside {have} another value"
        f" of {', '.join(recount.facts)}"
    )
    done = [
        f"{people:,} {singular if people == 1 else plural}"
        for people, singular, plural in (
            (recount.reaches_goal, "reaches the goal", "reach the goal"),
            (recount.leaves_early, "leaves", "leave"),
            (recount.other_moment, "waits until another moment", "wait until another moment"),
            (recount.other_answer, "comes to a condition that", "come to a condition that"),
        )
        if people
    ]
    if recount.other_answer:
        done[-1] += " answers otherwise by now"
    return f"{words}: {', '.join(done)}" if done else f"{words}; to nobody anything happens by it now"


def competitions(traffic: Traffic) -> Iterator[str]:
    """One sentence for each journey that the change is about, and policy with caps by which it sends; one for
    all of a policy that meet no other journey. Who else goes by a policy is told once."""
    by_caps: dict[tuple[str, str], list[CapCompetition]] = {}
    for each in traffic.competition:
        if each.people:
            by_caps.setdefault((each.policy, _caps(each)), []).append(each)
    for (policy, caps), together in by_caps.items():
        alone = [each for each in together if not each.shared]
        told = [each for each in together if each not in alone or len(alone) == 1]
        for number, each in enumerate(told):
            yield _competition(each, names_also=number == 0)
        if len(alone) > 1:
            names = _some([each.journey for each in alone])
            yield (
                f"{names} go by the caps of {policy} ({caps}): none of their customers got others' messages "
                "while a cap counts them"
            )


def _caps(each: CapCompetition) -> str:
    return ", ".join(place.cap for place in each.places)


def learned_words(traffic: Traffic) -> Iterator[str]:
    """Facts that a sample has to find by itself."""
    if traffic.learned:
        named = _some(list(traffic.learned))
        yield f"{named}: found from the customers of the sample alone, where the shop goes by everybody."


def in_all(traffic: Traffic, currency: str) -> str:
    """Messages of all journeys on a day by channel, and their cost."""
    counts = {channel: count for channel, count in traffic.messages.items() if count.before != count.after}
    cost = traffic.cost
    if not counts and cost.before == cost.after:
        return "all journeys together send as many messages a day as before, at the same cost"
    parts = []
    for channel, count in traffic.messages.items():
        told = formatted_difference(count.before, count.after, 1)
        margin = f" ± {count.margin:,.{told.digits}f}" if count.margin and channel in counts else ""
        parts.append(
            f"{channel} {told.before} -> {told.after} ({told.difference}{margin})"
            if channel in counts
            else f"{channel} {told.before} as before"
        )
    euro = formatted_difference(cost.before, cost.after, 2)
    spent = (
        f"{euro.before} {currency} as before"
        if cost.before == cost.after
        else f"{euro.before} -> {euro.after} {currency}"
    )
    is_unclear = counts and all(
        abs(each.after - each.before) <= (each.margin or 0) for each in counts.values()
    )
    unclear = "; no more than the sample may be off" if is_unclear else ""
    return f"all journeys together, a day: {', '.join(parts)}; cost {spent}{unclear}"


def lost_to_caps(traffic: Traffic) -> Iterator[str]:
    """How many messages a day find no place under caps, where that differs."""
    parts = [
        f"{each.journey} {each.capped.after:,.1f} ({each.capped.before:,.1f} before)"
        for each in traffic.journeys
        if each.journey in traffic.about and abs(each.capped.after - each.capped.before) >= _SHOWN
    ]
    others = [each.capped for each in traffic.journeys if each.journey not in traffic.about]
    before, after = sum(each.before for each in others), sum(each.after for each in others)
    if abs(after - before) >= _SHOWN:
        parts.append(f"journeys that do not change {after:,.1f} ({before:,.1f} before)")
    if parts:
        yield f"messages a day that find no place under caps: {', '.join(parts)}"


def jump(journey: JourneyTraffic) -> str:
    """What a reviewer looks at first."""
    return f"sends {journey.sent.after:,.1f} a day instead of {journey.sent.before:,.1f}"


def leaving_played(each: PlayedInside) -> str:
    """Of whom the number of those who leave is, for the same place."""
    return f"of {each.inside:,} who were played {'leaves' if each.leaving == 1 else 'leave'} by the change"


def _competition(each: CapCompetition, *, names_also: bool) -> str:
    words = f"{each.journey} goes by the caps of {each.policy} ({_caps(each)})"
    words += f" as {_some(each.also)} do" if each.also and names_also else ""
    people = counted(each.people, "customer")
    if not each.shared:
        return f"{words}: of its {people} none got others' messages while a cap counts them"
    rivals = _some([f"{name} {people:,}" for name, people in each.rivals.items()])
    words += f": {each.shared:,} of its {people} got others' messages while a cap counts them ({rivals})"
    held = [f"{place.others:.1f} of {place.cap}" for place in each.places if place.others >= _SHOWN]
    return words + (f"; these hold {' and '.join(held)} when it sends" if held else "")


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _differing(words: str, count: DailyCount) -> Iterator[tuple[str, str, str, str]]:
    if count.before != count.after:
        told = formatted_difference(count.before, count.after, 1)
        margin = f" ± {count.margin:,.{told.digits}f}" if count.margin else ""
        yield words, told.before, told.after, f"{told.difference}{margin}"
