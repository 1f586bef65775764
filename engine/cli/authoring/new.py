"""`new journey NAME`, `new template NAME` and `new project DIR`: files to start from, which pass `check` as
they are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.app import WRITE, Session, app
from engine.cli.authoring.new_project import (
    HOOK,
    OF_A_REPOSITORY,
    OF_EVERY_FOLDER,
    RepositoryState,
    first_commit,
    git_here,
    program_source,
)
from engine.cli.output import say
from engine.command_hints import command, without_project
from engine.errors import UsageError
from engine.problem import did_you_mean

new = typer.Typer(
    help="Start a journey, a template or a whole project from files that already pass `check`.",
    no_args_is_help=True,
)
app.add_typer(new, name="new", rich_help_panel=WRITE)

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_STARTERS = resources.files("engine.cli") / "starters"


class JourneyKind(StrEnum):
    """What a new journey is about; `starters/journeys` has a file of the same name for each."""

    welcome = "welcome"
    birthday = "birthday"
    abandoned_cart = "abandoned_cart"
    after_order = "after_order"
    win_back = "win_back"


@dataclass(frozen=True, slots=True)
class _Letter:
    """The words of a first message, and the words in the name of a journey that speak for its kind."""

    subject: str
    text: str
    words: frozenset[str] = frozenset()


_LETTERS: Mapping[JourneyKind, _Letter] = {
    JourneyKind.welcome: _Letter(
        'Welcome, {{ customer.first_name or "friend" }}', "Good to have you with us."
    ),
    JourneyKind.birthday: _Letter(
        'Something for your birthday, {{ customer.first_name or "friend" }}',
        "Your birthday is near, and we have something for you.",
        frozenset({"birthday", "bday", "anniversary"}),
    ),
    JourneyKind.abandoned_cart: _Letter(
        "Your cart is still here",
        "You left something in your cart. We keep it for you.",
        frozenset({"cart", "carts", "basket", "checkout", "abandoned"}),
    ),
    JourneyKind.after_order: _Letter(
        "Thank you for your order",
        "Thank you for buying from us.",
        frozenset({"order", "orders", "purchase", "thank", "thanks", "bought", "buyer", "buyers"}),
    ),
    JourneyKind.win_back: _Letter(
        "It has been a while",
        "We have not seen you for a while. Come and see what is new.",
        frozenset({"win", "winback", "back", "lapsed", "miss", "lost", "sleeping", "inactive"}),
    ),
}


@new.command("journey")
def journey(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="small letters, digits and _; the file gets the same name")],
    kind: Annotated[
        JourneyKind | None,
        typer.Option(
            "--kind", help="what it is about; without it the words of the name decide, else welcome"
        ),
    ] = None,
) -> None:
    """Write journeys/NAME.yaml and its first template: about birthdays, carts, orders, customers who stay
    away, or a welcome."""
    from engine.compiler.templates.starters import new_mail

    folder = _project(context, name)
    words = set(name.split("_"))
    about = kind or next((kind for kind in JourneyKind if words & _LETTERS[kind].words), JourneyKind.welcome)
    text, letter = _starter(f"journeys/{about.value}.yaml").replace("NAME", name), _LETTERS[about]
    # Both or none: half of a journey would fail the next check for no mistake of its author.
    files = {
        folder / "journeys" / f"{name}.yaml": text,
        folder / "templates" / f"{name}_hello.email.mjml": new_mail(letter.subject, letter.text),
    }
    _write(files)
    _tell(files, f"about: {about.value}; try it with  {command(f'test journeys/{name}.yaml')}")


@new.command("template")
def template(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="small letters, digits and _, such as welcome_hello")],
    channels: Annotated[
        str, typer.Option("--for", help="the channels it is written for, with commas between them")
    ] = "email",
    languages: Annotated[
        str, typer.Option("--language", help="languages beside the first of config.yaml, with commas")
    ] = "",
) -> None:
    """Write templates/NAME.CHANNEL for each channel, with what `check` asks of it: subject, unsubscribe link,
    postal address."""
    from engine.compiler.templates.starters import new_message
    from engine.project import load_world

    folder = _project(context, name)
    config = load_world(folder).config
    files: dict[Path, str] = {}
    spoken = [language.strip() for language in languages.split(",") if language.strip()]
    for language in spoken:
        if language not in config.languages:
            raise UsageError(
                f'"{language}" is not a language of this project:',
                did_you_mean(language, config.languages, f"they are: {', '.join(config.languages)}"),
            )
    for channel in (word.strip() for word in channels.split(",") if word.strip()):
        if channel not in config.channels:
            raise UsageError(
                f'there is no channel "{channel}" in config.yaml:',
                did_you_mean(channel, config.channels, f"there are: {', '.join(config.channels)}"),
            )
        ending, text = new_message(channel)
        # the first language is that of the file without one in its name
        beside = [language for language in dict.fromkeys(spoken) if language != config.languages[0]]
        for suffix in ("", *(f".{language}" for language in beside)):
            files[folder / "templates" / f"{name}.{channel}{suffix}.{ending}"] = text
    if not files:
        raise UsageError("no channel is named:", f"write  --for {next(iter(config.channels), 'email')}")
    _write(files)
    _tell(files, f"send it with  - send: {name}  and look at it with  {command(f'preview {name}')}")


@new.command("project")
def project(
    folder: Annotated[Path, typer.Argument(help="a folder that does not exist yet, or is empty")],
) -> None:
    """Write a whole small project with its repository: config, schemas, one journey with tests, one template,
    reviews on GitHub and GitLab, owners, a hook before each commit, settings for editors."""
    from engine.compiler.templates.starters import new_mail

    if folder.exists() and not folder.is_dir():
        raise UsageError(f'"{folder}" is a file:', "name a new folder")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f'"{folder}" is not empty:', "name a new folder")
    here, source = git_here(folder), program_source()
    letter = _LETTERS[JourneyKind.welcome]
    files = {
        folder / "config.yaml": _starter("config.yaml"),
        folder / "schemas" / "customer.yaml": _starter("customer.yaml"),
        folder / "schemas" / "events.yaml": _starter("events.yaml"),
        folder / "schemas" / "product.yaml": _starter("product.yaml"),
        folder / "journeys" / "welcome.yaml": _starter("journeys/welcome.yaml").replace("NAME", "welcome"),
        folder / "templates" / "welcome_hello.email.mjml": new_mail(letter.subject, letter.text),
    }
    beside = OF_EVERY_FOLDER if here is RepositoryState.INSIDE else {**OF_EVERY_FOLDER, **OF_A_REPOSITORY}
    files |= {folder / path: source.in_workflow(_starter(f"project/{name}")) for path, name in beside.items()}
    _write(files)
    files |= _schemas(folder)
    for path in files:
        say(f"wrote {path}")
    match here:
        case RepositoryState.MISSING:
            say("git is not installed: decisions will name no commit until the project is in a repository")
        case RepositoryState.INSIDE:
            say(
                "it is inside a git repository: commit it there, and decisions name the commit. "
                "Workflows, owners and hooks belong to its top: docs/review.md"
            )
        case RepositoryState.NEW:
            (folder / HOOK).chmod(0o755)
            say(first_commit(folder))
    if here is not RepositoryState.INSIDE and not source.is_known:
        say(
            "before the first review, write where Perennial lives into .github/workflows/review.yml or "
            ".gitlab/review.yml"
        )
    say(f"try it with  {without_project(f'--project {shlex.quote(str(folder))} check')}")


def _schemas(folder: Path) -> dict[Path, str]:
    """Writes those that editors complete with."""
    from engine.compiler.schema import schema_files
    from engine.project import load_world

    files = {folder / file: text for file, text in schema_files(load_world(folder)).items()}
    _write(files)
    return files


def _project(context: typer.Context, name: str) -> Path:
    """The folder of the project, where `name` may become a file. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f'"{name}" cannot be a name:', "use small letters, digits and _, a letter first, such as win_back"
        )
    folder = Session.of(context).folder
    if not (folder / "config.yaml").is_file():
        raise UsageError(
            f'there is no config.yaml in "{folder}":',
            f"go to a project, or make one with  {without_project('new project DIR')}",
        )
    return folder


def _starter(name: str) -> str:
    return _STARTERS.joinpath(*name.split("/")).read_text(encoding="utf-8")


def _write(files: Mapping[Path, str]) -> None:
    for path in files:
        if path.exists():
            raise UsageError(f'"{path}" is there already:', "choose another name, or delete it first")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _tell(files: Mapping[Path, str], hint: str) -> None:
    for path in files:
        say(f"wrote {path}")
    say(hint)
