"""`again:` - when a customer may come back."""

from __future__ import annotations

from engine.language.duration import parse_length
from engine.language.map_reader import ReadContext
from engine.language.nodes import tail
from engine.language.syntax import Again, Text
from engine.language.wording import quoted, shown
from engine.problem import Problem, nearest

RULES = ("never", "always", "after 30 days", "restart", "restart, then after 3 days")
_OTHER = {
    "once": "never", "no": "never", "false": "never", "off": "never", "one time": "never", "yes": "always",
    "true": "always", "on": "always", "every time": "always", "unlimited": "always", "multiple": "always",
    "replace": "restart", "reset": "restart",
}  # fmt: skip


def parse_again(context: ReadContext, text: Text) -> Again | None:
    """The rule of re-entry."""
    words = text.value
    match words:
        case "never" | "always" | "restart":
            return Again(words, None, text.span)
        case _:
            pass
    for how in ("after", "restart"):
        beginning = "after " if how == "after" else "restart, then after "
        if words.startswith(beginning):
            length = context.keep(parse_length(tail(text, len(beginning))))
            return (
                None if length is None else Again("after" if how == "after" else "restart", length, text.span)
            )
    context.report(
        text.span,
        "E24",
        f'{quoted(words)} is not a rule for "again"',
        f"it can be: {'; '.join(RULES)}",
        f"write  again: {_meant(text)}",
    )
    return None


def _meant(text: Text) -> str:
    words = shown(text.value)
    if words.casefold() in _OTHER:
        return _OTHER[words.casefold()]
    if not isinstance(parse_length(text), Problem):
        return f"after {words}"
    for beginning in ("restart after ", "restart then after ", "restart, after ", "restart and after "):
        if words.startswith(beginning):
            return f"restart, then after {words.removeprefix(beginning)}"
    return nearest(words, RULES) or "never"
