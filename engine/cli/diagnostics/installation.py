"""The program's own ground: Python, SQLite, libraries with known faults, zone data, clock, disk, mail
headers."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from engine.cli.diagnostics.finding import Finding
from engine.clock import Clock, FastClock
from engine.errors import WorldError
from engine.values import MINUTE, Instant, to_datetime, zone

_FAULTS = (
    ("aiosmtplib", (5,), None, "before 5 it may hang when a connection is reused"),
    ("aiosmtpd", (1, 4, 6), None, "before 1.4.6 mail can be smuggled in"),
    ("apscheduler", (3, 11), (4,), "4 is another library under the same name"),
    ("jinja2", (3, 1, 6), None, "before 3.1.6 the sandbox can be left"),
    ("pyyaml", (6, 0, 3), None, "only from 6.0.3 on tested with broken files"),
    ("sqlalchemy", (2, 1), (2, 2), "only 2.1 is tested"),
    ("sqlmodel", (0, 0, 27), (0, 1), "every minor release may break"),
    ("aiohttp", (3,), (4,), "4 is another interface"),
)
_YEARS = range(2025, 2100)
_MEGABYTE = 1_000_000
_FEW, _TOO_FEW = 1_000 * _MEGABYTE, 100 * _MEGABYTE
_LOOKS_AT_CLOCK = 0.2


def installation() -> Iterator[Finding]:
    """Versions, zone data, the self-test of mail headers."""
    from engine.channels.mime import self_test
    from engine.store.database import sqlite_advice

    yield Finding("ok", "python", platform.python_version())
    advice = sqlite_advice()
    yield Finding(
        "warn" if advice else "ok",
        "sqlite",
        advice or sqlite3.sqlite_version,
        "no hurry: update SQLite with the system" if advice else "",
    )
    faults = list(_faulty())
    yield from faults
    if not faults:
        yield Finding("ok", "libraries", "none with a known fault")
    try:
        self_test()
    except WorldError as wrong:
        cure = "send nothing from this installation; reinstall it, or report this"
        yield Finding("FAIL", "mail headers", str(wrong), cure)
    else:
        yield Finding("ok", "mail headers", "the self-test came back as it was written")


def clock(now: Clock, timezone: str, newest: Instant | None) -> Iterator[Finding]:
    """The year, the pace against the machine's steady clock, and whether the store knows a later moment."""
    at = now.now()
    # A clock that counts from the same moment on, by the steady clock of the machine
    steady = FastClock(at, 1.0)
    threading.Event().wait(_LOOKS_AT_CLOCK)
    drift = abs(now.now() - steady.now())
    year = to_datetime(at).year
    if year not in _YEARS:
        yield Finding(
            "FAIL", "clock", f"it says the year {year}", "set the clock of this machine, best by NTP"
        )
    elif newest is not None and newest > at + 5 * MINUTE:
        yield Finding(
            "FAIL",
            "clock",
            "the store holds moments of the future: the clock was put back",
            "set the clock of this machine, best by NTP",
        )
    elif drift > 100:
        yield Finding(
            "warn",
            "clock",
            f"it jumped by {drift} ms while we looked",
            "let NTP slew the clock rather than step it",
        )
    else:
        yield Finding("ok", "clock", "steady")
    try:
        zone(timezone)
        yield Finding("ok", "time zones", f"{timezone} is known")
    except KeyError:
        yield Finding("FAIL", "time zones", f"{timezone} is not known here", "reinstall the package tzdata")


def forecasts(folder: Path) -> Iterator[Finding]:
    """The extra that forecasts need, where a fact of the project is one."""
    from engine import forecast
    from engine.errors import CallerError
    from engine.project import load_world

    try:
        facts = load_world(folder).catalogue.facts.values()
    except CallerError:
        return  # `check` says what is wrong with the files
    names = [rule.name for rule in facts if rule.is_forecast]
    if names and not forecast.is_installed():
        says = f'the extra "{forecast.EXTRA}" is missing, which {", ".join(names)} needs'
        yield Finding("FAIL", "forecasts", says, forecast.INSTALL)
    elif names:
        yield Finding("ok", "forecasts", f"numpy and scipy are there, for {', '.join(names)}")


def disk(folder: Path) -> Finding:
    """Room for the store."""
    # The store is made at the first start: then the nearest folder that is there has its disk
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    says = f"{free // _MEGABYTE:,} MB free"
    if free < _TOO_FEW:
        return Finding("FAIL", "disk", says, "make room: nothing can be stored soon")
    return (
        Finding("warn", "disk", says, "make room before it is full")
        if free < _FEW
        else Finding("ok", "disk", says)
    )


def _faulty() -> Iterator[Finding]:
    for name, lowest, below, why in _FAULTS:
        try:
            written = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding("FAIL", name, "is not installed", "run  ./run  which prepares the environment")
            continue
        version = tuple(int(part) for part in written.split(".") if part.isdigit())
        if version < lowest or (below is not None and version >= below):
            yield Finding(
                "FAIL",
                name,
                f"{written}: {why}",
                "run  ./run  which installs the versions of requirements.lock",
            )
