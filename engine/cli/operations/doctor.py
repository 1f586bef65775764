"""`doctor`: what would keep this installation from working, with the cure of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from engine.cli.app import LOOK, PROBLEMS, Session, app
from engine.cli.output import Format, FormatOption, say, say_json
from engine.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.cli.diagnostics.finding import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "FAIL": "bold red", "skip": "dim"}


@app.command(rich_help_panel=LOOK)
def doctor(
    context: typer.Context,
    form: FormatOption = Format.text,
) -> None:
    """Look at versions, mail headers, secrets, store, disk, clock, mail servers and DNS; say what to do.
    Sends nothing."""
    from rich.markup import escape

    session = Session.of(context)
    findings = list(_findings(session))
    if form is Format.json:
        say_json(findings)
    else:
        for finding in findings:
            line = escape(printable(f"{finding.what:<18}  {finding.says}"))
            say(f"[{_COLOURS[finding.level]}]{finding.level:<4}[/]  {line}")
            if finding.cure:
                say(f"      {'':<18}  [dim]do:[/] {escape(printable(finding.cure))}")
        wrong, odd = (sum(finding.level == level for finding in findings) for level in ("FAIL", "warn"))
        say(f"\n{len(findings)} looked at, {wrong} to be mended, {odd} to know of")
    if any(finding.level == "FAIL" for finding in findings):
        raise typer.Exit(PROBLEMS)


def _findings(session: Session) -> Iterator[Finding]:
    from engine.cli.diagnostics import installation, outbound, storage
    from engine.cli.diagnostics.finding import Finding
    from engine.errors import CallerError
    from engine.project import load_config
    from engine.store.connections import sqlite_path

    yield from installation.installation()
    try:
        config = load_config(session.folder)
    # All that follows depends on the file
    except CallerError as wrong:
        yield Finding("FAIL", "config.yaml", wrong.what, wrong.cure)
        return
    yield Finding("ok", "config.yaml", config.shop.name)
    yield from installation.forecasts(session.folder)
    yield from outbound.secrets(config)
    yield outbound.alerts(config)
    folder = session.folder.resolve()
    examined = storage.store(config, folder)
    yield from examined.findings
    yield storage.rights(config, folder)
    path = sqlite_path(config.store, folder)
    yield installation.disk(path.parent if path is not None else folder)
    yield from installation.clock(session.clock, config.timezone, examined.newest)
    yield from outbound.feed(config, folder, session.clock.now())
    yield from outbound.mail_servers(config, folder)
    yield from outbound.records(config, folder)
