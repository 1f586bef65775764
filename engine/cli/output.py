"""Where commands print: answers on stdout, progress and complaints on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape

from engine.errors import UsageError
from engine.printable import printable, printable_json, printable_lines

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress
    from rich.table import Table


class _Console(Console):
    """Shows every character of what it is given; only rich itself writes what a terminal acts on."""

    def print(self, *objects: Any, **style: Any) -> None:
        super().print(
            *(printable_lines(each) if isinstance(each, str) else each for each in objects), **style
        )


answers = _Console(highlight=False, soft_wrap=True)
asides = _Console(stderr=True, highlight=False)


class Format(StrEnum):
    """`--format` of commands that print for people."""

    text = "text"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="text or json")]
"""The option of every command that answers in either form."""


class CheckFormat(StrEnum):
    """`--format` of checks."""

    text = "text"
    json = "json"
    github = "github"


class LogLevel(StrEnum):
    """How much the log tells: each level more than the one before it."""

    error = "error"
    warning = "warning"
    info = "info"
    debug = "debug"
    sql = "sql"


def say(text: str = "", **style: Any) -> None:
    """A line of the answer."""
    answers.print(text, **style)


def say_plain(text: str) -> None:
    """A line of the answer, to the letter: no markup, no wrapping."""
    sys.stdout.write(printable(text) + "\n")


def say_block(text: str) -> None:
    """As `say_plain`, for a text of our own that has several lines."""
    sys.stdout.write(printable_lines(text) + "\n")


def say_head(text: str) -> None:
    """The head of a part of the answer, after an empty line."""
    answers.print(f"\n[bold]{escape(printable(text))}[/]")


def say_rows(rows: Sequence[Sequence[str]], indent: int = 2) -> None:
    """Lines in columns, each as wide as its widest cell; the last one may be long. Nothing is cut."""
    shown = [[printable(cell) for cell in row] for row in rows]
    wide = [max(map(cell_len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row[:-1], wide, strict=False))
        line = "  ".join([*cells, row[-1]])
        answers.print((" " * indent + line).rstrip(), markup=False)


def say_table(table: Table) -> None:
    """A table as wide as it is: nothing of it is cut, however narrow the terminal is."""
    from rich.measure import Measurement

    wide = Measurement.get(answers, answers.options.update(max_width=2000), table).maximum
    _Console(highlight=False, width=max(wide, 20)).print(table, crop=False)


def counted(number: int, noun: str) -> str:
    """`1 journey`, `2 journeys`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def say_json(value: Any) -> None:
    """The answer as JSON: records by their fields, in the order of these."""
    import msgspec
    import orjson

    plain = msgspec.to_builtins(value, enc_hook=str)
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    sys.stdout.write(printable_json(orjson.dumps(plain, option=options).decode()) + "\n")


def complain(text: str) -> None:
    """A line on stderr."""
    asides.print(f"[bold red]error[/]: {escape(printable(text))}", soft_wrap=True)


def remark(text: str) -> None:
    """A quiet line on stderr."""
    asides.print(f"[dim]{escape(printable(text))}[/]", soft_wrap=True)


def progress(transient: bool = True) -> Progress:
    """The progress bar of long work; draws nothing when stderr is no terminal."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=asides, transient=transient, disable=not asides.is_terminal,
    )  # fmt: skip


@contextmanager
def writing(path: Path, cure: str = "Name another file") -> Iterator[None]:
    """For a block that writes a file which somebody has named. Raises UsageError, with what to do, where the
    system does not let it."""
    try:
        yield
    except OSError as wrong:
        where = wrong.filename or path
        raise UsageError(f"{where} cannot be written: {wrong.strerror or wrong}.", cure) from wrong
