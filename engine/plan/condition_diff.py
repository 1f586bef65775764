"""Two conditions, line by line: a line about another attribute, event or segment is another question."""

from __future__ import annotations

from engine.compiler.journeys.fingerprint import meaning
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text, line_words


def condition_changes(before: syntax.AllOf | None, now: syntax.AllOf | None) -> str:
    """`orders_count: at least 1 -> at least 2; open_tickets: 0 is asked too`; "" where both ask the same."""
    if before is None:
        return f"is asked now: {condition_text(now)}" if now is not None else ""
    if now is None:
        return f"is not asked any more: {condition_text(before)}"
    if meaning(before) == meaning(now):
        return ""
    former, present = ({meaning(line): line_words(line) for line in each.lines} for each in (before, now))
    gone = {line: words for line, words in former.items() if line not in present}
    came = {line: words for line, words in present.items() if line not in former}
    told: list[str] = []
    for line, was in list(gone.items()):
        same = [other for other, words in came.items() if words.subject == was.subject]
        if len(same) == 1:
            told.append(f"{was} -> {came.pop(same[0]).question}")
            del gone[line]
    told += [f"{words} is not asked any more" for words in gone.values()]
    told += [f"{words} is asked too" for words in came.values()]
    return "; ".join(told) or f"{condition_text(before)} -> {condition_text(now)}"
