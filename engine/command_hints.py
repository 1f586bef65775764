"""How this program is started where it runs: what a hint has to say so that its reader can type it.

The command line sets it once, before anything else; whatever is printed afterwards says the same words.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Invocation:
    # from a checkout; who starts the program in another way says so
    program: str = "./run"
    project: str = ""


_typed = _Invocation()
# one per process, as sys.argv is: hints are made in every layer, and in threads no context variable reaches


def command(words: str) -> str:
    """`status` as it is typed here: `./run status`, `./run --project ../my-shop status`."""
    project = f" --project {shlex.quote(_typed.project)}" if _typed.project else ""
    return f"{_typed.program}{project} {words}"


def without_project(words: str) -> str:
    """As `command`, for what belongs to no project, or to another one."""
    return f"{_typed.program} {words}"


def name_project(folder: str) -> None:
    """The project was named where the program was started: who repeats a command has to name it as well."""
    _typed.project = folder


@contextmanager
def started_as(program: str) -> Iterator[None]:
    """Until the end of the block: the program was started by these words, and named no project so far."""
    before = _typed.program, _typed.project
    _typed.program, _typed.project = program, ""
    try:
        yield
    finally:
        _typed.program, _typed.project = before
