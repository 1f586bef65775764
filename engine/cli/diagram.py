"""`diagram`: a journey as a flowchart, from its file as it stands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.app import WRITE, Session, app
from engine.cli.output import remark, say_block
from engine.cli.test import chosen
from engine.errors import UsageError
from engine.invocation import command


class DiagramFormat(StrEnum):
    """`--format` of flowcharts."""

    text = "text"
    mermaid = "mermaid"
    svg = "svg"
    json = "json"


@app.command(rich_help_panel=WRITE)
def diagram(
    context: typer.Context,
    journey: Annotated[str, typer.Argument(help="A journey, by name or file.")],
    output: Annotated[
        DiagramFormat | None,
        typer.Option("--format", help="How it is drawn; without it, as the ending of --out says, else text."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it to this file: .svg, .mmd, .json or .txt.")
    ] = None,
) -> None:
    """Draw a journey: as a tree for the terminal, as Mermaid for a pull request or a wiki, as SVG for a
    page."""
    from rich.console import Console

    from engine.diagram.flowchart import flowchart
    from engine.diagram.mermaid import mermaid
    from engine.diagram.svg import svg
    from engine.diagram.terminal import tree
    from engine.project import load

    project = load(Session.of(context).folder)
    drawn = [flowchart(file) for file in chosen(project, [journey])]
    if len(drawn) != 1:
        names = ", ".join(each.name for each in drawn)
        raise UsageError(
            f'"{journey}" is {"more than one journey: " + names if drawn else "a file with mistakes"}:',
            "name one of them" if drawn else f"see  {command(f'check {journey}')}",
        )
    endings = {".svg": DiagramFormat.svg, ".mmd": DiagramFormat.mermaid, ".json": DiagramFormat.json}
    form = output or (endings.get(out.suffix, DiagramFormat.text) if out else DiagramFormat.text)
    match form:
        case DiagramFormat.mermaid:
            text = mermaid(drawn[0])
        case DiagramFormat.svg:
            text = svg(drawn[0])
        case DiagramFormat.json:
            text = _json(drawn[0])
        case DiagramFormat.text:
            # Not the console of other answers: it never wraps, and a tree has to know its width.
            console = Console(highlight=False) if out is None else Console(width=120, color_system=None)
            if out is None:
                console.print(tree(drawn[0]))
                return
            with console.capture() as written:
                console.print(tree(drawn[0]))
            text = written.get()
    if out is None:
        say_block(text.rstrip("\n"))
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise UsageError(f"{out} cannot be written ({wrong.strerror}):", "name another file") from wrong
    remark(f"wrote {out}")


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
