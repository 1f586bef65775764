"""Those who wait for a code of an empty pool get one as soon as there is one."""

from __future__ import annotations

from engine.core.journey import CodeStep
from engine.core.journeys import Journeys
from engine.store.database import Store
from engine.store.incentives import code_stock
from engine.values import Instant


def serve_waiting(store: Store, journeys: Journeys, now: Instant) -> int:
    """Serves every pool that somebody waits for, some hundred people in each transaction; how many got a
    code. Who waits for a pool that no step takes from any more asks anew."""
    with store.read() as conn:
        waited_for = code_stock.pools_waited_for(conn)
    if not waited_for:
        return 0
    files = {
        name
        for journey in journeys.by_name.values()
        for step in journey.steps
        if isinstance(step, CodeStep)
        for name, pool in step.pools.items()
        if pool.kind == "file"
    }
    total = 0
    for pool in waited_for:
        if pool not in files:
            store.write(lambda conn: code_stock.send_away(conn, pool, now))  # noqa: B023 - runs at once
            continue
        while served := store.write(lambda conn: code_stock.serve(conn, pool, now)):  # noqa: B023 - as above
            total += served
    return total
