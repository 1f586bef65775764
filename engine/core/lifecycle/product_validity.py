"""Whether what a run began with still holds: price and stock are asked again before each message
(design/language 2.4)."""

from __future__ import annotations

from decimal import Decimal

from engine.core.decision.transition import Transition
from engine.core.journey import ProductTrigger
from engine.core.products.signals import ProductSignal, why_over
from engine.core.reasons import SkipReason
from engine.values import Money


def why_start_is_over(transition: Transition) -> SkipReason | None:
    """Why a run that a change of a product began has nothing to say any more; None: it has, or the catalogue
    does not know the product."""
    run, context = transition.enrollment, transition.context
    kind = run.trigger.get("kind")
    product = context.facts.products.get(run.product_id) if run.product_id is not None else None
    if product is None or kind is None:
        return None
    # Another journey may have been published since: then nothing is asked of this start.
    triggers = [
        start
        for start in transition.journey.starts
        if isinstance(start, ProductTrigger) and start.kind == kind
    ]
    if not triggers:
        return None
    old = run.trigger.get("old_price")
    signal = ProductSignal(
        triggers[0].kind, str(run.product_id), Decimal(0), old if isinstance(old, Money) else None
    )
    least = min(trigger.by or 0 for trigger in triggers)
    return why_over(signal, least, product, context.journeys.currency)
