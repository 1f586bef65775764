"""`status`: what waits, what stands still, who is stuck and why, where the people are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import Format, FormatOption, counted, say_head, say_json, say_plain, say_rows
from engine.command_hints import command

if TYPE_CHECKING:
    from engine.cli.reports.status import StatusReport
    from engine.store.customers.enrollments import InsideCounts

_SHOWN = 20


@app.command(rich_help_panel=LOOK)
def status(
    context: typer.Context,
    form: FormatOption = Format.text,
) -> None:
    """Queues, pauses, unknown messages with what happens to them, stuck customers, people by step, alerts."""
    from engine.cli.reports.status import look
    from engine.cli.stores import daemon_runs, look_into_store
    from engine.project import load_config

    session = Session.of(context)
    now, config = session.clock.now(), load_config(session.folder)
    with look_into_store(session.folder) as conn:
        answer = look(conn, config, now, daemon=daemon_runs(config, session.folder))
    if form is Format.json:
        say_json(answer)
    else:
        _print(answer)


def _print(answer: StatusReport) -> None:
    from engine.cli.reports import guards, unknown_messages
    from engine.store.journeys.pauses import AUTOMATIC

    say_rows([*guards.top(answer.guards), *_top(answer)], indent=0)
    _part("Processes", [
        [
            f"{process.host} {process.pid}", process.role + (", leads" if process.leads else ""),
            f"{counted(len(process.buckets), 'bucket')}" if process.buckets else "",
            f"since {process.since}, last heard of {process.silent:g} s ago",
        ]
        for process in answer.processes
    ])  # fmt: skip
    say_head("Queues")
    say_rows(_queues(answer))
    pauses = []
    for pause in answer.pauses:
        what = "everything" if pause.scope == "all" else f"{pause.scope} {pause.name}"
        by = "itself, tries again" if pause.whom == AUTOMATIC else pause.whom
        pauses.append([what, f"since {pause.since} by {by}", pause.why])
    _part("Pauses", pauses)
    _part("Failing channels", [
        [failing.channel, f"since {failing.since}", failing.why] for failing in answer.failing_channels
    ])  # fmt: skip
    _part("Failing webhooks", [
        [hook.webhook, f"{hook.waiting:,} since {hook.since}, next try {hook.next_at}", hook.answer]
        for hook in answer.failing_webhooks
    ])  # fmt: skip
    _part("Unknown messages", unknown_messages.by_channel(answer.unknown))
    _part("The oldest of them", unknown_messages.rows(answer.unknown))
    if answer.unknown:
        say_plain(f"  settle them with  {command('resolve KEY --sent | --resend | --failed')}")
    _part("Stuck customers", [
        [stuck.customer, f"since {stuck.since}, try {stuck.tries + 1} at {stuck.retry_at}", stuck.why]
        for stuck in answer.stuck
    ])  # fmt: skip
    _part("Refused in the last 7 days", [
        [f"{line.times:,}", line.source, line.why]
        for line in answer.refused
    ])  # fmt: skip
    if answer.kept:
        say_plain(f"  {counted(answer.kept, 'item')} kept:  {command('refused')}  shows them")
    _part("One-off sends", guards.sends(answer.guards))
    _part("Ceilings today", guards.today(answer.guards))
    _part("Inside the journeys", _inside(answer.inside), most=None)
    _part("Members coming in", [
        [
            f"{each.journey}, from {each.segment}",
            f"{each.left:,} of {each.listed:,} still to come, until {each.until}"
            if each.until is not None else f"are being listed, {each.listed:,} so far",
        ]
        for each in answer.admissions
    ])  # fmt: skip
    _part("Troubles", [[trouble.since, trouble.why] for trouble in answer.troubles])
    _part("Alerts that cannot be sent", [
        [unsent.destination, f"since {unsent.since}, attempt {unsent.attempts:,}", unsent.why]
        for unsent in answer.unsent_alerts
    ])  # fmt: skip
    _part("Alerts", [[alert.at, alert.journey, alert.why] for alert in answer.alerts])


def _part(head: str, rows: list[list[str]], most: int | None = _SHOWN) -> None:
    """A part of the answer, if there is anything to say. `most`: so many rows; None: all."""
    if rows:
        say_head(head)
        say_rows(rows[:most])
        if most is not None and len(rows) > most:
            say_plain(f"  and {len(rows) - most:,} more; --format json shows all")


def _top(answer: StatusReport) -> list[list[str]]:
    from engine.cli.reports import catalogue

    deployed, words = answer.deployment, f"nothing was deployed yet: {command('deploy')}, or {command('run')}"
    if deployed:
        commit = deployed.commit or "no commit"
        # A commit of a folder with changes of its own has its mark behind the 40 signs of the hash
        commit = f"{commit[:12]}{commit[40:]}"
        journeys = counted(deployed.journeys, "journey")
        words = f"{deployed.number}, {journeys}, {commit}, {deployed.at} by {deployed.whom}"
    return [
        ["deployment", words],
        ["daemon", _daemon(answer)],
        ["customers", f"{answer.customers:,}{_shared(answer)}"],
        *([["catalogue", catalogue.line(answer.catalogue)]] if catalogue.is_told(answer.catalogue) else []),
        *([f"fact {name}", words] for name, words in answer.facts.items()),
        *_past(answer),
    ]


def _past(answer: StatusReport) -> list[list[str]]:
    if answer.past_counted is None:
        return []
    done = f"{answer.past_counted}% of what happened before this version are counted, the daemon counts on"
    return [["figures", done]]


def _shared(answer: StatusReport) -> str:
    shared = answer.shared_addresses
    if not shared:
        return ""
    return f"; several of them share {'an address' if shared == 1 else f'{shared:,} addresses'}"


def _daemon(answer: StatusReport) -> str:
    words = "runs" if answer.daemon else "does not run"
    if answer.channels_refused:
        words += f", with its channels as they were before: {answer.channels_refused}"
    if answer.after_restart:
        words += f"; {' and '.join(answer.after_restart)} of config.yaml count after its next start"
    return words


def _queues(answer: StatusReport) -> list[list[str]]:
    queues, calls = answer.queues, answer.webhooks
    rows = [
        ("received, not applied", queues.inbox, ""),
        ("customers due now", queues.due, f"next {queues.next_due}" if queues.next_due else "nobody waits"),
        ("messages on their way", queues.planned, ""),
        ("messages unknown or held", queues.unknown, ""),
        (
            "webhook calls to make",
            calls.get("planned", 0),
            f"{calls['failed']:,} given up" if calls.get("failed") else "",
        ),
        ("customers set aside", queues.stuck, ""),
    ]
    wide = max(len(f"{number:,}") for _, number, _ in rows)
    return [[name, f"{number:,}".rjust(wide), aside] for name, number, aside in rows]


def _inside(journeys: Mapping[str, InsideCounts]) -> list[list[str]]:
    rows = []
    for name, inside in journeys.items():
        rows.append([name, f"{inside.people:,}"])
        rows += [[f"  {step or '(on the way)'}", f"{people:,}"] for step, people in inside.steps.items()]
        if inside.holdout:
            rows.append(["  (holdout)", f"{inside.holdout:,}"])
    wide = max((len(number) for _, number in rows), default=0)
    return [[name, number.rjust(wide)] for name, number in rows]
