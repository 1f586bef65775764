"""`fmt`: journeys, segments and facts in their canonical form, comments kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.app import PROBLEMS, WRITE, Session, app
from engine.cli.authoring.selection import chosen
from engine.cli.output import Format, FormatOption, complain, say_json, say_plain
from engine.command_hints import command
from engine.errors import UsageError


@dataclass(slots=True)
class _Done:
    """Paths in the project. `unreadable` ones are left as they are."""

    changed: list[str]
    unreadable: list[str]
    looked_at: int = 0


@app.command("fmt", rich_help_panel=WRITE)
def fmt(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="files or folders; without any: all journeys, segments, and schemas/customer.yaml"
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="change nothing; exit with 1 if a file would change")
    ] = False,
    form: FormatOption = Format.text,
) -> None:
    """Write journeys, segments and facts in their canonical form: order of keys, ids for waits, comments
    kept."""
    session = Session.of(context)
    done = _format(session.folder, paths or [], write=not check)
    if form is Format.json:
        say_json({"changed": done.changed, "unreadable": done.unreadable, "looked_at": done.looked_at})
    else:
        for file in done.changed:
            say_plain(f"{'would change' if check else 'wrote'} {file}")
        say_plain(_summary(done, check=check))
    for file in done.unreadable:
        complain(f"{file} cannot be read and was left as it is; `{command('check')}` says why")
    if done.unreadable or (check and done.changed):
        raise typer.Exit(PROBLEMS)


def _format(folder: Path, paths: list[Path], *, write: bool) -> _Done:
    from engine.compiler.formatter import Formatter
    from engine.project import load_world

    root = folder.resolve()
    # a mistake in config.yaml says nothing about the form of a journey
    formatter = Formatter.of(load_world(folder, sound=("schemas/",)).catalogue)
    wanted = chosen(paths, root)
    done = _Done([], [])
    for path in _files(root):
        file = path.relative_to(root).as_posix()
        if not wanted(file):
            continue
        done.looked_at += 1
        data = path.read_bytes()
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            done.unreadable.append(file)
            continue
        formatted = formatter.format(text, file)
        if formatted is None:
            done.unreadable.append(file)
        elif formatted.encode() != data:
            done.changed.append(file)
            if write:
                # As a whole or not at all: a crash in the middle must not cost the file. A link stays a link
                real = path.resolve()
                beside = real.with_name(f".{real.name}.new")
                beside.write_bytes(formatted.encode())
                beside.chmod(real.stat().st_mode & 0o777)
                os.replace(beside, real)  # noqa: PTH105 - the words of the standard library for "in one step"
    if paths and not done.looked_at:
        raise UsageError("there is no journey and no segment among these files:", "they stand in journeys/")
    return done


def _files(root: Path) -> Iterator[Path]:
    from engine.compiler.formatter import FACTS

    paths = (root / "journeys").rglob("*")
    yield from sorted(path for path in paths if path.suffix in (".yaml", ".yml") and path.is_file())
    # An empty one is a schema without fields.
    if (root / FACTS).is_file() and (root / FACTS).read_bytes().strip():
        yield root / FACTS


def _summary(done: _Done, *, check: bool) -> str:
    files = "1 file" if done.looked_at == 1 else f"{done.looked_at} files"
    if not done.changed:
        return f"{files}, all in canonical form" if not done.unreadable else f"{files} looked at"
    after = f"would change: `{command('fmt')}` writes them" if check else "changed"
    return f"{files}, {len(done.changed)} {after}"
