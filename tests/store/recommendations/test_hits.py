"""What became of recommended products, at the edges that no report asks for."""

from __future__ import annotations

from engine.store.database import Store
from engine.store.recommendations import hits


def test_of_no_span_there_are_no_figures(store: Store) -> None:
    with store.read() as conn:
        assert hits.between(conn, [], "order_placed", 1) == []
