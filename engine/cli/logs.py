"""Log lines on stderr: for people, or as JSON; never an address or a secret."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from engine.cli.output import LogLevel

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


_TALKATIVE = ("alembic.runtime.migration", "apscheduler", "uvicorn")
"""Libraries that tell at `debug` what they do. The others print addresses or keys when they are let."""


def set_up(*, as_json: bool, level: LogLevel = LogLevel.info) -> None:
    """Call once, before anything is logged and before the store is opened. Without a level: `info`.

    `sql` is `debug` with every statement and no value of it.
    """
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    lowest = logging.DEBUG if level is LogLevel.sql else logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            masked,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Patient(sys.stderr))),
    )
    logging.basicConfig(level=max(lowest, logging.WARNING), stream=sys.stderr)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO if lowest == logging.DEBUG else logging.NOTSET)
    # SQLAlchemy asks for the level when an engine is made; engine/store/database.py hides the parameters
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO if level is LogLevel.sql else logging.NOTSET)


def masked(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Addresses that a provider's answer or an error repeats are masked."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = _ADDRESS.sub("***", value)
    return line
