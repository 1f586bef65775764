"""The lines of `expect:` - moments with a message, a skip, an end, or a side effect."""

from __future__ import annotations

import re

from engine.language.map_reader import ReadContext
from engine.language.nodes import Mapping, Node, Scalar, Sequence, is_empty
from engine.language.stories.story_lines import parse_moment
from engine.language.syntax import Expected, Text
from engine.language.wording import quoted, shown
from engine.problem import nearest

_FORMS = re.compile(
    r"send \S+ via \S+|skip \S+(?: \((?:capped|unreachable|too late|no code)\))?|goal|finish|exit_if|restart|holdout"
    r"|exit \S.*|set \S+ to \S.*|add \S+ \S+|add \S+ [A-Z]{3} \S+|add \S.* to \S+|remove \S.* from \S+|code \S+|webhook \S+"
)
_FIRST_WORDS = (
    "send",
    "skip",
    "goal",
    "finish",
    "exit",
    "exit_if",
    "restart",
    "holdout",
    "set",
    "add",
    "remove",
    "code",
    "webhook",
)
_OTHER = {"sends": "send", "sent": "send", "skipped": "skip", "end": "finish", "finished": "finish", "done": "finish",
          "reached": "goal", "skips": "skip", "exits": "exit", "nothing": "nothing"}  # fmt: skip
_WHY = "it can be: send x via email, skip x (capped), goal, finish, exit reason, exit_if, restart, holdout, set a to b, add 50 points, remove a from b, code x, webhook x"


def parse_expect(context: ReadContext, node: Node) -> tuple[Expected, ...]:
    """Everything that is expected; nothing for `expect: nothing`."""
    if isinstance(node, Scalar) and node.text == "nothing":
        return ()
    if not isinstance(node, Sequence):
        word = shown(node.text) if isinstance(node, Scalar) else ""
        fix = (
            "write  expect: nothing"
            if word.casefold() in {"none", "no", "never"}
            else "write  - day 0 10:00: send welcome_hello via email"
        )
        context.report(node.span, "E56", '"expect" needs a list of moments, or the word nothing', _WHY, fix)
        return ()
    lines = (_line(context, item) for item in node.items)
    return tuple(line for line in lines if line is not None)


def _line(context: ReadContext, node: Node) -> Expected | None:
    if isinstance(node, Mapping) and len(node.entries) == 1:
        entry = node.entries[0]
        if isinstance(entry.value, Scalar) and not is_empty(entry.value):
            moment = context.keep(parse_moment(entry.key.whole()))
            words = _words(context, entry.value.whole())
            return None if moment is None or words is None else Expected(moment, words)
    place = node.entries[1].key.span if isinstance(node, Mapping) and len(node.entries) > 1 else node.span
    context.report(
        place,
        "E56",
        "this is not a line of expect",
        "a line is a moment and what happens then, nothing below it",
        "write  - day 0 10:00: send welcome_hello via email",
    )
    return None


def _words(context: ReadContext, text: Text) -> Text | None:
    if len(text.value) < 500 and _FORMS.fullmatch(text.value):
        return text
    context.report(text.span, "E56", f"{quoted(text.value)} cannot be expected", _WHY, _fix(text.value))
    return None


def _fix(written: str) -> str:
    first, _, rest = shown(written, 100).partition(" ")
    verb = _OTHER.get(first) or (first if first in _FIRST_WORDS else nearest(first, _FIRST_WORDS)) or "send"
    name = rest.split(" ")[0] or "welcome_hello"
    match verb:
        case "send":
            channel = re.search(r"\b(email|sms|push|whatsapp|telegram|webpush)\b", rest)
            return f"write  send {name} via {channel[0] if channel else 'email'}"
        case "skip":
            return f"write  skip {name} (capped)  or (unreachable), (too late), (no code)"
        case "exit":
            return f"write  exit {rest or 'no_reaction'}"
        case "set":
            return f"write  set {name} to {rest.split(' ')[-1] if ' ' in rest else 'gold'}"
        case "add":
            return "write  add 50 points  or  add vip to tags"
        case "remove":
            return f"write  remove {name} from tags"
        case "code" | "webhook":
            return f"write  {verb} {name}"
        case _:
            return f"write  {verb}" if verb != "nothing" else "write  expect: nothing  instead of the list"
