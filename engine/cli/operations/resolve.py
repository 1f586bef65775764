"""`resolve`: a person says what became of messages that nobody knows of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, counted, say_json, say_plain, say_rows
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.store.messages.manual_resolution import Resolution
    from engine.values import Instant

Way = Literal["sent", "resend", "failed"]
_MOST = 20


@app.command(rich_help_panel=RUN)
def resolve(
    context: typer.Context,
    keys: Annotated[list[str] | None, typer.Argument(help="keys of messages, as status shows them")] = None,
    sent: Annotated[bool, typer.Option("--sent", help="they arrived, or count as sent")] = False,
    resend: Annotated[
        bool, typer.Option("--resend", help="send them once more, the same to the letter")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="they never arrived: cascades go on")] = False,
    channel: Annotated[str, typer.Option("--channel", help="all of a channel instead of keys")] = "",
    before: Annotated[str, typer.Option("--before", help="only those handed over before (ISO 8601)")] = "",
    form: FormatOption = Format.text,
) -> None:
    """Settle messages that are unknown or held. Works while the daemon runs; what is settled stays as it
    is."""
    from engine.cli.stores import project_store
    from engine.project import load_config
    from engine.store.messages import manual_resolution

    session = Session.of(context)
    way = _way(sent=sent, resend=resend, failed=failed)
    wanted = list(dict.fromkeys(keys or ()))
    if bool(wanted) == bool(channel):
        raise UsageError(
            "nobody knows which messages are meant:",
            f"name the keys that  {command('status')}  shows, or  --channel sms --before 2026-11-22T10:00Z",
        )
    if before and not channel:
        raise UsageError("--before goes with --channel:", "name the channel, or leave --before out")
    if channel and channel not in load_config(session.folder).channels:
        raise UsageError(
            f'there is no channel "{channel}":',
            f"there are: {', '.join(load_config(session.folder).channels)}",
        )
    until = _moment(before) if before else None
    with project_store(session.folder) as store:
        now = session.clock.now()
        done = store.write(
            lambda conn: (
                manual_resolution.resolve_channel(conn, channel, until or now, way, now)
                if channel
                else [manual_resolution.resolve(conn, key, way, now) for key in wanted]
            )
        )
    _tell(done, way, form)
    if any(not each.settled for each in done):
        raise typer.Exit(1)


def _tell(done: list[Resolution], way: Way, form: Format) -> None:
    if form is Format.json:
        say_json([
            {
                "key": message.key, "customer": message.customer or None,
                "template": message.template or None,
                "channel": message.channel or None, "settled": message.settled, "why": message.why or None,
            }
            for message in done
        ])  # fmt: skip
        return
    settled = [message for message in done if message.settled]
    refused = [message for message in done if not message.settled]
    what = {"sent": "counted as sent", "resend": "to be sent once more", "failed": "counted as failed"}[way]
    say_plain(f"{counted(len(settled), 'message')} {what}")
    if settled:
        say_rows(
            [
                [message.key, message.customer, f"{message.template} via {message.channel}"]
                for message in settled[:_MOST]
            ]
        )
    if len(settled) > _MOST:
        say_plain(f"  and {len(settled) - _MOST:,} more; --format json shows all")
    if refused:
        say_plain(f"{counted(len(refused), 'message')} not touched")
        say_rows([[message.key, message.why] for message in refused])


def _way(*, sent: bool, resend: bool, failed: bool) -> Way:
    ways: dict[Way, bool] = {"sent": sent, "resend": resend, "failed": failed}
    chosen = [way for way, is_chosen in ways.items() if is_chosen]
    if len(chosen) != 1:
        raise UsageError("say what became of them:", "one of  --sent, --resend, --failed")
    return chosen[0]


def _moment(text: str) -> Instant:
    from engine.values import parse_instant

    moment = parse_instant(text)
    if moment is None:
        raise UsageError(f'"{text}" is no moment:', "write  2026-11-22T10:00Z")
    return moment
