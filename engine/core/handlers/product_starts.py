"""Starts by the catalogue (design/language 2.4).

Stories, replay and the daemon find the customers who touched a product in their own ways and tell each of
them the change (`ProductChanged`). Whether it starts anything, and when, is decided here alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.conditions.trace_values import words
from engine.core.decision.decision_context import DecisionContext
from engine.core.decision.effects import Trace
from engine.core.happening import Event, ProductChanged
from engine.core.journey import Journey, ProductTrigger
from engine.core.lifecycle.trigger import Start, missed, start, start_key, trace_ignored
from engine.core.products.signals import (
    Collecting,
    ProductSignal,
    joined_signal,
    largest,
    percent,
    present_signal,
    signals_of,
    why_over,
)
from engine.core.products.watched import BOUGHT, Touches, is_watcher, touched_products
from engine.core.reasons import IgnoredReason
from engine.core.subscriptions import JourneySubscription
from engine.values import DAY, Duration, Instant, Type, Value, minus, plus

MOST_COLLECTED = 100
"""So many products are kept of one start; of more the largest drops."""

_PRICE = Type("money")


def may_concern(
    triggers: Iterable[ProductTrigger],
    signals: Iterable[ProductSignal],
    touches: Touches,
    at: Instant,
) -> bool:
    """Whether a change may start a journey for a customer with these touches, for callers who choose whom
    to tell: it may say yes too often, since it knows no time zone, but never no."""
    return any(
        _fits(trigger, signal, touches, _long_before(at, trigger.within))
        for trigger in triggers
        for signal in signals
    )


def start_by_product(context: DecisionContext, change: ProductChanged) -> None:
    """A product that this customer touched has changed: of each journey the first start that it fits."""
    # the usual case: most products that change were touched by nobody
    if not change.touches or not context.index.product_starts:
        return
    currency = context.journeys.currency
    found = signals_of(change.product_id, change.before, change.fields, currency, change.seen)
    signals = {signal.kind: signal for signal in found}
    for subscription, triggers in context.index.product_starts:
        for trigger in triggers:
            signal = signals.get(trigger.kind)
            since = minus(change.at, trigger.within, context.facts.zone)
            if signal is None or not _fits(trigger, signal, change.touches, since):
                continue
            if trigger.collect is None:
                _start(context, subscription, trigger, (signal,), change.at, change.number)
            else:
                _collect(context, subscription.journey, trigger, signal, change.at)
            # one start of each journey, the first that fits
            break


def end_collecting(context: DecisionContext) -> None:
    """What was collected long enough becomes starts, the oldest first."""
    ended = [
        (collecting.until, journey)
        for journey, collecting in context.collecting.items()
        if collecting.until <= context.now
    ]
    for _, journey in sorted(ended):
        _start_collected(context, journey)


def forget_bought(context: DecisionContext, event: Event) -> None:
    """Who buys a product while changes of it are collected is not told of it."""
    watch = context.journeys.watch
    if watch.get(event.name) != BOUGHT:
        return
    bought = touched_products(event, watch)
    for journey, collecting in list(context.collecting.items()):
        kept = tuple(signal for signal in collecting.signals if signal.product not in bought)
        if not kept:
            del context.collecting[journey]
        elif len(kept) < len(collecting.signals):
            context.collecting[journey] = Collecting(collecting.kind, collecting.until, kept)


def _long_before(at: Instant, length: Duration) -> Instant:
    """Not later than `length` before a moment, in whatever time zone."""
    return Instant(at - length.roughly() - (2 + 2 * length.months) * DAY)


def _fits(trigger: ProductTrigger, signal: ProductSignal, touches: Touches, since: Instant) -> bool:
    return (
        trigger.kind == signal.kind
        and (trigger.by is None or signal.by >= trigger.by)
        and is_watcher(trigger.watchers, touches, since)
    )


def _collect(
    context: DecisionContext, journey: Journey, trigger: ProductTrigger, signal: ProductSignal, at: Instant
) -> None:
    collecting = context.collecting.get(journey.name)
    # What happened is applied before what is due: after a downtime the end may lie before this change.
    if collecting is not None and (collecting.until < at or collecting.kind != signal.kind):
        _start_collected(context, journey.name)
        collecting = None
    if collecting is None:
        # The first change sets the end, the others only join it.
        assert trigger.collect is not None
        collecting = Collecting(signal.kind, plus(at, trigger.collect, context.facts.zone), ())
        context.add_trace(
            Trace(context.now, "note", journey.name, "", "", trigger.line, "collecting", _words(signal))
        )
    signals = {known.product: known for known in collecting.signals}
    first = signals.get(signal.product)
    signals[signal.product] = signal if first is None else joined_signal(first, signal)
    kept = tuple(signals.values())
    if len(kept) > MOST_COLLECTED:
        # the message names the largest
        smallest = min(kept, key=lambda known: known.by)
        kept = tuple(known for known in kept if known is not smallest)
    context.collecting[journey.name] = Collecting(collecting.kind, collecting.until, kept)


def _start_collected(context: DecisionContext, name: str) -> None:
    # taken out first: whatever becomes of it, it is over
    collecting = context.collecting.pop(name)
    subscription = context.index.subscriptions.get(name)
    # A journey that was taken out of the files while it was collecting.
    if subscription is None:
        return
    for trigger in subscription.journey.starts:
        if isinstance(trigger, ProductTrigger) and trigger.kind == collecting.kind:
            signals = _still_true(context, trigger, collecting)
            if signals:
                _start(context, subscription, trigger, signals, collecting.until, context.number)
            else:
                what = ", ".join(signal.product for signal in collecting.signals[:3])
                why = f"what was collected does not hold any more: {what}"
                trace_ignored(context, subscription.journey, trigger.line, IgnoredReason.OVER, why)
            return
    why = f"it does not start with {collecting.kind} any more"
    trace_ignored(context, subscription.journey, 0, IgnoredReason.CHANGED, why)


def _still_true(
    context: DecisionContext, trigger: ProductTrigger, collecting: Collecting
) -> tuple[ProductSignal, ...]:
    """What was collected, as the catalogue is now; a product of which nothing is known stays as it was."""
    currency, kept = context.journeys.currency, []
    for signal in collecting.signals:
        product = context.facts.products.get(signal.product)
        if product is None:
            kept.append(signal)
        elif why_over(signal, trigger.by, product, currency) is None:
            kept.append(present_signal(signal, product, currency))
    return tuple(kept)


def _start(
    context: DecisionContext,
    subscription: JourneySubscription,
    trigger: ProductTrigger,
    signals: tuple[ProductSignal, ...],
    at: Instant,
    number: int,
) -> None:
    """One start with the largest drop, all products beside it."""
    signal = largest(signals)
    fields: dict[str, Value] = {
        "kind": signal.kind,
        "product_id": signal.product,
        "by": percent(signal),
        "products": tuple(known.product for known in signals),
    }
    if signal.old is not None and signal.new is not None:
        fields |= {"old_price": signal.old, "new_price": signal.new}
    # before the key: what comes too late takes no place of a start
    if missed(context, at):
        why = f"{signal.kind} is too old"
        trace_ignored(context, subscription.journey, trigger.line, IgnoredReason.LATE, why)
        return
    key = start_key(context, subscription.journey, trigger, signal.kind, fields)
    if key is None:
        return
    others = f", the largest of {len(signals)} changes" if len(signals) > 1 else ""
    cause = f"{_words(signal)}{others}"
    start(context, subscription, Start(key, at, number, fields, line=trigger.line, cause=cause))


def _words(signal: ProductSignal) -> str:
    """What happened to the product, for the history of the customer."""
    match signal.kind:
        case "price_drop":
            prices = f"from {words(signal.old, _PRICE)} to {words(signal.new, _PRICE)}"
            return f"the price of {signal.product} fell {prices} ({percent(signal)}%)"
        case "back_in_stock":
            return f"{signal.product} came back in stock"
        case "low_stock":
            return f"{signal.product} runs low"
