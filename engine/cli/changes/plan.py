"""`plan`: what `deploy` would do: to the people inside, to segments, and in words to everything else."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from engine.cli.app import PROBLEMS, RUN, Session, app
from engine.cli.output import (
    Format,
    FormatOption,
    counted,
    remark,
    say,
    say_head,
    say_json,
    say_plain,
    say_rows,
    writing,
)
from engine.command_hints import command
from engine.errors import UsageError
from engine.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection
    from zoneinfo import ZoneInfo

    from engine.errors import AuthorError
    from engine.plan.difference import ProjectDiff
    from engine.plan.in_flight import (
        AdmissionPlan,
        DeploymentPlan,
        FactPlan,
        JourneyPlan,
        PlaceInFlight,
        PolicyPlan,
        RiskyChange,
    )
    from engine.plan.traffic import Traffic
    from engine.project import Project
    from engine.runtime.publish.planning import ComingDeployment
    from engine.runtime.publish.recent_events import RecentEvents

GONE_HELP = "a wait that is gone, and none took its place: who rests there goes on (may be repeated)"
ONE_IN_HELP = "play one of so many customers; without it as many as take seconds"
MOVED = {
    "stays": "stay",
    "keeps_moment": "stay and keep the moment they were promised",
    "new_moment": "stay and get the new moment",
    "planned_anew": "stay; a message that has not left yet leaves by the new rules",
    "goes_on": "go on",
    "finishes": "leave the journey at once and get no further message of it",
    "leaves": "leave at once",
}
"""In words, by `core.handlers.migrate.MoveRule`."""
RISKS = {
    "without_file": "refused: the file is gone",
    "unsure": "refused: is it {to} under another name?",
    "leaves": "leave at once",
    "reaches_goal": "leave: the changed goal holds already",
    "leaves_early": "leave: the changed exit_if holds already",
    "recounted_goal": "reach the goal as soon as everybody is counted anew ({to})",
    "recounted_exit": "leave as soon as everybody is counted anew ({to})",
    "finishes": "leave the journey at once and get no further message of it",
    "goes_on": "go on to {to}",
}
"""In words, by `plan.in_flight.Risk`."""
MOST_NAMES = 8
"""Journeys of a policy that are named."""
ONLY_STORE = (
    "beyond the recorded events only the store can say who leaves at once by a changed goal or exit_if,"
    " and how segments change"
)
PENDING = 4
"""Exit code with `--exit-code` where a deployment would change something."""


@app.command(rich_help_panel=RUN)
def plan(
    context: typer.Context,
    form: FormatOption = Format.text,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="leave with 4 where deploy would change something")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="write the plan to this file, for  deploy --plan FILE")
    ] = None,
    gone: Annotated[list[str] | None, typer.Option("--gone", metavar="JOURNEY.STEP", help=GONE_HELP)] = None,
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", help="by what  snapshot  wrote, where the store is out of reach"),
    ] = None,
    replay: Annotated[
        bool,
        typer.Option("--replay/--no-replay", help="with or without the recorded events of the last weeks"),
    ] = True,
    one_in: Annotated[int | None, typer.Option("--one-in", min=1, help=ONE_IN_HELP)] = None,
) -> None:
    """Say what publishing the folder would do: how many people are where, what becomes of them, who leaves at
    once, how segments change, who would enter, what is sent a day and what it costs, and what differs in
    words. Changes nothing."""
    from engine.cli.changes.compared_versions import compare
    from engine.cli.changes.traffic import is_worth_playing, nothing_to_play, recorded_traffic
    from engine.cli.stores import look_into_store
    from engine.plan.reviewed_plan import ReviewedPlan, written
    from engine.problem import to_json
    from engine.project import load
    from engine.runtime.publish.planning import plan_deployment
    from engine.runtime.publish.recent_events import of_file, of_store
    from engine.values import to_datetime, zone

    session = Session.of(context)
    project = load(session.folder)
    now = session.clock.now()
    if snapshot is not None and out is not None:
        raise UsageError("a plan that is to be deployed is made beside the store:", "leave --snapshot away")
    is_empty = False
    with ExitStack() as opened:
        recent: AbstractContextManager[RecentEvents]
        if snapshot is not None:
            coming, is_empty = _from_snapshot(snapshot, project, gone or ())
            recent = of_file(snapshot, one_in)
        else:
            conn = opened.enter_context(look_into_store(session.folder))
            coming = plan_deployment(conn, project, now, gone or ())
            recent = of_store(conn, now, one_in)
        if not coming.number:
            raise UsageError("nothing was deployed yet", f"`{command('deploy')}` publishes the folder")
        differences = compare(coming.published, coming.project, now)
        sent = None
        plays = replay and not is_empty and is_worth_playing(differences)
        if plays and snapshot is None and (why := nothing_to_play(conn, now, zone(project.config.timezone))):
            plays = False
            remark(f"not played: {why}")
        if plays:
            sent = recorded_traffic(coming, opened.enter_context(recent), differences)
    if form is Format.json:
        say_json({
            "against": coming.number, "affects": differences.affects, "risks": coming.plan.risks,
            "people": coming.plan, "traffic": sent, "subjects": differences.subjects,
            "unread": differences.unread, "warnings": [to_json(each) for each in differences.warnings],
        })  # fmt: skip
    else:
        tell_deployment(coming, differences, sent)
    if coming.plan.gone or coming.plan.doubts:
        raise typer.Exit(PROBLEMS)
    if out is not None:
        reviewed = ReviewedPlan(
            to_datetime(now), coming.number, coming.project.hash, coming.plan, tuple(gone or ())
        )
        with writing(out):
            out.write_bytes(written(reviewed))
        remark(f"{out}: `{command(f'deploy --plan {out}')}` publishes this and nothing else")
    if exit_code and (differences.subjects or differences.unread):
        raise typer.Exit(PENDING)


def _from_snapshot(file: Path, project: Project, gone: Collection[str]) -> tuple[ComingDeployment, bool]:
    """And whether there is nothing to play."""
    from engine.cli.changes.snapshot import no_events
    from engine.runtime.publish.snapshot_plan import plan_from_snapshot
    from engine.store.streams.snapshot import read_snapshot
    from engine.values import zone

    counted, files = read_snapshot(file)
    remark(f"counted {counted.made_at}: {ONLY_STORE}")
    if counted.without_events:
        remark(f"not played: {no_events(counted, zone(project.config.timezone))}")
    return plan_from_snapshot(counted, files, project, gone), counted.without_events


def tell_deployment(coming: ComingDeployment, differences: ProjectDiff, sent: Traffic | None) -> None:
    """For people: what becomes of whoever is inside, what is sent a day if it is known, and what differs in
    words."""
    from engine.cli.changes.diff import tell_diff
    from engine.cli.changes.traffic import tell_traffic
    from engine.values import zone

    config = coming.project.config
    _tell_plan(coming.plan, zone(config.timezone), sent)
    if sent is not None:
        tell_traffic(sent, config.currency)
    tell_diff(differences, f"deployment {coming.number}")


def _tell_plan(coming: DeploymentPlan, zone: ZoneInfo, sent: Traffic | None) -> None:
    """What becomes of people and segments. `zone`: of the moments."""
    from engine.cli.changes.traffic import jump, leaving_played, recount_words
    from engine.runtime.publish.planning import doubt_refusal, refusal

    jumps = sent.jumps if sent is not None else ()
    leaving = [each for each in (sent.inside if sent is not None else ()) if each.leaving]
    if coming.risks or jumps or leaving:
        say_head("To be looked at first")
        say_rows([
            *(_risk(each) for each in coming.risks),
            *([f"{each.leaving:>7,}", f"in {each.journey}", leaving_played(each)] for each in leaving),
            *(["", f"in {each.journey}", jump(each)] for each in jumps),
        ])  # fmt: skip
    for journey in coming.journeys:
        say_head(f"journey {journey.journey}: {_people(journey.people)} inside")
        if journey.is_gone:
            _tell_refusal(refusal(journey))
            continue
        say_rows([_row(place, zone) for place in journey.places])
        for doubt in coming.doubts:
            if doubt.journey is journey:
                _tell_refusal(doubt_refusal(doubt))
        _tell_who_leaves(journey)
    for segment in coming.segments:
        then = segment.members + segment.enters - segment.leaves
        say_head(
            f"segment {segment.segment}: {segment.members:,} now, {then:,} then"
            f" ({segment.enters:,} more, {segment.leaves:,} fewer)"
        )
        if any(each.segment == segment.segment for each in coming.admissions):
            continue  # below is said whom they start
        say_plain(
            "  they were in it, or not, from the beginning: no journey starts for those more, now or later,"
            " until they have left it and come back"
        )
    for admission in coming.admissions:
        say_head(f"journey {admission.journey}: {admission_words(admission)}")
        say_plain(
            "  each at a moment of their own, if they are still in it then; everything else is asked as at"
            " any start. It happens once in the life of a journey"
        )
    for fact in coming.facts:
        _tell_fact(fact)
    for recount in coming.recounts:
        say_head(f"journey {recount.journey}, as soon as everybody is counted by the new definitions")
        say_plain(f"  {recount_words(recount)}")
    for policy in coming.policies:
        say_head(f"policy {policy.policy}: {policy_words(policy)}")


def admission_words(admission: AdmissionPlan, when: str = "over 24 hours from the deployment on") -> str:
    """How many come in by `members: all`, and in which time."""
    if admission.members is None:
        who = f"everybody who is in {admission.segment} now"
    else:
        who = f"{counted(admission.members, 'customer')} in {admission.segment} now"
    return f"{who} {'enters' if admission.members in (None, 1) else 'enter'} as well, {when}"


def _risk(risky: RiskyChange) -> list[str]:
    return [f"{risky.people:>7,}", f"in {risk_place(risky)}", risk_words(risky)]


def risk_place(risky: RiskyChange) -> str:
    """The journey, and the step if it is about one."""
    from engine.compiler.walk import step_in_words

    return f"{risky.journey}, {step_in_words(risky.step)}" if risky.step else risky.journey


def risk_words(risky: RiskyChange) -> str:
    """What people lose, or why it is refused."""
    from engine.compiler.walk import step_in_words

    return RISKS[risky.risk].format(to=step_in_words(risky.to or ""))


def _tell_refusal(why: AuthorError) -> None:
    say(f"  [bold red]refused[/]: {escape(printable(why.what))}")
    say_plain(f"  {why.cure}")


def _tell_who_leaves(journey: JourneyPlan) -> None:
    for people, question in ((journey.reaches_goal, "goal"), (journey.leaves_early, "exit_if")):
        if people:
            leave = "leaves" if people == 1 else "leave"
            why = f"the changed {question} holds already"
            say_plain(f"  {_people(people)} of them {leave} at the next event or step: {why}")


def _tell_fact(fact: FactPlan) -> None:
    say_head(f"fact {fact.fact}: counted{'' if fact.is_new else ' anew'} from the recorded events")
    until = "nobody has a value" if fact.is_new else "the former value holds"
    say_plain(f"  until everybody is counted {until}; then whoever has another one is told")
    say_plain(f"  {asking_words(fact)}")


def asking_words(fact: FactPlan) -> str:
    """What asks for a fact that changes, and how many people are inside of these journeys."""
    readers = [f"segment {name}" for name in fact.segments] + [f"journey {name}" for name in fact.journeys]
    inside = f"; {_people(fact.people)} inside" if fact.people else ""
    return f"asked for by {', '.join(readers)}{inside}"


def policy_words(policy: PolicyPlan) -> str:
    """Who sends by a policy that changes, and how many people are inside of these."""
    names = policy.journeys[:MOST_NAMES]
    more = len(policy.journeys) - len(names)
    some = ", ".join(names) + (f" and {more:,} more" if more else "")
    send = "send" if len(policy.journeys) > 1 else "sends"
    inside = f"{_people(policy.people)} {'is' if policy.people == 1 else 'are'} inside"
    return f"{some} {send} by it; {inside}"


def _people(number: int) -> str:
    return "1 person" if number == 1 else counted(number, "people").removesuffix("s")


def _row(place: PlaceInFlight, zone: ZoneInfo) -> list[str]:
    from engine.compiler.walk import step_in_words

    return [f"{place.people:>7,}", f"at {step_in_words(place.step) or 'no step'}", place_words(place, zone)]


def place_words(place: PlaceInFlight, zone: ZoneInfo) -> str:
    """What becomes of people at a place. `zone`: of the moments."""
    from engine.compiler.walk import step_in_words
    from engine.core.handlers.migrate import MoveRule as Move

    # it holds by the second answer alone
    words = f"{'refused; with --gone they ' if place.seems is not None else ''}{MOVED[place.move]}"
    if place.to is not None and place.move is not Move.GOES_ON:
        words += f"; their step is called {step_in_words(place.to)} now"
    elif place.to is not None:
        words += f" to {step_in_words(place.to)}" + (
            " at the promised moment" if place.until is not None else ""
        )
    if place.until is not None and place.move in (Move.KEEPS_MOMENT, Move.GOES_ON):
        words += f"; the last of them is due {place.until.astimezone(zone):%Y-%m-%d %H:%M}"
    return words
