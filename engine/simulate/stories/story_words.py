"""From the trace of a decision to the words that stand in a story: `send X via C`, `add 50 points`, `goal`."""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.effects import Trace
from engine.core.journey import ChangeStep, Journey
from engine.values import Type


def words_for(trace: Trace, journey: Journey, attributes: Mapping[str, Type]) -> str | None:
    """The line of a story, or None for what a story does not list."""
    match trace.kind:
        case "send":
            return f"send {trace.subject} via {trace.detail}"
        case "skip":
            return f"skip {trace.subject} ({trace.detail})"
        case "goal" | "goal (late)":
            return "goal"
        case "finish" | "exit_if" | "restart" | "holdout" | "stopped":
            return trace.kind
        case "exit":
            return f"exit {trace.subject}"
        case "code" | "webhook":
            return f"{trace.kind} {trace.subject}"
        case "set":
            return f"set {trace.subject} to {_as_written(trace, journey) or trace.detail}"
        case "add" | "remove":
            return _change(trace, attributes)
        case _:
            return None


def _as_written(trace: Trace, journey: Journey) -> str | None:
    """`now`, `today` and `unset` stand in a story as they stand in the step."""
    step = journey.by_id.get(trace.step)
    if isinstance(step, ChangeStep):
        for name, value in step.values:
            if name == trace.subject and value in ("now", "today", "unset"):
                return str(value)
    return None


def _change(trace: Trace, attributes: Mapping[str, Type]) -> str:
    kind = attributes.get(trace.subject)
    if kind is not None and kind.kind == "list of text":
        return f"{trace.kind} {trace.detail} {'to' if trace.kind == 'add' else 'from'} {trace.subject}"
    return f"{trace.kind} {trace.detail} {trace.subject}"
