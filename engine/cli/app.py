"""The command line: one application, one file per command, exit codes in one place."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.output import LogLevel, complain
from engine.clock import Clock, SystemClock
from engine.errors import PerennialError, UsageError

FINE, PROBLEMS, USAGE, BUG, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    name="main.py",
    help="Perennial: retention marketing as code. Journeys are YAML files in git; a daemon runs them per customer.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITE, TRY, RUN, LOOK = "Write journeys", "Try them out", "Run them", "Look into them"
"""The panels of `--help`: every command names one as its `rich_help_panel`."""

_NOT_COMMANDS = {"app", "output", "selection", "logs", "stores"}
_TOOLS = ("tools.crashtest.command", "tools.demo.command")
"""Commands that try the engine from outside; by name, since the engine does not import its tools."""


class Place:
    """Where and when commands work: the project folder that `--project` names, and the clock; how much they log."""

    folder: Path = Path()
    log: LogLevel = LogLevel.info
    clock: Clock = SystemClock()


@app.callback()
def start(
    project: Annotated[
        Path,
        typer.Option(
            "--project", envvar="PERENNIAL_PROJECT", help="The project folder.", show_default="this folder"
        ),
    ] = Path(),
    log: Annotated[
        LogLevel | None,
        typer.Option(
            "--log", envvar="PERENNIAL_LOG", help="How much the log on stderr tells.", show_default="info"
        ),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, help="Log at debug; twice: with the SQL.", show_default=False
        ),
    ] = 0,
) -> None:
    """Perennial: retention marketing as code."""
    Place.folder = project
    if verbose:
        log = LogLevel.debug if verbose == 1 else LogLevel.sql
    Place.log = log or LogLevel.info
    if log is not None:
        from engine.cli.logs import set_up

        set_up(as_json=False, level=log)


def load_commands() -> None:
    """Import every command file; each registers itself with `app`. A new command is a new file."""
    package = importlib.import_module("engine.cli")
    for found in pkgutil.iter_modules(package.__path__):
        if found.name not in _NOT_COMMANDS and not found.ispkg:
            importlib.import_module(f"engine.cli.{found.name}")
    for tool in _TOOLS:
        importlib.import_module(tool)


def main() -> None:
    """Run the command line and leave with the exit code of docs/commands.md."""
    load_commands()
    try:
        app()
    except UsageError as wrong:
        complain(str(wrong))
        sys.exit(USAGE)
    except PerennialError as wrong:
        complain(str(wrong))
        sys.exit(PROBLEMS)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINE)
    except Exception as bug:  # noqa: BLE001  the last line: a bug of ours is reported as one, with exit code 3
        refused = _refusal_of_the_store(bug)
        if refused:
            complain(refused)
            sys.exit(PROBLEMS)
        report(bug)
        sys.exit(BUG)


def _refusal_of_the_store(wrong: Exception) -> str:
    """One line where the database as a whole refused (locked, full, damaged), which is no mistake of ours."""
    if "sqlalchemy" not in sys.modules:
        return ""
    from sqlalchemy.exc import DatabaseError

    from engine.store.database import is_refusal

    if not isinstance(wrong, DatabaseError) or not is_refusal(wrong):
        return ""
    return f"the store cannot be used: {wrong.orig}. If another process holds it, try again in a moment"


def report(bug: BaseException) -> None:
    """Say that this is our mistake, and what to send us."""
    complain("This is a mistake in Perennial, not in your files. Please report it with the lines below.")
    complain("".join(traceback.format_exception(bug)[-6:]))
