"""Two conditions, line by line: a line about another attribute, event or segment is another question."""

from __future__ import annotations

from engine.compiler.fingerprint import meaning
from engine.language import syntax
from engine.language.conditions.condition_words import condition_text


def condition_changes(before: syntax.AllOf | None, now: syntax.AllOf | None) -> str:
    """`orders_count: at least 1 -> at least 2; open_tickets: 0 is asked too`; "" where both ask the same."""
    if before is None or now is None:
        if before is now:
            return ""
        return f"is asked now: {condition_text(now)}" if now else f"is not asked any more: {_text(before)}"
    if meaning(before) == meaning(now):
        return ""
    former, present = _lines(before), _lines(now)
    gone = [line for line in former if line not in present]
    came = [line for line in present if line not in former]
    words: list[str] = []
    for line in list(gone):
        subject = former[line].partition(": ")[0]
        same = [other for other in came if present[other].partition(": ")[0] == subject]
        if len(same) == 1:
            words.append(f"{former[line]} -> {present[same[0]].partition(': ')[2]}")
            gone.remove(line)
            came.remove(same[0])
    words += [f"{former[line]} is not asked any more" for line in gone]
    words += [f"{present[line]} is asked too" for line in came]
    return "; ".join(words) or f"{condition_text(before)} -> {condition_text(now)}"


def _lines(condition: syntax.AllOf) -> dict[str, str]:
    """What each line means -> its words."""
    return {meaning(line): condition_text(syntax.AllOf((line,), condition.span)) for line in condition.lines}


def _text(condition: syntax.AllOf | None) -> str:
    return condition_text(condition) if condition is not None else ""
