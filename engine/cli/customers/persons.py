"""`export` and `erase`: everything that is kept of a person, handed out or forgotten."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, counted, remark, say_json, say_plain, say_rows
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.config import Config
    from engine.runtime.erasure import Erasures
    from engine.store.database import Store


EVENTS = "events"


@app.command(rich_help_panel=RUN)
def export(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="an id, an e-mail address or a telephone number; or the word events")
    ] = "",
    customer: Annotated[
        str, typer.Option("--customer", help="in place of the name: somebody whose id is the word events")
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="a file instead of the terminal")] = None,
    first: Annotated[str, typer.Option("--from", help="of events: the first day, as 2026-03-01")] = "",
    last: Annotated[str, typer.Option("--to", help="of events: the last day; today without it")] = "",
    length: Annotated[
        str, typer.Option("--last", help='of events: so long until the last day, as "30 days"')
    ] = "",
) -> None:
    """Write everything that is kept of a person, as JSON that people can read. With events: what was recorded
    of everybody, as a stream that replay reads; addresses are left out of it."""
    from engine.cli.stores import project_store
    from engine.private_files import private_opener
    from engine.project import load_config
    from engine.store.persons.export import export as write_out

    session = Session.of(context)
    if bool(name) == bool(customer):
        raise UsageError("one is exported at a time:", command("export NAME"))
    who = name or customer
    if name == EVENTS:
        from engine.cli.streams import write_stream
        from engine.store.streams.recorded_stream import recorded_stream

        if out is None:
            raise UsageError("a stream is long, and is written into a file:", "--out events.jsonl.gz")
        lines = write_stream(session, out, (first, last, length), recorded_stream)
        say_plain(f"{out}: {counted(lines, 'line')}, readable by you alone")
        return
    if first or last or length:
        raise UsageError("a person is exported whole:", "--from, --to and --last are of  export events")
    config = load_config(session.folder)
    with project_store(session.folder) as store:
        (own,) = _ids(store, config, [who])
        with store.read() as conn:
            document = write_out(conn, own, session.clock.now())
    if document is None:
        raise UsageError(f'nothing is known of "{who}":', f"look for the id with  {command('show ID')}")
    if out is None:
        say_json(document)
        return
    import json

    with open(out, "w", encoding="utf-8", opener=private_opener) as opened:
        json.dump(document, opened, ensure_ascii=False, indent=2)
        opened.write("\n")
    say_plain(f"{out}: {counted(len(document['events']), 'event')}, readable by you alone")


@app.command(rich_help_panel=RUN)
def erase(
    context: typer.Context,
    customers: Annotated[list[str] | None, typer.Argument(help="ids, addresses or numbers")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="a text file, one on each line")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="whom a backup that was put back has brought with it")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    form: FormatOption = Format.text,
) -> None:
    """Forget people: everything that is kept of them. Works while the daemon runs; cannot be undone."""
    from engine.cli.stores import project_store
    from engine.project import load_config
    from engine.runtime import erasure

    session = Session.of(context)
    config = load_config(session.folder)
    wanted = [*(customers or ()), *(_lines(file) if file is not None else ())]
    if bool(wanted) == again:
        raise UsageError("nobody knows who is meant:", "name customers, or --file FILE, or --again alone")
    with project_store(session.folder) as store:
        if again:
            _tell(erasure.erase_again(store, config, session.folder), form)
            return
        own = _ids(store, config, wanted)
        _ask(own, certain=yes)
        _tell(erasure.erase(store, config, session.folder, own, session.clock.now()), form)


def _ids(store: Store, config: Config, names: list[str]) -> list[str]:
    """Whom names mean, each once; a name of nobody stands for itself, since something may be kept that names
    them."""
    from engine.cli.stores import named_id

    with store.read() as conn:
        found = [named_id(conn, name, config.shop.country) or name for name in names]
    return list(dict.fromkeys(found))


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as wrong:
        raise UsageError(f"{file} cannot be read: {wrong}.", "Name a UTF-8 text file") from wrong
    return [line.strip() for line in text.splitlines() if line.strip()]


def _ask(own: list[str], *, certain: bool) -> None:
    if certain:
        return
    who = own[0] if len(own) == 1 else counted(len(own), "customer")
    if not sys.stdin.isatty():
        raise UsageError(f"this would forget {who} for ever:", "say  --yes")
    typer.confirm(f"Forget {who} for ever?", abort=True, err=True)


def _tell(done: Erasures, form: Format) -> None:
    if form is Format.json:
        say_json({
            "people": [
                {"customer": each.customer, "other_ids": list(each.other_ids), "rows": dict(each.rows)}
                for each in done.people
            ],
            "files": done.files, "log_cut": done.is_log_cut,
        })  # fmt: skip
        return
    known = [each for each in done.people if each.rows]
    say_plain(f"{counted(len(known), 'customer')} forgotten")
    say_rows(
        [[each.customer, ", ".join(f"{many:,} {name}" for name, many in each.rows.items())] for each in known]
    )
    for each in done.people:
        if not each.rows:
            remark(f"nothing was kept of {each.customer}")
    if done.files:
        say_plain(f"{counted(done.files, 'file')} of messages removed")
    if not done.is_log_cut:
        remark("the log of the database is being read; the daemon cuts it off within minutes")
    say_plain("not ours to forget: your own exports and backups, and what providers keep (docs/persons.md)")
