"""The nightly build of recommendations, for a shop that has some in its config.yaml."""

from __future__ import annotations

from collections.abc import Collection

from engine.core.recommendations.rule import Recommendation, fields_listed
from engine.store.database import Store
from engine.store.recommendations.build import BuildReport, build, built_at
from engine.values import Instant, local_date, zone


def build_nightly(
    store: Store, rules: Collection[Recommendation], timezone: str, now: Instant
) -> BuildReport | None:
    """Builds once per day of the shop's calendar, and at once where nothing was built yet. None: not now.

    It reads beside the writer and gives it what it found in chunks, so that nobody waits. After a crash the
    build before it stands, and the look is made again.
    """
    if not rules:
        return None
    with store.read() as conn:
        last = built_at(conn)
    place = zone(timezone)
    if last is not None and local_date(last, place) >= local_date(now, place):
        return None
    return build(store, fields_listed(rules), now)
