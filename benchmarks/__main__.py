"""`./run bench [NAME...] [--short] [--strict] [--json FILE]`: the benchmarks, as ratios within one run."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import sqlite3
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure

NAMES = (
    "transitions", "flat", "backlog", "ingest", "deliver", "render", "goal", "enroll", "sweep",
    "watchers", "facts", "recommend", "forecast", "report", "replay", "cold", "workers", "against", "daemon",
)  # fmt: skip
"""Each is a module here with `run(short) -> list[Figure]`, in the order in which they run."""


def main(arguments: list[str]) -> int:
    """Runs what is asked for (everything without a name), prints a table and writes JSON."""
    known = [name for name in NAMES if importlib.util.find_spec(f"benchmarks.{name}") is not None]
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(known)}")
    parser.add_argument("--short", action="store_true", help="smaller and faster, to see that it works")
    parser.add_argument("--strict", action="store_true", help="fail when a ratio misses its aim")
    parser.add_argument("--json", type=Path, default=Path("out/bench.json"), help="where the figures go")
    asked = parser.parse_args(arguments)
    for name in asked.names:
        if name not in known:
            parser.error(f'there is no benchmark "{name}"; there are: {", ".join(known)}')
    console = Console(stderr=True)
    figures: list[Figure] = []
    for name in asked.names or known:
        console.print(f"{name} ...")
        figures += importlib.import_module(f"benchmarks.{name}").run(asked.short)
    answer = Console()
    if not answer.is_terminal:
        answer.width = 200  # a log has no edge at which to break a table
    answer.print(table(figures))
    write(figures, asked.json, short=asked.short)
    missed = sum(not measured.is_reached for measured in figures)
    console.print(f"{len(figures) - missed} of {len(figures)} reach their aim; written to {asked.json}")
    return 1 if asked.strict and missed else 0


def table(figures: list[Figure]) -> Table:
    """The figures for people."""
    shown = Table(
        "benchmark", "what", "against", "ours", "theirs", "ratio", "aim", "reached", "noise", "runs", "note"
    )
    for measured in figures:
        ours, theirs = (f"{rate:,.4g} {measured.unit}" for rate in (measured.ours, measured.theirs))
        shown.add_row(
            measured.benchmark, measured.what, measured.against, ours, theirs, f"{measured.ratio:.2f}",
            str(measured.aim), "yes" if measured.is_reached else "no", f"{measured.noise:.0%}",
            str(measured.runs), measured.note,
        )  # fmt: skip
    return shown


def write(figures: list[Figure], path: Path, *, short: bool) -> None:
    """The figures for machines, with what they were taken on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "machine": platform.machine(),
        "system": platform.system(),
    }
    content = {"short": short, **machine, "figures": [asdict(measured) for measured in figures]}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
