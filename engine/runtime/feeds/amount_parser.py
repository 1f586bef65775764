"""Amounts, numbers and yes or no as shops write them in feeds."""

from __future__ import annotations

import re

from engine.runtime.feeds.feed_item import InvalidFeedValue, shown

_SIGNS = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "₴": "UAH",
    "грн": "UAH",
    "грн.": "UAH",
    "zł": "PLN",
    "₽": "RUB",
}
_OLD = {"RUR": "RUB", "BYR": "BYN"}
"""Codes of money that YML files still carry."""

_AMOUNT = re.compile(
    r"(?P<before>[A-Za-z]{3}|[€$£₴])?\s*(?P<digits>-?[0-9][0-9.,\s\u00a0\u202f']*)\s*"
    r"(?P<after>[A-Za-z]{3}|[€$£₴₽]|грн\.?|zł)?"
)
_BLANKS = re.compile("[\\s\u00a0\u202f']")
_POINT = re.compile(r"-?\d{1,3}(,\d{3})+\.\d+|-?\d+(\.\d+)?")
_COMMA = re.compile(r"-?\d{1,3}(\.\d{3})+,\d+|-?\d+,\d{1,2}")


def amount(name: str, text: object, currency: str = "") -> str:
    """`19.99 EUR` of `19.99 EUR`, `EUR 19.99`, `1 299,00 грн`; without a currency of its own the given one.
    Raises InvalidFeedValue where nobody can tell what is meant (`1,299`)."""
    match = _AMOUNT.fullmatch(str(text).strip())
    digits = _BLANKS.sub("", match["digits"]) if match else ""
    if _POINT.fullmatch(digits):
        plain = digits.replace(",", "")
    elif _COMMA.fullmatch(digits):
        plain = digits.replace(".", "").replace(",", ".")
    else:
        raise InvalidFeedValue(
            name,
            text,
            f"{shown(text)} is not an amount of money",
            "write a number with a point and the currency: 19.99 EUR",
        )
    assert match is not None
    sign = match["before"] or match["after"] or currency
    own = currency_of(sign)
    return f"{plain} {own}" if own else plain


def price(name: str, text: object, currency: str = "") -> str:
    """As `amount`, for what somebody has to pay: more than nothing."""
    written = amount(name, text, currency)
    if not written.partition(" ")[0].strip("0."):
        raise InvalidFeedValue(
            name, text, f"{shown(text)} is no price that anybody can pay",
            "leave out products whose price is not known",
        )  # fmt: skip
    if written.startswith("-"):
        raise InvalidFeedValue(name, text, f"{shown(text)} is below zero", "write what a customer pays")
    return written


def currency_of(sign: str) -> str:
    """The code of a currency by its sign, and the present one of an old one."""
    known = _SIGNS.get(sign.casefold(), sign.upper())
    return _OLD.get(known, known)


def as_bool(text: object) -> bool | None:
    """True or false in the words of feeds; None for neither."""
    word = str(text).strip().casefold()
    if word in ("true", "1", "yes", "y", "+", "так", "да"):
        return True
    return False if word in ("false", "0", "no", "n", "-", "ні", "нет", "") else None
