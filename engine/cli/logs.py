"""Log lines on stderr: for people, or as JSON; never an address or a secret, and nothing that a terminal acts
on."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog

from engine.cli.output import LogLevel
from engine.printable import printable, printable_json, printable_lines

_ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+|\+\d[\d ()-]{6,}\d")


class _Patient(io.TextIOBase):
    """Standard error that may lie on a full disk, or behind a pipe that is gone: a line that cannot be
    written is lost, and nobody who wrote it fails because of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _OurLines(logging.Handler):
    """Lines of libraries in the form of ours: whoever reads the log as JSON meets nothing else in it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except (TypeError, ValueError):  # words and values of a library that do not fit each other
            said = str(record.msg)
        structlog.get_logger().log(record.levelno, said, exc_info=record.exc_info, logger=record.name)


_TALKATIVE = ("alembic.runtime.migration", "apscheduler", "uvicorn")
"""Libraries that tell at `debug` what they do. The others print addresses or keys when they are let."""

_OF_SEVERAL_LINES = ("exception", "traceback")


def set_up(*, as_json: bool, level: LogLevel = LogLevel.info) -> None:
    """Call once, before anything is logged and before the store is opened. Without a level: `info`.

    `sql` is `debug` with every statement and no value of it.
    """
    form: list[Any] = (
        [structlog.processors.JSONRenderer(ensure_ascii=False), _visible_document]
        if as_json
        else [shown, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    lowest = logging.DEBUG if level is LogLevel.sql else logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            masked,
            *form,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Patient(sys.stderr))),
    )
    root = logging.getLogger()
    root.handlers = [*(each for each in root.handlers if not isinstance(each, _OurLines)), _OurLines()]
    root.setLevel(max(lowest, logging.WARNING))
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO if lowest == logging.DEBUG else logging.NOTSET)
    # SQLAlchemy asks for the level when an engine is made; engine/store/database.py hides the parameters
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO if level is LogLevel.sql else logging.NOTSET)


def masked(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Addresses that a provider's answer or an error repeats are masked."""
    for name, value in line.items():
        line[name] = _texts(value, lambda text: _ADDRESS.sub("***", text))
    return line


def shown(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """One line stays one line, whatever a foreign answer in it holds; our own tracebacks have several."""
    for name, value in line.items():
        line[name] = _texts(value, printable_lines if name in _OF_SEVERAL_LINES else printable)
    return line


def _texts(value: Any, change: Callable[[str], str]) -> Any:
    """Every text in a value of a line, changed."""
    match value:
        case str():
            return change(value)
        case Mapping():
            return {_texts(name, change): _texts(inner, change) for name, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_texts(inner, change) for inner in value]
        case _:
            return value


def _visible_document(_logger: Any, _method: str, line: str) -> str:
    return printable_json(line)
