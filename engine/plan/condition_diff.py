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
    groups = [each for each in now.lines if isinstance(each, syntax.Group) and meaning(each) in came]
    for former_group in (each for each in before.lines if isinstance(each, syntax.Group)):
        if meaning(former_group) not in gone:
            continue
        fitting = [(each, words) for each in groups if (words := _other_value(former_group, each))]
        if len(fitting) == 1 and came.pop(meaning(fitting[0][0]), None) is not None:
            told.append(fitting[0][1])
            del gone[meaning(former_group)]
    told += [f"{words} is not asked any more" for words in gone.values()]
    told += [f"{words} is asked too" for words in came.values()]
    return "; ".join(told) or f"{condition_text(before)} -> {condition_text(now)}"


def _other_value(before: syntax.Group, now: syntax.Group) -> str:
    """`in any: total_spent: at least 500 EUR -> at least 300 EUR` of two groups in which one condition alone
    is another one, and asks about the same; "" of any others."""
    former, present = ({meaning(each): each for each in group.conditions} for group in (before, now))
    gone = [each for key, each in former.items() if key not in present]
    came = [each for key, each in present.items() if key not in former]
    if before.how != now.how or len(gone) != 1 or len(came) != 1:
        return ""
    was, is_now = ([line_words(line).subject for line in each.lines] for each in (gone[0], came[0]))
    # of a group inside the subject holds all of it, so it is never the same
    return f"in {now.how}: {condition_changes(gone[0], came[0])}" if sorted(was) == sorted(is_now) else ""
