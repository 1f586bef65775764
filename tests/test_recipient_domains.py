"""Under which domain a message counts, and that no domain of a person is ever named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.recipient_domains import OTHERS, recipient_domain


@pytest.mark.parametrize(
    ("channel", "address", "domain"),
    [
        ("email", "anna@gmail.com", "gmail.com"),
        ("email", "Anna@GoogleMail.com ", "gmail.com"),
        ("email", "anna@hotmail.co.uk", "outlook.com"),
        ("email", "anna@live.fr", "outlook.com"),
        ("email", "anna@yahoo.com.br", "yahoo.com"),
        ("email", "anna@yahoo.mueller.example", OTHERS),  # somebody's own, whatever it begins with
        ("email", "anna@mail.yahoo.de", OTHERS),
        ("email", "anna@mueller.example", OTHERS),
        ("email", '"a@gmail.com"@mueller.example', OTHERS),
        ("email", "anna", ""),
        ("sms", "+49 170 1234567", "+49"),
        ("viber", "+359 88 123", "+359"),
        ("whatsapp", "+1 555 0100", "+1"),
        ("sms", "0170 1234567", ""),
        ("sms", "+999123", OTHERS),
        ("push", "token@gmail.com", ""),
    ],
)
def test_an_address_counts_under_its_provider_or_its_country(channel: str, address: str, domain: str) -> None:
    assert recipient_domain(channel, address) == domain


def test_a_shop_names_further_domains_and_no_provider_changes_by_it() -> None:
    named = ("firm.example", "hotmail.de")
    assert recipient_domain("email", "b@FIRM.example", named) == "firm.example"
    assert recipient_domain("email", "b@sub.firm.example", named) == OTHERS
    assert recipient_domain("email", "b@hotmail.de", named) == "hotmail.de"
    assert recipient_domain("email", "b@hotmail.fr", named) == "outlook.com"


@given(st.emails())
def test_whatever_the_address_no_more_of_it_is_told_than_a_provider(address: str) -> None:
    first = recipient_domain("email", address)
    # the same for somebody else there, and never a part of the name before the @
    assert recipient_domain("email", f"another@{address.rpartition('@')[2]}") == first
    assert first == OTHERS or recipient_domain("email", f"x@{first}") == first
