"""The command line: one application, one file per command, exit codes in one place."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shlex
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from engine.cli.output import LogLevel, complain, remark
from engine.command_hints import name_project, started_as
from engine.errors import PerennialError, UsageError

if TYPE_CHECKING:
    from engine.clock import Clock

FINE, PROBLEMS, USAGE, BUG, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    help="Perennial: retention marketing as code. "
    "Journeys are YAML files in git; a daemon runs them per customer.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WRITE, TRY, RUN, LOOK = "Write journeys", "Try them out", "Run them", "Look into them"
"""The panels of `--help`: every command names one as its `rich_help_panel`."""

_COMMANDS = ("authoring", "changes", "customers", "data", "operations")
"""The packages whose files are commands."""
_NOT_COMMANDS = {
    "compared_versions", "new_project", "replay_comparison", "replay_inputs", "reviewed_change", "selection",
    "traffic",
}  # fmt: skip
"""Files of theirs that commands are made of: read when one of these runs, or `--help` would wait for them."""
_TOOLS = ("tools.crashtest.command", "tools.demo.command", "tools.simulation.command")
"""Commands that try the engine from outside; by name, since the engine does not import its tools."""


@dataclass(frozen=True, slots=True)
class Session:
    """What every command works with; it travels in Typer's context."""

    given: Clock | None = None  # None: that of the machine
    folder: Path = Path()  # of the project, as `--project` names it
    log: LogLevel = LogLevel.info

    @property
    def clock(self) -> Clock:
        """The clock that commands go by."""
        from engine.clock import SystemClock

        return self.given or SystemClock()

    @classmethod
    def of(cls, context: typer.Context) -> Session:
        """That of the command which runs."""
        session = context.find_object(cls)
        assert session is not None, "commands run through main"
        return session


@app.callback()
def start(
    context: typer.Context,
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
    if verbose:
        log = LogLevel.debug if verbose == 1 else LogLevel.sql
    # From the environment it holds for the next command as well
    source = context.get_parameter_source("project")
    if source is not None and source.name == "COMMANDLINE":
        name_project(str(project))
    # Contexts of commands take over what stands here, and they are made after this callback
    context.obj = replace(Session.of(context), folder=project, log=log or LogLevel.info)
    if log is not None:
        from engine.cli.logs import set_up

        set_up(as_json=False, level=log)


def load_commands() -> None:
    """Import every command file; each registers itself with `app`. A new command is a new file."""
    packages = [importlib.import_module(f"engine.cli.{name}") for name in _COMMANDS]
    modules = [
        (module.name, f"{package.__name__}.{module.name}")
        for package in packages
        for module in pkgutil.iter_modules(package.__path__)
        if not module.ispkg and module.name not in _NOT_COMMANDS
    ]
    # By their own names, whatever package they lie in: `--help` lists the commands in the order of this loop
    for _, module in sorted(modules):
        importlib.import_module(module)
    for tool in _TOOLS:
        importlib.import_module(tool)


@cache
def _whole_command() -> Callable[..., object]:
    """Typer reads the annotations of every command anew each time it is asked; whoever runs several commands
    in one process pays for that once."""
    load_commands()
    return get_command(app)


def main(clock: Clock | None = None) -> None:
    """Run the command line and leave with the exit code of docs/commands.md. Without a clock: that of the
    machine."""
    # How the program was started, as one types it again; the script `run` says how it was called
    started = Path(sys.argv[0])
    if script := os.environ.get("PERENNIAL_COMMAND"):
        program = shlex.quote(script)
    else:
        program = f"python {shlex.quote(str(started))}" if started.suffix == ".py" else started.name
    with started_as(program):
        _run(program, Session(clock))


def _run(program: str, session: Session) -> None:
    try:
        _whole_command()(obj=session, prog_name=program)
    except UsageError as wrong:
        complain(str(wrong))
        sys.exit(USAGE)
    except PerennialError as wrong:
        complain(str(wrong))
        sys.exit(PROBLEMS)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The interpreter flushes stdout at its end: into nothing, or it would complain about the same pipe
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
    # Whatever was not loaded has not failed, and --help shall not load it
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
    for line in "".join(traceback.format_exception(bug)[-6:]).splitlines():
        remark(line)
