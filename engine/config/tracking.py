"""`tracking:` in config.yaml: what is noticed of a reader, and whether they are asked first."""

from __future__ import annotations

from typing import Literal, cast

from engine.config import Tracking
from engine.config.nodes import Reader
from engine.language.nodes import Entry
from engine.language.wording import quoted
from engine.problem import did_you_mean

CHOICES: dict[str, tuple[str, ...]] = {
    "clicks": ("yes", "no"),
    "opens": ("never", "with consent", "always"),
    "decoy": ("yes", "no"),
}
"""The keys of `tracking:` and the words of each."""


def read_tracking(parts: dict[str, Entry], reader: Reader) -> Tracking:
    """What the file says; a key that is left out or wrong has its default."""
    entry, start = parts.get("tracking"), Tracking()
    fields = reader.parts(entry.value, tuple(CHOICES), "tracking") if entry else {}
    words = {name: _word(fields, name, reader) for name in CHOICES}
    return Tracking(
        clicks=start.clicks if words["clicks"] is None else words["clicks"] == "yes",
        opens=cast('Literal["never", "with consent", "always"]', words["opens"] or start.opens),
        decoy=start.decoy if words["decoy"] is None else words["decoy"] == "yes",
    )


def _word(fields: dict[str, Entry], name: str, reader: Reader) -> str | None:
    found = reader.text(fields, name)
    if found is None or found.text in CHOICES[name]:
        return found.text if found else None
    listed = ", ".join(CHOICES[name])
    meant = {"true": "yes", "on": "yes", "false": "no", "off": "no"}.get(found.text.casefold(), "")
    fix = f"write  {meant}" if meant in CHOICES[name] else f"use one of: {listed}"
    reader.refuse(
        found.span,
        f"{quoted(found.text)} is not one of its values",
        f"it can be: {listed}",
        fix if meant else did_you_mean(found.text, CHOICES[name], fix),
    )
    return None
