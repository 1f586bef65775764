"""`report recommendations`: what was shown of each list, clicked and bought."""

from __future__ import annotations

from engine.figures.content import ReportContent, ReportScope
from engine.figures.metrics import Metric, Value, ratio
from engine.figures.number_format import time_shown
from engine.figures.report import Row, Table
from engine.store.counting import daily_counts
from engine.store.recommendations import hits
from engine.store.recommendations.hits import RecommendationSums, ShownSpan

_SHOWN = "on the day on which the message was written"
_BOUGHT = f"{_SHOWN}, whenever it was bought"

LIST_MESSAGES = Metric(
    "list_messages", "messages", "count", "messages that showed something of the list", "messages", _SHOWN, ""
)
LIST_CLICKED = Metric(
    "list_clicked", "clicked", "count",
    "of these, those in which a person clicked, wherever; scanners are left out", "messages", _SHOWN, "",
)  # fmt: skip
LIST_CLICK_RATE = Metric(
    "list_click_rate", "click rate", "share", "clicked / messages", "messages", _SHOWN, "messages"
)
SHOWN = Metric(
    "products_shown", "products shown", "count", "products of the list in these messages", "products, each "
    "once in a message", _SHOWN, "",
)  # fmt: skip
BOUGHT = Metric(
    "products_bought", "bought", "count",
    "hits: of the products shown those that the same customer ordered within `attribution: {click: }` of "
    "config.yaml behind the message, whether they clicked it or not", "products, each once in a message",
    _BOUGHT, "",
)  # fmt: skip
HIT_RATE = Metric(
    "hit_rate", "hit rate", "share", "bought / products shown", "products", _BOUGHT, "products shown"
)
RECOMMENDATIONS: tuple[Metric, ...] = (
    LIST_MESSAGES, LIST_CLICKED, LIST_CLICK_RATE, SHOWN, BOUGHT, HIT_RATE,
)  # fmt: skip


def recommendations(scope: ReportScope) -> ReportContent:
    """A line for each list, and below it one for each source that it took products from."""
    shop = daily_counts.shop(scope.conn)
    spans = [scope.span(period) for period in (scope.wanted.period, scope.before)]
    shown = [ShownSpan(span.begin, span.end) for span in spans]
    now, before = hits.between(scope.conn, shown, shop.order, shop.click)
    order = sorted({*now, *before}, key=lambda origin: (origin.name, origin.source))
    lines = [
        Row(
            f"{origin.name}, from {origin.source}" if origin.source else origin.name,
            _values(now.get(origin)), _values(before.get(origin)),
        )
        for origin in order
    ]  # fmt: skip
    table = Table("recommendations", "Recommended products", "list", RECOMMENDATIONS, tuple(lines))
    note = (
        f"Bought within {time_shown(shop.click)} behind the message. The last days still change, and a hit "
        "does not say that it would not have been bought without the message."
    )
    return ReportContent((table,), (note if lines else _NOTHING,))


_NOTHING = "No message has shown a recommended product in these days or before."


def _values(found: RecommendationSums | None) -> tuple[Value, ...]:
    sums = found or RecommendationSums()
    return (
        sums.messages, sums.clicked, ratio(sums.clicked, sums.messages), sums.shown, sums.bought,
        ratio(sums.bought, sums.shown),
    )  # fmt: skip
