"""`python -m tools.journal`: records what this version decides, and shows where it decides otherwise than an
earlier one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engine.cli.output import say_plain
from tools.journal.journal import Journal
from tools.journal.recording import made_up_sources, record
from tools.journal.replaying import replay
from tools.simulation.projects import from_folder


def main() -> int:
    """The exit code: 1 when a journal is decided otherwise."""
    parser = argparse.ArgumentParser(prog="./run python -m tools.journal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recorded = commands.add_parser("record", help="record a journal with this version")
    recorded.add_argument("file", type=Path)
    recorded.add_argument("--version", required=True, help="of this program: a release or a commit")
    recorded.add_argument("--seed", type=int, default=0, help="of what happens to the shop")
    recorded.add_argument("--project", type=Path, help="a project folder; without it made-up journeys")
    replayed = commands.add_parser("replay", help="play journals to this version")
    replayed.add_argument("files", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.command == "record":
        sources = from_folder(asked.project) if asked.project else made_up_sources(asked.seed)
        journal = record(asked.version, asked.seed, sources)
        journal.write(asked.file)
        say_plain(f"{asked.file}: {len(journal.course)} rounds, {len(journal.decided)} decisions")
        return 0
    diverged = False
    for file in asked.files:
        journal = Journal.read(file)
        divergence = replay(journal)
        diverged = diverged or bool(divergence)
        say_plain(
            f"{file}: {len(journal.decided)} decisions of {journal.about.version},"
            f" {len(divergence.missing)} gone, {len(divergence.new)} new"
        )
        if divergence:
            say_plain(str(divergence))
    return int(diverged)


if __name__ == "__main__":
    sys.exit(main())
