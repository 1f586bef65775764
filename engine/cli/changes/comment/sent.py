"""What would be sent, over recorded events that are played with both versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.cli.changes.comment.markdown import cut_list, fitting, markdown_table, safe
from engine.cli.changes.replay_comparison import cost_line, count_lines, counts
from engine.cli.changes.traffic import (
    CANNOT_KNOW,
    SAMPLE,
    competitions,
    daily_rows,
    entries,
    in_all,
    jump,
    learned_words,
    lost_to_caps,
    members,
    over,
    people_inside,
)
from engine.cli.output import counted
from engine.plan.traffic import about_first

if TYPE_CHECKING:
    from engine.cli.changes.comment.line_budget import LineBudget
    from engine.plan.traffic import Traffic
    from engine.simulate.replay.comparison import JourneyComparison, ReplayComparison


def _head(sent: Traffic) -> tuple[str, ...]:
    return f"in {counted(sent.days, 'day')}", "before", "now", "difference"


def sent_part(answer: ReplayComparison, sent: Traffic, currency: str, budget: LineBudget) -> str:
    """With its heading: all together, then what is to be looked at first, then what each journey does."""
    changed = [journey for journey in about_first(answer, sent.about) if not journey.is_same]
    sample = SAMPLE.format(answer.one_in).capitalize()
    sampled = f"{sample}; counts are scaled up to the whole shop; what is smaller than its ± may be none. "
    head = (
        f"### What would be sent, {over(sent)}\n\n"
        f"{counted(answer.customers, 'customer')}; something happens differently to **{answer.changed:,}**. "
        f"{sampled if answer.one_in > 1 else ''}{' '.join(CANNOT_KNOW)}\n"
    )
    told = [f"- {safe(in_all(sent, currency))}", *_sentences(answer, sent)]
    more = "\n" + cut_list(told, budget.sentences, "in a fold")
    rows = _rows(answer, sent, currency)
    if not rows:
        moved = f"\n{_without_rows(changed)}\n" if changed else ""
        return f"{head}{more}{moved}"
    table = markdown_table(_head(sent), rows[: budget.counts])
    rest = len(rows) - budget.counts
    cut = f"\n… and {counted(rest, 'more line')}: all in a fold\n" if rest > 0 else ""
    return f"{head}{more}\n{table}{cut}"


def sent_folds(
    answer: ReplayComparison, sent: Traffic, currency: str, budget: LineBudget
) -> Iterator[tuple[str, str]]:
    """Title and text of what does not stand before the folds."""
    if rows := list(daily_rows(sent, currency)):
        note = f"\n{safe(SAMPLE.format(sent.one_in))}\n" if sent.one_in > 1 else ""
        table = markdown_table(("a day", "before", "now", "difference"), rows)
        yield "What is sent a day, and what it costs", table + note
    told = _sentences(answer, sent)
    others = [_item(each) for each in (*competitions(sent), *learned_words(sent))]
    if len(told) + 1 > budget.sentences or others:
        found = told if len(told) + 1 > budget.sentences else []
        yield (
            "Who is still inside, who enters, and who competes for the same caps",
            fitting([f"{each}\n" for each in (*found, *others)]),
        )
    every = _rows(answer, sent, currency)
    if len(every) > budget.counts:
        yield "All that would be sent", markdown_table(_head(sent), every)


def _without_rows(changed: Sequence[JourneyComparison]) -> str:
    """What differs of journeys of which no count is told."""
    pairs = (pair for journey in changed for _, pair in count_lines(journey))
    if any(pair.before != pair.after for pair in pairs):
        return "No count differs by more than the sample may be off."
    enters = any(journey.enter or journey.enter_no_more for journey in changed)
    what = "other customers get it" if enters else "messages move in time"
    return f"Nothing is sent more or less often: {what}."


def _sentences(answer: ReplayComparison, sent: Traffic) -> list[str]:
    """What is to be looked at first before the others."""
    told = (
        *_sent_no_more(answer),
        *_open_at_end(answer, sent),
        *(f"{each.journey} {jump(each)}" for each in sent.jumps),
        *entries(sent),
        *members(sent),
        *people_inside(sent),
        *lost_to_caps(sent),
    )
    return [_item(each) for each in told]


def _item(sentence: str) -> str:
    # in parts: a long sentence of ours is not cut as one of an author
    return f"- {'; '.join(map(safe, sentence.split('; ')))}"


def _sent_no_more(answer: ReplayComparison) -> Iterator[str]:
    parts = [
        f"{journey.journey}: {each.template} via {each.channel} ({each.messages.before:,} before)"
        for journey in answer.journeys
        for each in journey.messages
        # what a sample met that rarely may still be sent
        if each.messages.before > (each.messages.margin or 0) and not each.messages.after
    ]
    if parts:
        yield f"never sent any more in these days: {'; '.join(parts)}"


def _open_at_end(answer: ReplayComparison, sent: Traffic) -> Iterator[str]:
    """Of which journeys more or fewer people are still inside where the recording ends: a wait that is only
    longer sends fewer messages until then, and none of them is lost."""
    parts = []
    for each in about_first(answer, sent.about):
        more = each.open.after - each.open.before
        if abs(more) > (each.open.margin or 0):
            margin = f" (± {each.open.margin:,})" if each.open.margin else ""
            parts.append(f"{each.journey} {abs(more):,} {'more' if more > 0 else 'fewer'}{margin}")
    if parts:
        yield (
            f"still inside where the recording ends: {'; '.join(parts)}; "
            "what is due to them after it is in no number here"
        )


def _rows(answer: ReplayComparison, sent: Traffic, currency: str) -> list[tuple[str, ...]]:
    """What differs, first what does so by most beyond what a sample may be off; of journeys that the change
    is not about only what does."""
    clear: list[tuple[int, tuple[str, ...]]] = []
    unclear: list[tuple[str, ...]] = []
    for journey in about_first(answer, sent.about):
        for words, pair in count_lines(journey):
            if pair.before == pair.after:
                continue
            row = (f"{journey.journey}: {words}", *counts(pair))
            if (clearly := abs(pair.after - pair.before) - (pair.margin or 0)) > 0:
                clear.append((clearly, row))
            elif journey.journey in sent.about:
                unclear.append(row)
        unclear += _cost_rows(journey, sent, currency)
    clear.sort(key=lambda each: -each[0])
    return [*(row for _, row in clear), *unclear]


def _cost_rows(journey: JourneyComparison, sent: Traffic, currency: str) -> Iterator[tuple[str, ...]]:
    cost = cost_line(journey, currency)
    # as numbers: of nothing sent it is "0", of messages that cost nothing "0.00"
    is_same = Decimal(journey.cost_before) == Decimal(journey.cost_after)
    if cost is not None and not is_same and journey.journey in sent.about:
        yield f"{journey.journey}: {cost[0]}", *cost[1:]
