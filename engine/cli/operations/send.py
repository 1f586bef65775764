"""`send`: one message to everybody in a segment, once; first the plan, then a question, then the send."""

from __future__ import annotations

import datetime as dt
import re
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, counted, remark, say_json, say_plain, say_rows
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.runtime.publish.one_off import OneOffPlan, OneOffRequest
    from engine.runtime.publish.one_off_sending import OneOffProposal

_SHORT = re.compile(r"(\d+) *(m|min|h|d)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}))?")


_Template = Annotated[str, typer.Argument(help="the message, such as spring_news")]
_To = Annotated[str, typer.Option("--to", help="the segment whose members get it")]
_Via = Annotated[str, typer.Option("--via", help="a channel, or a cascade: email,sms")]
_NextAfter = Annotated[str, typer.Option("--next-after", help="how long a cascade waits for a reaction: 4h")]
_Policy = Annotated[str, typer.Option("--policy", help="a policy of config.yaml")]
_Goal = Annotated[str, typer.Option("--goal", help="the event that counts as success; default: order_placed")]
_At = Annotated[str, typer.Option("--at", help='when, by the clock of each customer: "2026-11-27 10:00"')]
_Code = Annotated[
    str, typer.Option("--code", help="a pool of config.yaml: everybody gets a code of their own first")
]
_Valid = Annotated[str, typer.Option("--valid", help="how long that code is good")]
_Against = Annotated[
    str, typer.Option("--against", help="A/B: another template, which the rest of the people gets")
]
_Share = Annotated[
    int, typer.Option("--share", min=1, max=99, help="A/B: percent who get the first template")
]
_Holdout = Annotated[
    int, typer.Option("--holdout", min=0, max=50, help="percent who get nothing and are measured")
]
_Again = Annotated[bool, typer.Option("--again", help="the same once more on the same day")]
_Stop = Annotated[str, typer.Option("--stop", help="end a one-off send that is under way, by its name")]
_Yes = Annotated[bool, typer.Option("--yes", help="send without asking")]


@app.command(rich_help_panel=RUN)
def send(
    context: typer.Context,
    template: _Template = "",
    to: _To = "",
    via: _Via = "",
    next_after: _NextAfter = "",
    policy: _Policy = "marketing",
    goal: _Goal = "",
    at: _At = "",
    code: _Code = "",
    valid: _Valid = "7 days",
    against: _Against = "",
    share: _Share = 50,
    holdout: _Holdout = 0,
    again: _Again = False,
    stop: _Stop = "",
    yes: _Yes = False,
    form: FormatOption = Format.text,
) -> None:
    """Send a message to everybody who is in a segment now. It says what it would do and asks before it does
    it.

    The message goes through everything that a journey's does: consent, quiet hours, caps, lateness, pauses,
    ceilings.
    """
    from engine.cli.stores import project_store, whom
    from engine.runtime.publish import one_off_sending
    from engine.runtime.publish.one_off import OneOffRequest

    session = Session.of(context)
    if stop:
        with project_store(session.folder) as store:
            store.write(lambda conn: one_off_sending.stop(conn, stop, whom(), session.clock.now()))
        say_plain(f"{stop} ends: whoever is inside leaves now, what was planned is taken back")
        return
    if not template or not to:
        raise UsageError(
            "send needs a template and a segment:", f"write  {command('send TEMPLATE --to SEGMENT')}"
        )
    wanted = OneOffRequest(
        template=template, segment=to, policy=policy, goal=goal,
        via=tuple(filter(None, (each.strip() for each in via.split(",")))), next_after=_length(next_after),
        at=_moment(at), code=code, valid=_length(valid) if code else "", against=against,
        share=share if against else 50, holdout=holdout,
    )  # fmt: skip
    _send(session, wanted, again=again, yes=yes, form=form)


def _send(session: Session, wanted: OneOffRequest, *, again: bool, yes: bool, form: Format) -> None:
    from engine.cli.stores import project_store, whom
    from engine.runtime.publish.one_off_sending import begin, propose

    with project_store(session.folder) as store:
        # looked at beside the daemon: nothing is written until somebody has agreed
        with store.read() as conn:
            proposal = propose(conn, wanted, session.clock.now(), session.folder, again=again)
        # shown with --yes, too
        if form is Format.json:
            say_json(_data(proposal))
        else:
            _print(proposal)
        if not proposal.plan.members:
            remark(f"nobody is in {wanted.segment}: nothing was sent")
            return
        if not (yes or _agreed(proposal.plan)):
            remark("nothing was sent")
            return
        # The question may stand for long: the plan is what was shown, the moment is now
        number = store.write(lambda conn: begin(conn, proposal, whom(), session.clock.now()))
    # the JSON alone belongs to the output that programs read
    say = remark if form is Format.json else say_plain
    name, people = proposal.name, counted(len(proposal.plan.members), "customer")
    say(f"{name} begins: {people} (deployment {number}). "
        f"{command('status')} shows it, {command(f'pause {name}')} stops it")  # fmt: skip


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


def _agreed(plan: OneOffPlan) -> bool:
    """The question; nobody to ask means no."""
    # a script without --yes must not hang, nor send
    if not sys.stdin.isatty():
        remark("nobody can be asked here; --yes sends it")
        return False
    return bool(typer.confirm(f"Send it to {plan.messages:,}?", default=False, err=True))


def _print(proposal: OneOffProposal) -> None:
    name, request, plan = proposal.name, proposal.request, proposal.plan
    currency = proposal.project.config.currency
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


def _data(proposal: OneOffProposal) -> dict[str, Any]:
    request, plan = proposal.request, proposal.plan
    return {
        "name": proposal.name, "template": request.template, "segment": request.segment,
        "at": request.at or None, "members": len(plan.members),
        "reach": {channel: dict(counts) for channel, counts in plan.reach.items()}, "first": dict(plan.first),
        "unreachable": plan.nobody, "holdout": plan.holdout, "silent": plan.silent,
        "not_listed": plan.not_listed, "capped": plan.capped, "quiet": plan.quiet,
        "languages": dict(plan.languages), "cost": f"{plan.cost:f}", "most": f"{plan.most:f}",
        "ceiling": plan.ceiling,
    }  # fmt: skip
