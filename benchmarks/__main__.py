"""`./run bench [NAME...] [--short] [--json FILE]`: the benchmarks, as ratios within one run."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import platform
import sqlite3
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure

NAMES = ("advance", "replay", "check", "daemon")
"""Each is a module here with `run(short) -> list[Figure]`."""


def main(arguments: list[str]) -> int:
    """Runs what is asked for (everything without a name), prints a table and writes JSON."""
    known = [name for name in NAMES if importlib.util.find_spec(f"benchmarks.{name}") is not None]
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(known)}")
    parser.add_argument("--short", action="store_true", help="smaller and faster, to see that it works")
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
    console.print(f"written to {asked.json}")
    return 0


def table(figures: list[Figure]) -> Table:
    """The figures for people."""
    found = Table("benchmark", "what", "against", "ours", "theirs", "ratio", "aim", "runs", "note")
    for each in figures:
        ours, theirs = f"{each.ours:,.4g} {each.unit}", f"{each.theirs:,.4g} {each.unit}"
        found.add_row(
            each.benchmark, each.what, each.against, ours, theirs, f"{each.ratio:.2f}", each.aim,
            str(each.runs), each.note
        )  # fmt: skip
    return found


def write(figures: list[Figure], path: Path, *, short: bool) -> None:
    """The figures for machines, with what they were taken on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "machine": platform.machine(),
        "system": platform.system(),
    }
    content = {"short": short, **machine, "figures": [asdict(each) for each in figures]}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
