"""What the models are fitted to: on which days customers came, and what they spent on each.

Events of one day of the shop's calendar are one purchase. Times are in weeks, as in the papers, so that
parameters compare with published ones; nothing else depends on the unit.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from engine.values import DAY, at_local

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WEEK = 7.0
"""Days."""

_DAY_OF_1970 = dt.date(1970, 1, 1).toordinal()


def local_days(at: Integers, shop: ZoneInfo) -> Integers:
    """The ordinals of the calendar days of moments in a zone."""
    utc = np.unique(at // DAY) + _DAY_OF_1970
    # The local day is that of UTC or a neighbour, so that no other midnight has to be looked up.
    near = np.unique(np.concatenate([utc - 1, utc, utc + 1]))
    midnights = [at_local(dt.date.fromordinal(int(day)), dt.time.min, shop) for day in near]
    return near[np.searchsorted(np.array(midnights, dtype=np.int64), at, side="right") - 1]


@dataclass(frozen=True, slots=True)
class PurchaseHistories:
    """The purchase histories (x, t, T) of customers up to the end of a day, an entry for each. `customers`:
    their numbers, rising. `first`: their first day (an ordinal)."""

    customers: Integers
    first: Integers
    repeats: Floats  # days with an event after the first such day
    recency: Floats  # weeks from the first day to the last such day
    age: Floats  # weeks from the first day to the day up to which is counted
    paid: Floats  # days after the first on which an amount is known
    spend: Floats  # the mean amount of these days; NaN without any

    @property
    def repeaters(self) -> int:
        """Customers who came on a second day."""
        return int(np.count_nonzero(self.repeats))

    @property
    def payers(self) -> NDArray[np.bool_]:
        """Whose later days came to more than nothing."""
        return (self.paid > 0) & (np.nan_to_num(self.spend) > 0)


@dataclass(frozen=True, slots=True)
class HeldOutPurchases:
    """What customers did in the days that were held out, after their histories: days with an event, and their
    sum."""

    days: Floats
    amount: Floats


@dataclass(frozen=True, slots=True)
class PurchaseDays:
    """A row for each day on which a customer came, in the order of customers and days. `amount`: of all
    events of the day; NaN where none has one."""

    customer: Integers
    day: Integers
    amount: Floats

    @classmethod
    def of(cls, customer: Integers, day: Integers, amount: Floats) -> PurchaseDays:
        """From events in the order of customers and time."""
        if not len(customer):
            return cls(customer, day, amount)
        is_new = np.ones(len(customer), dtype=bool)
        is_new[1:] = (customer[1:] != customer[:-1]) | (day[1:] != day[:-1])
        starts = np.flatnonzero(is_new)
        is_known = ~np.isnan(amount)
        sums = np.add.reduceat(np.where(is_known, amount, 0.0), starts)
        has_one = np.add.reduceat(is_known.astype(np.int64), starts) > 0
        return cls(customer[starts], day[starts], np.where(has_one, sums, np.nan))

    def until(self, last: int) -> PurchaseHistories:
        """Everybody who had come by the end of a day."""
        table = self._days(np.iinfo(np.int64).min, last)
        customer, day, amount = table.customer, table.day, table.amount
        if not len(customer):
            nothing = np.zeros(0)
            whole = np.zeros(0, dtype=np.int64)
            return PurchaseHistories(whole, whole, nothing, nothing, nothing, nothing, nothing)
        is_first = np.ones(len(customer), dtype=bool)
        is_first[1:] = customer[1:] != customer[:-1]
        starts = np.flatnonzero(is_first)
        ends = np.append(starts[1:], len(customer)) - 1
        counts = is_first | np.isnan(amount)
        paid = np.add.reduceat((~counts).astype(np.float64), starts)
        total = np.add.reduceat(np.where(counts, 0.0, amount), starts)
        spend = np.divide(total, paid, out=np.full(len(paid), np.nan), where=paid > 0)
        first = day[starts]
        return PurchaseHistories(
            customer[starts],
            first,
            (ends - starts).astype(np.float64),
            (day[ends] - first) / WEEK,
            (last - first) / WEEK,
            paid,
            spend,
        )

    def held_out(self, histories: PurchaseHistories, after: int, last: int) -> HeldOutPurchases:
        """What those of `histories` did after a day, up to the end of another."""
        table = self._days(after + 1, last)
        place = np.searchsorted(histories.customers, table.customer)
        place = np.minimum(place, max(len(histories.customers) - 1, 0))
        is_known = (
            histories.customers[place] == table.customer
            if len(histories.customers)
            else np.zeros(len(place), dtype=bool)
        )
        place, amount = place[is_known], np.nan_to_num(table.amount[is_known])
        size = len(histories.customers)
        return HeldOutPurchases(
            np.bincount(place, minlength=size).astype(np.float64),
            np.bincount(place, weights=amount, minlength=size).astype(np.float64),
        )

    def _days(self, first: int, last: int) -> PurchaseDays:
        chosen = (self.day >= first) & (self.day <= last)
        return PurchaseDays(self.customer[chosen], self.day[chosen], self.amount[chosen])
