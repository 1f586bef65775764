"""How a daemon is to run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DaemonOptions:
    """`dry`: decide and record, hand nothing over. `watch`: reload when a file changes. `adopt`: take over a copy or a
    restored backup."""

    dry: bool = False
    watch: bool = False
    serve: bool = True
    adopt: bool = False
