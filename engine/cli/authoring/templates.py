"""`templates`: every message with its channels and languages, what is missing and what nobody sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import WRITE, Session, app
from engine.cli.output import Format, FormatOption, counted, say, say_json, say_rows

if TYPE_CHECKING:
    from engine.project import Project


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """One template on one channel. `missing`: languages of config.yaml in which customers get the first one;
    `journeys`: those that send it."""

    template: str
    channel: str
    languages: tuple[str, ...]
    missing: tuple[str, ...]
    journeys: tuple[str, ...]


@app.command("templates", rich_help_panel=WRITE)
def templates(
    context: typer.Context,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only those that lack a language, or that no journey sends.")
    ] = False,
    output: FormatOption = Format.text,
) -> None:
    """List the messages: in which channels and languages they are written, what is missing, which journeys
    send them."""
    from engine.project import load

    project = load(Session.of(context).folder)
    rows = _rows(project)
    if missing:
        rows = [row for row in rows if row.missing or not row.journeys]
    if output is Format.json:
        say_json(rows)
        return
    languages = project.config.languages
    if rows:
        head = ("template", "channel", *languages, "sent by")
        say_rows(
            [
                head,
                *(
                    (
                        row.template,
                        row.channel,
                        *["yes" if language in row.languages else "-" for language in languages],
                        ", ".join(row.journeys) or "nobody",
                    )
                    for row in rows
                ),
            ],
            0,
        )
        say()
    lacking, unsent = (
        sum(bool(row.missing) for row in rows),
        len({row.template for row in rows if not row.journeys}),
    )
    say(f"{counted(len(rows), 'message')}, {lacking} without every language, {unsent} that no journey sends")
    if lacking:
        say(f"A customer whose language is missing gets {languages[0]}.", style="dim")


def _rows(project: Project) -> list[TemplateRow]:
    from engine.core.journey import SendStep

    senders: dict[str, set[str]] = {}
    for journey in project.compiled.values():
        for step in journey.steps:
            if isinstance(step, SendStep):
                senders.setdefault(step.template, set()).add(journey.name)
    return [
        TemplateRow(
            name,
            channel,
            written := tuple(sorted({file.language or project.config.languages[0] for file in files})),
            tuple(language for language in project.config.languages if language not in written),
            tuple(sorted(senders.get(name, ()))),
        )
        for name in sorted(project.templates.by_name)
        for channel in project.templates.channels(name)
        if (files := project.templates.of(name, channel))
    ]
