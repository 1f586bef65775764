"""`new journey NAME` and `new project DIR`: files to start from, which pass `check` as they are."""

from __future__ import annotations

import re
import shlex
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.app import WRITE, Session, app
from engine.cli.output import say
from engine.errors import UsageError
from engine.invocation import command, without_project

new = typer.Typer(
    help="Start a journey or a whole project from files that already pass `check`.", no_args_is_help=True
)
app.add_typer(new, name="new", rich_help_panel=WRITE)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STARTERS = resources.files("engine.cli") / "starters"


@new.command("journey")
def journey(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="small letters, digits and _; the file gets the same name")],
) -> None:
    """Write journeys/NAME.yaml and its first template."""
    session = Session.of(context)
    if not _NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" cannot be a name:', "use small letters, digits and _, a letter first, such as win_back"
        )
    folder = session.folder
    if not (folder / "config.yaml").is_file():
        raise UsageError(
            f'there is no config.yaml in "{folder}":',
            f"go to a project, or make one with  {without_project('new project DIR')}",
        )
    written = [
        _write(folder / "journeys" / f"{name}.yaml", _starter("journey.yaml").replace("NAME", name)),
        _write(folder / "templates" / f"{name}_hello.email.mjml", _starter("message.email.mjml")),
    ]
    _tell(written, f"try it with  {command(f'test journeys/{name}.yaml')}")


@new.command("project")
def project(
    folder: Annotated[Path, typer.Argument(help="a folder that does not exist yet, or is empty")],
) -> None:
    """Write a whole small project: config, schemas, one journey with a test, one template."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f'"{folder}" is not empty:', "name a new folder")
    written = [
        _write(folder / "config.yaml", _starter("config.yaml")),
        _write(folder / "schemas" / "customer.yaml", _starter("customer.yaml")),
        _write(folder / "schemas" / "events.yaml", _starter("events.yaml")),
        _write(folder / "schemas" / "product.yaml", _starter("product.yaml")),
        _write(folder / "journeys" / "welcome.yaml", _starter("journey.yaml").replace("NAME", "welcome")),
        _write(folder / "templates" / "welcome_hello.email.mjml", _starter("message.email.mjml")),
        _write(folder / ".gitignore", "data/\n"),
    ]
    _tell(written, f"try it with  {without_project(f'--project {shlex.quote(str(folder))} check')}")


def _starter(name: str) -> str:
    return (_STARTERS / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> Path:
    if path.exists():
        raise UsageError(f'"{path}" is there already:', "choose another name, or delete it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _tell(written: list[Path], hint: str) -> None:
    for path in written:
        say(f"wrote {path}")
    say(hint)
