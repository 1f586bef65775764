"""`take-mail`: bounces, complaints and answers that a mail server pipes in, or that lie in files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, say, say_json, say_plain
from engine.errors import UsageError, WorldError

TEMPORARY = 75
"""EX_TEMPFAIL of sysexits: the mail server keeps the mail and tries again later."""

Files = Annotated[
    list[Path] | None, typer.Argument(help="mails as files; none: one mail from standard input")
]


@app.command("take-mail", rich_help_panel=RUN)
def take_mail(
    context: typer.Context,
    files: Files = None,
    form: FormatOption = Format.text,
) -> None:
    """Take mail that came back: | ./run take-mail. Only what is about our own messages counts."""
    from sqlalchemy.exc import DatabaseError

    session = Session.of(context)
    from engine.channels.email.mail_reports import read_mail
    from engine.channels.email.mime_reader import LARGEST
    from engine.cli.stores import project_store
    from engine.runtime.feedback.mailbox import take_mail as take

    raws = []
    for file in files or ():
        try:
            with file.open("rb") as opened:  # no more than is looked at, however large it is
                raws.append((str(file), opened.read(LARGEST)))
        except OSError as wrong:
            raise UsageError(
                f"{file} cannot be read: {wrong.strerror}", "name a file with one mail"
            ) from wrong
    if not files:
        raws = [("-", _from_stdin(LARGEST))]
    reports = []
    try:
        with project_store(session.folder) as store:
            for name, raw in raws:
                mail, now = read_mail(raw), session.clock.now()
                reports.append((name, store.write(lambda conn, mail=mail, now=now: take(conn, mail, now))))  # type: ignore[misc]
    # A bounce is told once: with this code the mail server keeps it and comes again
    except (WorldError, DatabaseError) as wrong:
        say(f"nothing can be stored now, please keep it: {type(wrong).__name__}")
        raise typer.Exit(TEMPORARY) from wrong
    if form is Format.json:
        say_json(
            [
                {"file": name, "kind": report.kind, "new": report.taken.new, "known": report.taken.known}
                for name, report in reports
            ]
        )
        return
    for name, report in reports:
        say_plain(f"{name}: {report.words}" if name != "-" else report.words)


def _from_stdin(largest: int) -> bytes:
    """The mail; what is too much of it is read and thrown away, since a mail server that cannot write all
    of it takes that for a failure."""
    raw = sys.stdin.buffer.read(largest)
    while sys.stdin.buffer.read(65_536):
        pass
    return raw
