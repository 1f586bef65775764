"""`preview`: a message in the browser, in every channel and language, before anybody gets it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import PROBLEMS, TRY, Session, app
from engine.cli.output import Format, FormatOption, asides, complain, remark, say_json, say_plain, writing
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from engine.cli.samples.message import SampleCustomer
    from engine.clock import Clock
    from engine.http.console.preview import PreviewedMessage
    from engine.project import Project


@app.command(rich_help_panel=TRY)
def preview(
    context: typer.Context,
    template: Annotated[str, typer.Argument(help="its name, such as welcome_hello, or one of its files")],
    customer: Annotated[
        str | None,
        typer.Option("--customer", help="somebody of the store by id, e-mail or telephone; else made up"),
    ] = None,
    language: Annotated[str | None, typer.Option("--language", help="this language only")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="write the page to this file")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open the page")] = True,
    send: Annotated[
        str | None, typer.Option("--send", help="send it to this address of your own, marked as a test")
    ] = None,
    via: Annotated[str | None, typer.Option("--via", help="with --send: the channel")] = None,
    form: FormatOption = Format.text,
) -> None:
    """Show a message as it will look: desktop and phone width, plain text, headers. Nothing is sent, unless
    --send says where to."""
    from engine.cli.samples.message import SampleWriter
    from engine.http.console.preview import preview as page_of
    from engine.project import load

    session = Session.of(context)
    project = load(session.folder)
    name = _named(template, project)
    if send is not None:
        _send(
            session.clock,
            project,
            name,
            send,
            via,
            _known(customer, name, project) if customer else None,
            language,
            form,
        )
        return
    writer = SampleWriter(project, session.clock.now())
    sheets = writer.sheets(name, _known(customer, name, project) if customer else None, language)
    if not sheets:
        known = ", ".join(writer.languages(name))
        raise UsageError(f'"{name}" is not written in "{language}":', f"its languages are: {known}")
    file = _write(out, name, page_of(name, sheets))
    if form is Format.json:
        say_json({"template": name, "file": str(file), "messages": [_data(sheet) for sheet in sheets]})
    else:
        for sheet in sheets:
            say_plain(f"{sheet.title:<10}  {_first_line(sheet)}")
        say_plain(str(file))
    for sheet in sheets:
        for warning in sheet.warnings:
            complain(warning)
    if browser and form is Format.text:
        _open(file)
    if any(sheet.warnings for sheet in sheets):
        raise typer.Exit(PROBLEMS)


def _send(
    clock: Clock,
    project: Project,
    name: str,
    address: str,
    via: str | None,
    known: SampleCustomer | None,
    language: str | None,
    form: Format,
) -> None:
    """A test of one message through its real channel. It is counted nowhere, and its links change nothing."""
    import asyncio

    from engine.cli.samples.send_to_self import deliver, write_test_message
    from engine.cli.stores import open_project_store
    from engine.store import meta

    store = open_project_store(project)
    try:
        with store.read() as conn:
            secret = meta.secret(conn)
    finally:
        store.close()
    letter = write_test_message(project, name, address, via, known, language, secret, clock.now())
    delivery = asyncio.run(deliver(project, letter, secret, clock))
    if form is Format.json:
        say_json({
            "template": name, "channel": letter.channel, "address": address, "language": letter.language,
            "outcome": delivery.kind, "detail": delivery.detail, "provider_id": delivery.provider_id,
        })  # fmt: skip
    else:
        outcome = ": ".join(filter(None, (delivery.kind, delivery.raw or delivery.detail)))
        say_plain(f"{name} ({letter.language}) to {address} via {letter.channel}: {outcome}")
    if delivery.kind != "accepted":
        raise typer.Exit(PROBLEMS)


def _named(text: str, project: Project) -> str:
    """The template that a name or a file means. Raises UsageError with the nearest; problems of it are
    shown."""
    from engine.problem import render_problems

    name = Path(text).name.partition(".")[0]
    files = project.templates.by_name.get(name)
    if files is None:
        every = sorted(project.templates.by_name)
        near = did_you_mean(name, every, f"there are: {', '.join(every)}")
        raise UsageError(f'there is no template "{name}":', near)
    wrong = [
        problem
        for problem in project.problems
        if problem.is_error and problem.span.file in {one.file for one in files}
    ]
    if wrong:
        asides.print(render_problems(wrong, project.sources), markup=False, soft_wrap=True)
    if not any(known == name for known, _ in project.messages.of):
        raise UsageError(f'"{name}" cannot be shown:', "put right what stands above")
    return name


def _known(customer: str, template: str, project: Project) -> SampleCustomer:
    from engine.cli.samples.message import SampleCustomer
    from engine.cli.stores import known_id, look_into_store
    from engine.store.customers import addressees
    from engine.store.messages import records
    from engine.store.meta import bucket_of
    from engine.store.products import catalogue as products

    with look_into_store(project.folder) as conn:
        own = known_id(conn, customer, project.folder)
        addressee = addressees.find(conn, bucket_of(conn, own), [own]).get(own)
        if addressee is None:
            raise UsageError(
                f'what was received of "{customer}" is not applied yet:',
                "leave --customer away for a made-up one",
            )
        sent = [one for one in records.of_customer(conn, own) if one.template == template]
        names = sent[-1].names if sent else {}
        product_id = names.get("product_id")
        product = products.find(conn, [product_id]).get(product_id, {}) if isinstance(product_id, str) else {}
    return SampleCustomer(addressee.values, names, product, addressee.zone, addressee.language)


def _write(out: Path | None, name: str, page: str) -> Path:
    if out is None:
        out = Path(tempfile.mkdtemp(prefix="perennial-")) / f"{name}.html"
    with writing(out, "Name another file with  --out FILE"):
        out.write_text(page, encoding="utf-8")
    return out.resolve()


def _first_line(sheet: PreviewedMessage) -> str:
    message = sheet.message
    return message.subject or message.fields.get("title", "") or message.body.strip().partition("\n")[0]


def _data(sheet: PreviewedMessage) -> dict[str, str | Sequence[str]]:
    message = sheet.message
    return {
        "channel": message.channel,
        "language": message.language,
        "subject": message.subject or message.fields.get("title", ""),
        "text": message.body,
        "problems": list(sheet.warnings),
    }


def _open(file: Path) -> None:
    import webbrowser

    if not webbrowser.open(file.as_uri()):
        remark("no browser could be opened; open this file yourself")
