"""A kind of step is a file of the language, a line of the compiler and a file of the core: what is missing
for a new one."""

from __future__ import annotations

from typing import get_args

import pytest

from engine.compiler.journeys.steps import COMPILE
from engine.core.decision.effects import TraceKind
from engine.core.lifecycle.advance import EXECUTES
from engine.language.steps.kinds import StepKind
from engine.language.steps.register import KINDS, STORY_FORMS


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_of_step_is_compiled_and_executed(kind: StepKind) -> None:
    assert kind.step in COMPILE, f"compiler/journeys/steps.py: COMPILE has no line for {kind.step.__name__}"
    name = f"{kind.step.__name__}Step"
    assert name in {step.__name__ for step in EXECUTES}, f"core/steps/: no file has {name} in its EXECUTES"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_of_step_says_everything_about_itself(kind: StepKind) -> None:
    assert kind.construct.about
    assert kind.construct.key(kind.verb) is not None, "the verb is its first key"
    assert kind.example.partition(":")[0] in KINDS
    assert kind.order not in {other.order for other in KINDS.values() if other is not kind}
    for form in kind.story:
        assert form.verb in get_args(TraceKind), f"core/decision/effects.py: TraceKind has no {form.verb!r}"


def test_nothing_is_compiled_or_executed_that_the_language_does_not_have() -> None:
    assert set(COMPILE) == {kind.step for kind in KINDS.values()}
    assert {step.__name__ for step in EXECUTES} == {f"{kind.step.__name__}Step" for kind in KINDS.values()}


def test_a_line_of_a_story_belongs_to_one_kind() -> None:
    assert len(STORY_FORMS) == sum(len(kind.story) for kind in KINDS.values())
