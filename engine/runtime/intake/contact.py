"""Addresses as people give them, made into the one form that is kept: syntax only, nobody is asked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from engine.channel_kinds import kind_of

_LONGEST = 4096
_PLAIN = re.compile(r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@([A-Za-z0-9.-]{3,100})")
_LONGEST_LOCAL = 64
"""RFC 5321, 4.5.3.1.1."""
_SCHEME = re.compile(r"^\s*tel:\s*", re.IGNORECASE)
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks of direction and width that come along when a number is copied from a telephone."""


def contact(channel: str, text: str, country: str | None) -> str:
    """The address in the form that is kept. Raises ValueError that says what is wrong with it.

    E-mail by RFC 5321/6531 syntax; phone numbers in E.164, a national one needs the customer's `country`,
    since a guess would write to a stranger; tokens of other channels stay as they are.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    form = kind_of(channel).form
    if form == "email":
        try:
            return _plain_mailbox(text) or _mailbox(text)
        except EmailNotValidError as wrong:
            raise ValueError(f"this is no e-mail address: {wrong}") from wrong
    if form == "phone":
        return _phone(_SCHEME.sub("", _UNSEEN.sub("", text)), country)
    if not 0 < len(text) <= _LONGEST or not text.isprintable():
        raise ValueError("an address is a text of 1 to 4096 printable characters")
    return text


def _mailbox(text: str) -> str:
    # the server of the domain is not asked: intake has to be quick, and its answer would change by the hour
    checked = validate_email(text, check_deliverability=False, allow_smtputf8=True, test_environment=True)
    return checked.normalized


def _plain_mailbox(text: str) -> str | None:
    """The same for what nearly all addresses look like: letters and digits at a domain that was looked at
    before. None says nothing."""
    plain = _PLAIN.fullmatch(text)
    if plain is None or len(plain[1]) > _LONGEST_LOCAL:
        return None
    return f"{plain[1]}@{_domain(plain[2])}"


@lru_cache(maxsize=10_000)
def _domain(text: str) -> str:
    return _mailbox(f"a@{text}").partition("@")[2]


def is_national(name: str, text: object) -> bool:
    """Whether it is a phone number without the code of a country: which one is meant has to be known."""
    if kind_of(name).form != "phone" or isinstance(text, bool) or not isinstance(text, str | int):
        return False
    number = _SCHEME.sub("", _UNSEEN.sub("", unicodedata.normalize("NFKC", str(text)).strip()))
    return not number.startswith("+")


def _phone(text: str, country: str | None) -> str:
    region = country.strip().upper() if country and len(country.strip()) == 2 else None
    if not text.startswith("+") and region is None:
        raise ValueError(
            "a phone number begins with + and the country code, or the customer has a country,"
            " or shop.country in config.yaml says the usual one"
        )
    try:
        number = phonenumbers.parse(text, None if text.startswith("+") else region)
    except phonenumbers.NumberParseException as wrong:
        raise ValueError("this is no phone number") from wrong
    # not `is_possible_number`: that lets pass what can be dialled within one town, without the code
    # of the town
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError("no phone number has so many digits in this country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def channels_of(name: str, channels: Iterable[str]) -> list[str]:
    """The channels that the attribute `email` or `phone` is the address of."""
    if name == "phone":
        return [channel for channel in channels if kind_of(channel).by_phone]
    return [channel for channel in channels if channel == name]
