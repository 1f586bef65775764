"""Forecasts over a whole base: seconds of a night, from the events to the values, the most memory it takes,
and how long others wait for the writer meanwhile.

The customers are made by the models themselves. Two facts look ahead, a chance and an expected sum. The first
night writes everybody; the second, a week later, whom it moves.
"""

from __future__ import annotations

import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.bystander import Bystander
from benchmarks.figures import Aim, Figure, figure
from engine.core.facts.rule import FactRule
from engine.core.journeys import Journeys
from engine.runtime.advance.forecasting import forecast, last_forecasts
from engine.store.customers.customer_codec import CustomerMarks, dump_marks
from engine.store.database import Store, open_store
from engine.store.sql import insert_many
from engine.values import DAY, Instant, Type

CUSTOMERS, SHORT = 1_000_000, 20_000
DAYS = 730
LAST = Instant(1_780_000_000_000)
JOURNEYS = Journeys(
    {},
    (
        FactRule("returns", "chance", "order_placed", None, Type("share"), ahead=90),
        FactRule("ahead", "expected sum", "order_placed", "total", Type("money"), ahead=90),
    ),
)
_CHUNK = 20_000
_DOCUMENTS = ("attributes", "folded", "memory", "seen", "segments", "reach")


def run(short: bool) -> list[Figure]:
    """Both nights of a made-up shop."""
    size = SHORT if short else CUSTOMERS
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as folder:
        store = open_store("sqlite:///shop.db", Path(folder))
        orders = _fill(store, size)
        before = _peak()
        for night, now in (("first", LAST), ("second", Instant(LAST + 7 * DAY))):
            with Bystander(store) as bystander:
                began = time.perf_counter()
                changed = forecast(store, JOURNEYS, now)
                seconds = time.perf_counter() - began
            with store.read() as conn:
                began = time.perf_counter()
                conn.exec_driver_sql("SELECT sum(length(CAST(fields AS TEXT))) FROM event").fetchall()
                bare = time.perf_counter() - began
                calibration = last_forecasts(conn)["returns"].calibration
            assert calibration is not None
            note = (
                f"{changed['returns']:,} chances and {changed['ahead']:,} sums written; held out:"
                f" {calibration.expected:,.0f} expected, {calibration.counted:,} came; others"
                f" waited {bystander.longest:.2f} s for the writer; {_peak() - before:,.0f} MB more at most"
            )
            what = f"{night} night of {size:,} customers, {orders:,} orders"
            figures.append(
                figure("forecast", what, "reading all events once", "s", [seconds], [bare], Aim(), note)
            )
        store.close()
    return figures


def _peak() -> float:
    """The most memory that the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fill(store: Store, size: int) -> int:
    """Customers of BG/NBD who spend by gamma-gamma. How many orders."""
    dice = np.random.default_rng(1)
    marks = dump_marks(CustomerMarks(), "")
    orders = 0
    for begin in range(0, size, _CHUNK):
        some = np.arange(begin, min(begin + _CHUNK, size))
        people = [
            {"bucket": 0, "id": f"c{number:07}", "zone": "UTC", "zone_why": "project", "applied": 0,
             "created_at": 0, **dict.fromkeys(_DOCUMENTS, "{}"), "marks": marks}
            for number in some.tolist()
        ]  # fmt: skip
        rate, leaving = dice.gamma(0.8, 1 / 8.0, len(some)) / 7, dice.beta(1.2, 4.0, len(some))
        nu, at = dice.gamma(4.0, 1 / 15.0, len(some)), dice.uniform(0, DAYS - 1, len(some))
        stays, turn = np.ones(len(some), dtype=bool), 0
        events: list[dict[str, object]] = []
        while np.any(stays := stays & (at < DAYS)):
            amounts = dice.gamma(6.0, 1 / nu)
            for place in np.flatnonzero(stays).tolist():
                orders += 1
                events.append({
                    "bucket": 0, "customer": people[place]["id"], "name": "order_placed",
                    "occurred_at": LAST - int((DAYS - at[place]) * DAY), "number": orders, "received_at": 0,
                    "id": "", "starts": False,
                    "fields": f'{{"total":{{"amount":{amounts[place]:.2f},"currency":"EUR"}}}}',
                })  # fmt: skip
            # Nobody leaves after the first.
            stays &= (turn == 0) | (dice.random(len(some)) >= leaving)
            at, turn = at + dice.exponential(1 / rate), turn + 1
        store.write(partial(insert_many, table="customer", records=people))
        store.write(partial(insert_many, table="event", records=events))
    return orders
