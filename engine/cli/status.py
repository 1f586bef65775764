"""`status`: what waits, what stands still, who is stuck and why, where the people are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import Format, counted, say_head, say_json, say_plain, say_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.values import Instant

_SHOWN = 20


@app.command(rich_help_panel=LOOK)
def status(
    context: typer.Context,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Queues, pauses, unknown messages with what happens to them, stuck customers, people by step, alerts."""
    from engine.cli.reports import guards, unsettled
    from engine.cli.stores import daemon_runs, project_store
    from engine.project import load_config

    session = Session.of(context)
    now, config = session.clock.now(), load_config(session.folder)
    with project_store(session.folder) as store, store.read() as conn:
        found = _look(conn, now)
        found["guards"] = guards.look(conn, config, now)
        found["unknown"] = unsettled.look(conn, config, now)
    found["daemon"] = daemon_runs(config, session.folder)
    if form is Format.json:
        say_json(found)
    else:
        _print(found)


def _look(conn: Connection, now: Instant) -> dict[str, Any]:
    """Everything as plain data; moments as ISO 8601 in UTC."""
    from engine.store import alerts
    from engine.store.customers import batches, enrollments
    from engine.store.inbox import due_queue, quarantine
    from engine.store.journeys import deployments, figures, pauses
    from engine.store.messages import webhooks
    from engine.values import iso

    last, first = deployments.current(conn), due_queue.first(conn)
    return {
        "now": iso(now),
        "deployment": last and {
            "number": last.number, "at": iso(last.at), "whom": last.whom, "commit": last.commit, "journeys": len(last.journeys),
        },
        "customers": batches.count(conn),
        "queues": {**figures.waiting(conn), "due": due_queue.overdue(conn, now), "next_due": first and iso(first)},
        "webhooks": webhooks.counts(conn),
        "failing_webhooks": [
            {"webhook": each.webhook, "waiting": each.waiting, "since": iso(each.since), "next_at": iso(each.next_at), "answer": each.detail}
            for each in webhooks.failing(conn)
        ],
        "pauses": [
            {"scope": each.scope, "name": each.name, "since": iso(each.at), "whom": each.whom, "why": each.why}
            for each in pauses.list_active(conn)
        ],
        "stuck": [
            {"customer": each.customer, "since": iso(each.since), "tries": each.tries, "retry_at": iso(each.retry_at), "why": each.why}
            for each in quarantine.list_all(conn)
        ],
        "inside": {name: {"people": people, "steps": enrollments.resting(conn, name)} for name, people in enrollments.journeys_with_people(conn).items()},
        "alerts": [
            {"at": iso(each.at), "journey": each.journey, "owner": each.owner, "why": each.why} for each in alerts.latest(conn, _SHOWN)
        ],
    }  # fmt: skip


# --- for people ---------------------------------------------------------------------------------


def _print(found: dict[str, Any]) -> None:
    from engine.cli.reports import guards, unsettled

    say_rows([*guards.top(found["guards"]), *_top(found)], indent=0)
    say_head("Queues")
    say_rows(_queues(found))
    _part(
        "Pauses",
        [
            [_paused(each), f"since {each['since']} by {each['whom']}", each["why"]]
            for each in found["pauses"]
        ],
    )
    _part(
        "Failing webhooks",
        [
            [
                each["webhook"],
                f"{each['waiting']:,} since {each['since']}, next try {each['next_at']}",
                each["answer"],
            ]
            for each in found["failing_webhooks"]
        ],
    )
    _part("Unknown messages", unsettled.by_channel(found["unknown"]))
    _part("The oldest of them", unsettled.rows(found["unknown"]))
    if found["unknown"]:
        say_plain("  settle them with  main.py resolve KEY --sent | --resend | --failed")
    _part(
        "Stuck customers",
        [
            [
                each["customer"],
                f"since {each['since']}, try {each['tries'] + 1} at {each['retry_at']}",
                each["why"],
            ]
            for each in found["stuck"]
        ],
    )
    _part("One-off sends", guards.sends(found["guards"]))
    _part("Ceilings today", guards.today(found["guards"]))
    _part("Inside the journeys", _inside(found["inside"]))
    _part("Alerts", [[each["at"], each["journey"], each["why"]] for each in found["alerts"]])


def _part(head: str, rows: list[list[str]]) -> None:
    if rows:
        say_head(head)
        say_rows(rows[:_SHOWN] if head != "Inside the journeys" else rows)
        if len(rows) > _SHOWN and head != "Inside the journeys":
            say_plain(f"  and {len(rows) - _SHOWN:,} more; --format json shows all")


def _top(found: dict[str, Any]) -> list[list[str]]:
    last = found["deployment"]
    deployed = "nothing was deployed yet: main.py deploy, or main.py run"
    if last:
        commit = last["commit"] or "no commit"
        deployed = f"{last['number']}, {counted(last['journeys'], 'journey')}, {commit[:12]}{commit[40:]}, {last['at']} by {last['whom']}"
    return [
        ["deployment", deployed],
        ["daemon", "runs" if found["daemon"] else "does not run"],
        ["customers", f"{found['customers']:,}"],
    ]


def _queues(found: dict[str, Any]) -> list[list[str]]:
    queues, calls = found["queues"], found["webhooks"]
    after = f"next {queues['next_due']}" if queues["next_due"] else "nobody waits"
    rows = [
        ["received, not applied", queues["inbox"], ""],
        ["customers due now", queues["due"], after],
        ["messages on their way", queues["planned"], ""],
        ["messages unknown or held", queues["unknown"], ""],
        [
            "webhook calls to make",
            calls.get("planned", 0),
            f"{calls['failed']:,} given up" if calls.get("failed") else "",
        ],
        ["customers set aside", queues["stuck"], ""],
    ]
    wide = max(len(f"{number:,}") for _, number, _ in rows)
    return [[name, f"{number:,}".rjust(wide), aside] for name, number, aside in rows]


def _paused(each: dict[str, Any]) -> str:
    return "everything" if each["scope"] == "all" else f"{each['scope']} {each['name']}"


def _inside(journeys: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, found in journeys.items():
        rows.append([name, f"{found['people']:,}"])
        rows += [
            [f"  {step or '(holdout or on the way)'}", f"{people:,}"]
            for step, people in found["steps"].items()
        ]
    wide = max((len(number) for _, number in rows), default=0)
    return [[name, number.rjust(wide)] for name, number in rows]
