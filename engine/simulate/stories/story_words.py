"""From the trace of a decision to the words that stand in a story: `send X via C`, `add 50 points`, `goal`."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.effects import Trace
from engine.core.journey import Journey
from engine.core.steps.change import ChangeStep
from engine.language.steps.register import STORY_FORMS
from engine.values import Type


def words_for(trace: Trace, journey: Journey, attributes: Mapping[str, Type]) -> str | None:
    """The line of a story, or None for what a story does not list."""
    match trace.kind:
        case "goal (late)":
            return "goal"
        case "goal" | "finish" | "exit_if" | "restart" | "holdout" | "stopped":
            return trace.kind
        case _:
            form = STORY_FORMS.get(trace.kind)
    if form is None:
        return None
    attribute, detail = attributes.get(trace.subject), trace.detail
    of_list = form.says_of_list and attribute is not None and attribute.kind == "list of text"
    step = journey.by_id.get(trace.step)
    if trace.kind == "set" and isinstance(step, ChangeStep):
        # `now`, `today` and `unset` stand in a story as they stand in the step
        written = dict(step.values).get(trace.subject)
        detail = str(written) if written in ("now", "today", "unset") else detail
    return (form.says_of_list if of_list else form.says).format(subject=trace.subject, detail=detail)
