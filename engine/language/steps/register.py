"""Every kind of step, and the lists of verbs that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import cast

from engine.language import steps
from engine.language.steps.kinds import StepKind, StoryForm


def _declared() -> list[StepKind]:
    """A file of this folder that holds `KINDS` declares kinds of steps; a new one needs no line here."""
    names = sorted(module.name for module in iter_modules(steps.__path__))
    # this module is only half there while it runs
    files: list[ModuleType] = [
        import_module(f"{steps.__name__}.{name}") for name in names if name != "register"
    ]
    declared = [kind for file in files for kind in cast("tuple[StepKind, ...]", getattr(file, "KINDS", ()))]
    return sorted(declared, key=lambda kind: kind.order)


KINDS: Mapping[str, StepKind] = {kind.verb: kind for kind in _declared()}
"""By verb, in the order in which people are told about them."""

VERBS = tuple(KINDS)

OTHER_VERBS: Mapping[str, str] = {word: kind.verb for kind in KINDS.values() for word in kind.other_verbs}
"""Words of other tools -> our verb."""

STORY_FORMS: Mapping[str, StoryForm] = {form.verb: form for kind in KINDS.values() for form in kind.story}
"""What steps leave behind, by the kind of the trace."""
