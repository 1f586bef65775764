"""Rows that change their id: what belongs to one becomes another one's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdMove:
    """The id that is given up and the one that stays, each with its bucket."""

    source: tuple[int, str]
    target: tuple[int, str]

    @property
    def parameters(self) -> tuple[int, str, int, str]:
        """For `SET bucket = ?, customer = ? WHERE bucket = ? AND customer = ?`."""
        return (*self.target, *self.source)
