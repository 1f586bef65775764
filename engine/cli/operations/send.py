"""`send`: one message to everybody in a segment, once; first the plan, then a question, then the send."""

from __future__ import annotations

import datetime as dt
import glob
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, counted, remark, say_json, say_plain, say_rows
from engine.command_hints import command
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.project import Project
    from engine.runtime.publish.one_off import OneOffPlan, OneOffRequest
    from engine.store.journeys.one_offs import OneOff
    from engine.values import Instant

_SHORT = re.compile(r"(\d+) *(m|min|h|d)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}))?")


@app.command(rich_help_panel=RUN)
def send(
    context: typer.Context,
    template: Annotated[str, typer.Argument(help="the message, such as spring_news")] = "",
    to: Annotated[str, typer.Option("--to", help="the segment whose members get it")] = "",
    via: Annotated[str, typer.Option("--via", help="a channel, or a cascade: email,sms")] = "",
    next_after: Annotated[
        str, typer.Option("--next-after", help="how long a cascade waits for a reaction: 4h")
    ] = "",
    policy: Annotated[str, typer.Option("--policy", help="a policy of config.yaml")] = "marketing",
    goal: Annotated[
        str, typer.Option("--goal", help="the event that counts as success; default: order_placed")
    ] = "",
    at: Annotated[
        str, typer.Option("--at", help='when, by the clock of each customer: "2026-11-27 10:00"')
    ] = "",
    code: Annotated[
        str, typer.Option("--code", help="a pool of config.yaml: everybody gets a code of their own first")
    ] = "",
    valid: Annotated[str, typer.Option("--valid", help="how long that code is good")] = "7 days",
    against: Annotated[
        str, typer.Option("--against", help="A/B: another template, which the rest of the people gets")
    ] = "",
    share: Annotated[
        int, typer.Option("--share", min=1, max=99, help="A/B: percent who get the first template")
    ] = 50,
    holdout: Annotated[
        int, typer.Option("--holdout", min=0, max=50, help="percent who get nothing and are measured")
    ] = 0,
    again: Annotated[bool, typer.Option("--again", help="the same once more on the same day")] = False,
    stop: Annotated[
        str, typer.Option("--stop", help="end a one-off send that is under way, by its name")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="send without asking")] = False,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Send a message to everybody who is in a segment now. It says what it would do and asks before it does
    it.

    The message goes through everything that a journey's does: consent, quiet hours, caps, lateness, pauses,
    ceilings.
    """
    session = Session.of(context)
    if stop:
        _stop(session, stop)
        return
    if not template or not to:
        raise UsageError(
            "send needs a template and a segment:", f"write  {command('send TEMPLATE --to SEGMENT')}"
        )
    from engine.cli.stores import project_store
    from engine.runtime.publish.one_off import OneOffRequest

    with project_store(session.folder) as store:
        now = session.clock.now()
        # looked at beside the daemon: nothing is written until somebody has agreed
        with store.read() as conn:
            wanted = OneOffRequest(
                template, to, policy, goal, tuple(filter(None, (each.strip() for each in via.split(",")))),
                _length(next_after), _moment(at), code, _length(valid) if code else "", against,
                share if against else 50, holdout,
            )  # fmt: skip
            project, request, name, plan = _look(conn, wanted, now, session.folder, again=again)
        # shown with --yes, too
        if form is Format.json:
            say_json(_data(name, request, plan))
        else:
            _print(name, request, plan, project)
        if not plan.members:
            remark(f"nobody is in {to}: nothing was sent")
            return
        if not (yes or _agreed(plan)):
            remark("nothing was sent")
            return
        # The question may stand for long: the plan is what was shown, the moment is now
        number = store.write(lambda conn: _begin(conn, request, name, plan, session.clock.now()))
    # the JSON alone belongs to the output that programs read
    say = remark if form is Format.json else say_plain
    say(f"{name} begins: {counted(len(plan.members), 'customer')} (deployment {number}). "
        f"{command('status')} shows it, {command(f'pause {name}')} stops it")  # fmt: skip


def _look(
    conn: Connection, request: OneOffRequest, now: Instant, folder: Path, *, again: bool
) -> tuple[Project, OneOffRequest, str, OneOffPlan]:
    """What would be sent; nothing is changed. Raises UsageError, AuthorError for what does not fit."""
    from engine.runtime.publish import one_off
    from engine.runtime.publish.last_published import published_project
    from engine.store.journeys import one_offs
    from engine.store.journeys.one_offs import OneOff
    from engine.values import local_date, zone

    published = published_project(conn)
    if published is None:
        raise UsageError("nothing was deployed yet:", f"publish the project first with  {command('deploy')}")
    project = published[1]
    # against what is published and not against the folder: that is what would be sent
    for what, wanted, there in (
        ("template", request.template, list(project.templates.by_name)),
        ("template", request.against, list(project.templates.by_name)),
        ("segment", request.segment, list(project.journeys.segments)),
        ("policy", request.policy, list(project.journeys.policies)),
        ("code pool", request.code, [*project.config.codes, *project.config.offers]),
    ):
        if wanted and wanted not in there:
            if what == "template" and any((folder / "templates").glob(f"{glob.escape(wanted)}.*")):
                raise UsageError(
                    f'the template "{wanted}" is not published yet:', f"publish it with  {command('deploy')}"
                )
            raise UsageError(
                f'there is no {what} "{wanted}" in what is published:',
                did_you_mean(wanted, there, f"there are: {', '.join(sorted(there)) or 'none'}"),
            )
    # not every shop has orders
    usual = "order_placed" if "order_placed" in project.catalogue.events else "message_clicked"
    request = replace(request, goal=request.goal or usual)
    head = one_off.head(request.template, local_date(now, zone(project.config.timezone)))
    # ended ones, too: a name is given once
    known = one_offs.named(conn, head)
    if not again and any(one_off.request_of(one) == request for one in known):
        raise UsageError(
            f"the same was sent today already ({known[-1].name}):", "add  --again  if that is what you want"
        )
    name = head if not known else f"{head}_{len(known) + 1}"
    # with those that are under way: they take places under the same caps
    sends = [*one_offs.list_active(conn), OneOff(name, now, "", one_off.journey_of(request, name))]
    names = frozenset([*(one.name for one in one_offs.named(conn, one_off.PREFIX)), name])
    extended = one_off.with_one_offs(project, sends, names)
    plan = one_off.plan_of(
        conn, extended, extended.journeys.by_name[name], request.segment, _leaves_at(request, now, project)
    )
    return extended, request, name, plan


def _begin(conn: Connection, request: OneOffRequest, name: str, plan: OneOffPlan, now: Instant) -> int:
    """All in one transaction: the journey is published, and its people are on the way into it."""
    from engine.cli.stores import whom
    from engine.runtime.publish import one_off
    from engine.runtime.publish.deploy import deploy
    from engine.runtime.publish.last_published import published_project
    from engine.store.journeys import one_offs
    from engine.store.journeys.one_offs import OneOff
    from engine.values import local_date, zone

    published = published_project(conn)
    assert published is not None
    project = published[1]
    # First the send, then the deployment that publishes it with all others, then the people who enter it
    one_offs.add(conn, OneOff(name, now, whom(), one_off.journey_of(request, name)))
    done = deploy(conn, project, now, whom())
    one_off.start(conn, name, plan.members, local_date(now, zone(project.config.timezone)), now)
    return done.number


def _stop(session: Session, name: str) -> None:
    from engine.cli.stores import project_store, whom
    from engine.runtime.publish import one_off
    from engine.runtime.publish.deploy import deploy
    from engine.runtime.publish.last_published import published_project
    from engine.store.journeys import one_offs

    def job(conn: Connection) -> None:
        standing: dict[str, OneOff] = {one.name: one for one in one_offs.list_active(conn)}
        published = published_project(conn)
        if name not in standing or published is None:
            raise UsageError(
                f'no one-off send "{name}" is under way:',
                did_you_mean(name, standing, f"under way: {', '.join(standing) or 'none'}"),
            )
        request = one_off.request_of(standing[name])
        one_offs.change_source(conn, name, one_off.journey_of(request, name, stopped=True))
        deploy(conn, published[1], session.clock.now(), whom())

    with project_store(session.folder) as store:
        store.write(job)
    say_plain(f"{name} ends: whoever is inside leaves now, what was planned is taken back")


# --- words ----------------------------------------------------------------------------------------


def _length(text: str) -> str:
    """`4h` as the language writes it."""
    match = _SHORT.fullmatch(text.strip())
    return f"{match[1]} {_UNITS[match[2]]}" if match else text.strip()


def _moment(text: str) -> str:
    if not text:
        return ""
    match = _MOMENT.fullmatch(text.strip())
    try:
        # the form first: `fromisoformat` takes weeks and zones, too
        moment = dt.datetime.fromisoformat(text.strip()) if match else None
    except ValueError:
        moment = None
    if match is None or moment is None:
        raise UsageError(f'"{text}" is no moment:', 'write  --at "2026-11-27 10:00"')
    return f"{moment:%Y-%m-%d %H:%M}"


def _leaves_at(request: OneOffRequest, now: Instant, project: Project) -> Instant:
    """When it would leave, by the shop's own clock."""
    from engine.values import Instant, at_local, zone

    if not request.at:
        return now
    moment = dt.datetime.fromisoformat(request.at)
    return Instant(max(now, at_local(moment.date(), moment.time(), zone(project.config.timezone))))


def _agreed(plan: OneOffPlan) -> bool:
    """The question; nobody to ask means no."""
    # a script without --yes must not hang, nor send
    if not sys.stdin.isatty():
        remark("nobody can be asked here; --yes sends it")
        return False
    return bool(typer.confirm(f"Send it to {plan.messages:,}?", default=False, err=True))


def _print(name: str, request: OneOffRequest, plan: OneOffPlan, project: Project) -> None:
    currency = project.config.currency
    words, code = request.template, f" with a code of {request.code}" if request.code else ""
    if request.against:
        words = f"{request.share}% {request.template}, {100 - request.share}% {request.against}"
    say_plain(
        f"{name}: {words}{code} to {request.segment}{f' at {request.at}, local time' if request.at else ''}"
    )
    say_plain("")
    lines = [["in the segment", f"{len(plan.members):,}", ""]]
    # whoever is taken away stands in one of these lines, so that they add up
    for what, number, aside in (
        ("in the holdout", plan.holdout, "get nothing, are measured"),
        ("reached by no channel", plan.nobody, ""),
        ("not on deliver_only", plan.not_listed, "get nothing"),
        ("on a break, or silenced", plan.silent, "get nothing"),
        ("no place under a cap", plan.capped, "wait or are skipped, as the policy says"),
    ):
        if number:
            lines.append([f"- {what}", f"{number:,}", aside])
    held = f"{plan.quiet:,} of them when their quiet hours end" if plan.quiet else ""
    lines.append(["= get a message", f"{plan.messages:,}", held])
    lines += [[f"  first by {channel}", f"{number:,}", ""] for channel, number in plan.first.items()]
    lines.append(["", "", ""])
    for channel, counts in plan.reach.items():
        shut = ", ".join(f"{number:,} {why}" for why, number in sorted(counts.items()) if why != "reachable")
        whole = f"of all {len(plan.members):,} in the segment"
        aside = f"{whole}; {shut}" if shut else whole
        lines.append([f"reachable by {channel}", f"{counts['reachable']:,}", aside])
    if plan.languages:
        spoken = ", ".join(f"{name} {number:,}" for name, number in plan.languages.most_common())
        lines.append(["languages", "", spoken])
    most = f", at most {plan.most.normalize():f} {currency} if nobody reacts" if plan.most > plan.cost else ""
    lines.append(["cost", "", f"{plan.cost.normalize():f} {currency}{most}"])
    if plan.ceiling is not None:
        above = max(0, plan.messages - plan.ceiling)
        words = f"{above:,} wait for the next day or are too late then" if above else "is not reached"
        lines.append(["ceiling", f"{plan.ceiling:,}", words])
    say_rows(lines)


def _data(name: str, request: OneOffRequest, plan: OneOffPlan) -> dict[str, Any]:
    return {
        "name": name, "template": request.template, "segment": request.segment, "at": request.at or None,
        "members": len(plan.members),
        "reach": {channel: dict(counts) for channel, counts in plan.reach.items()}, "first": dict(plan.first),
        "unreachable": plan.nobody, "holdout": plan.holdout, "silent": plan.silent,
        "not_listed": plan.not_listed,
        "capped": plan.capped,
        "quiet": plan.quiet, "languages": dict(plan.languages), "cost": f"{plan.cost:f}",
        "most": f"{plan.most:f}",
        "ceiling": plan.ceiling,
    }  # fmt: skip
