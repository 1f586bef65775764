"""Amounts of money as the tables keep them: whole millionths of their currency, which a database adds up
exactly."""

from __future__ import annotations

from decimal import Decimal

MONEY = 1_000_000
"""Parts of one unit of a currency."""

LARGEST = 1_000_000_000
"""Units of an amount that is kept: sums of such amounts stay within what a database keeps in one number."""


def stored(amount: Decimal | int | None) -> int | None:
    """An amount as it is kept; None: there is none, or no order costs that much."""
    return None if amount is None or not -LARGEST <= amount <= LARGEST else round(amount * MONEY)


def amount_of(parts: int | None) -> Decimal:
    """A kept amount; 0 for none."""
    return Decimal(parts or 0) / MONEY
