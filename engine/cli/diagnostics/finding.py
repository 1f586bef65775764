"""One thing that was looked at, and what is to be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "FAIL", "skip"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`cure` says what to do; an `ok` needs none."""

    level: Level
    what: str
    says: str
    cure: str = ""
