"""`why CUSTOMER TEMPLATE`: why a message was sent, or was not, in a few sentences."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import Format, FormatOption, say, say_json, say_plain
from engine.errors import UsageError
from engine.problem import did_you_mean


@app.command(rich_help_panel=LOOK)
def why(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="an id, an e-mail address or a telephone number")],
    template: Annotated[str, typer.Argument(help="the message, such as cart_reminder")],
    form: FormatOption = Format.text,
) -> None:
    """Say why a customer got a message, or did not: never entered, holdout, capped, too late, paused, handed
    over."""
    from engine.cli.reports import unknown_messages
    from engine.cli.reports.why_message import explain, senders
    from engine.cli.stores import known_person, look_into_store
    from engine.core.journey import SendStep
    from engine.project import load_config

    session = Session.of(context)
    with look_into_store(session.folder) as conn:
        person = known_person(conn, customer, session)
        unknown = unknown_messages.look(conn, load_config(session.folder), session.clock.now(), person.id)
        answer = explain(conn, person, template, unknown)
    if not senders(person, template) and not answer.messages:
        steps = (step for journey in person.journeys.by_name.values() for step in journey.steps)
        every = sorted({step.template for step in steps if isinstance(step, SendStep)})
        near = did_you_mean(template, every, f"the published journeys send: {', '.join(every)}")
        raise UsageError(f'no published journey sends "{template}":', near)
    if form is Format.json:
        say_json(answer)
        return
    say(f"[bold]{_HEADS[answer.verdict]}[/]")
    for text in answer.sentences:
        say_plain(f"  {text}")


_HEADS = {
    "sent": "It was sent.",
    "not sent": "It was not sent.",
    "waiting": "It was not sent yet.",
    "unknown": "Nobody knows whether it was sent.",
}
