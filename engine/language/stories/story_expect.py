"""The lines of `expect:` - moments with a message, a skip, an end, or a side effect."""

from __future__ import annotations

import re

from engine.language.map_reader import ReadContext
from engine.language.nodes import Mapping, Node, Scalar, Sequence, is_empty
from engine.language.steps.kinds import StoryForm
from engine.language.steps.register import STORY_FORMS
from engine.language.stories.ledger_lines import LEDGER_FORMS
from engine.language.stories.story_lines import parse_moment
from engine.language.syntax import Expected
from engine.language.wording import as_list, quoted, shown
from engine.problem import nearest


def _of(group: str) -> list[StoryForm]:
    return [form for form in STORY_FORMS.values() if form.group == group]


def _own(word: str, *, in_short: bool = True) -> StoryForm:
    """A line that no step brings about."""
    return StoryForm(word, "end", word, word, word, meant=lambda _, __: word, in_short=in_short)


GOAL, FINISH, EXIT_IF, RESTART = _own("goal"), _own("finish"), _own("exit_if"), _own("restart")
HOLDOUT = _own("holdout", in_short=False)
FORMS = {
    form.verb: form
    for form in (
        *_of("message"), GOAL, FINISH, *_of("end"), EXIT_IF, RESTART, HOLDOUT, *_of("side effect"),
        *LEDGER_FORMS,
    )
}  # fmt: skip
"""Every line of `expect:` by its first word, in the order in which people are told about them."""

_OTHER = {"sends": "send", "sent": "send", "skipped": "skip", "end": "finish", "finished": "finish",
          "done": "finish",
          "reached": "goal", "skips": "skip", "exits": "exit", "nothing": "nothing"}  # fmt: skip
_PATTERN = re.compile("|".join(form.pattern for form in FORMS.values()))
_WHY = f"it can be: {as_list([form.example for form in FORMS.values()])}"


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
            words = entry.value.whole()
            if len(words.value) >= 500 or not _PATTERN.fullmatch(words.value):
                what = f"{quoted(words.value)} cannot be expected"
                # without a reason it is the early exit, where the journey has one
                early = words.value == "exit" and context.root is not None and context.root.get("exit_if")
                context.report(
                    words.span, "E56", what, _WHY, "write  exit_if" if early else _fix(words.value)
                )
                return None
            return None if moment is None else Expected(moment, words)
    place = node.entries[1].key.span if isinstance(node, Mapping) and len(node.entries) > 1 else node.span
    context.report(
        place,
        "E56",
        "this is not a line of expect",
        "a line is a moment and what happens then, nothing below it",
        "write  - day 0 10:00: send welcome_hello via email",
    )
    return None


def _fix(written: str) -> str:
    first, _, rest = shown(written, 100).partition(" ")
    verb = _OTHER.get(first) or (first if first in FORMS else nearest(first, FORMS)) or "send"
    if verb == "nothing":
        return "write  expect: nothing  instead of the list"
    return f"write  {FORMS[verb].meant(rest.split(' ')[0] or 'welcome_hello', rest)}"
