"""Makes the reports that look at every customer, once a night, for shops where that takes longer than anybody
waits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from engine.core.journeys import Journeys
from engine.figures.reports import by_name as reports
from engine.figures.reports import nightly
from engine.store.database import Store
from engine.values import Instant

LIMITS: Mapping[str, int] = {
    name: kind.most_customers for name, kind in reports.KINDS.items() if kind.most_customers is not None
}
"""The reports, and of how many customers at most each is made while somebody waits."""


def make_reports(
    store: Store, journeys: Journeys, now: Instant, limits: Mapping[str, int] = LIMITS
) -> list[str]:
    """Makes those that are due, each read from one moment of the store. Their names."""
    made = []
    for name, most in limits.items():
        with store.read() as conn:
            if not nightly.is_due(conn, name, now, most):
                continue
            report = reports.made_at_night(conn, name, journeys, now)
        store.write(partial(nightly.keep, name=name, report=report))
        made.append(name)
    return made
