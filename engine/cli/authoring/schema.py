"""`schema`: the JSON Schemas that editors complete and check with, made from the project's own names."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.app import PROBLEMS, WRITE, Session, app
from engine.cli.output import Format, FormatOption, say_json, say_plain
from engine.command_hints import command


@app.command(rich_help_panel=WRITE)
def schema(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; exit with 1 if a file is not as it should be")
    ] = False,
    form: FormatOption = Format.text,
) -> None:
    """Write schemas/*.schema.json with the names of this project, so that editors know them. Commit these
    files."""
    from engine.compiler.schema import schema_files
    from engine.project import load_world

    session = Session.of(context)
    files = schema_files(load_world(session.folder))
    changed = []
    for file, text in files.items():
        path = session.folder / file
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        changed.append(file)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    if form is Format.json:
        say_json({"files": list(files), "changed": changed})
    else:
        for file in changed:
            say_plain(f"{'not as it should be:' if check else 'wrote'} {file}")
        if not changed:
            say_plain(f"{len(files)} schemas, all up to date")
        elif check:
            say_plain(
                f"{len(files)} schemas, {len(changed)} not as they should be: run  {command('schema')}  and "
                "commit them"
            )
        else:
            say_plain(f"{len(files)} schemas, {len(changed)} written")
    if check and changed:
        raise typer.Exit(PROBLEMS)
