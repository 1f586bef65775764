"""What each kind of step does, by its class. A message has a file of its own: `cascade`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeAlias

from engine.core import steps
from engine.core.decision.transition import Transition
from engine.core.journey import Step

Execute: TypeAlias = Callable[[Transition, Any], "int | None"]
"""Does one step: the index of the next one, None if the run rests here or has ended."""


def _declared() -> dict[type[Step], Execute]:
    """A file of this folder says what it does in its `EXECUTES`; a new one needs no line here."""
    declared: dict[type[Step], Execute] = {}
    for module in iter_modules(steps.__path__):
        if module.name != "register":  # it is only half there while it runs
            declared |= import_module(f"{steps.__name__}.{module.name}").EXECUTES
    return declared


EXECUTES: Mapping[type[Step], Execute] = _declared()
