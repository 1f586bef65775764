"""The one table of channels: every phone is the same kind of phone, and a name decides nothing elsewhere."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.channel_kinds import BY_PHONE, ChannelKind, kind_of, normalised
from engine.runtime.intake.contact import channels_of, contact

ENGINE = Path(__file__).parents[1] / "engine"


def test_phones_are_one_list() -> None:
    assert BY_PHONE == ("sms", "whatsapp", "viber", "rcs", "phone")
    assert all(kind_of(channel).attribute == "phone" for channel in BY_PHONE)


@pytest.mark.parametrize("channel", BY_PHONE)
def test_every_phone_takes_one_form_of_a_number_from_people_and_of_what_is_closed(channel: str) -> None:
    assert contact(channel, "tel: 088 123-4567", "BG") == "+359881234567"
    assert normalised(channel, "+359 88/123-45-67") == "+359881234567"
    with pytest.raises(ValueError, match="a phone number begins with"):
        contact(channel, "088 123-4567", None)


def test_the_attribute_phone_is_the_address_of_every_phone() -> None:
    assert channels_of("phone", ["email", "rcs", "sms", "push"]) == ["rcs", "sms"]
    assert channels_of("email", ["email", "rcs"]) == ["email"]


@pytest.mark.parametrize("channel", ["push", "telegram", "pigeon"])
def test_other_addresses_are_kept_as_they_come(channel: str) -> None:
    assert contact(channel, "To ken+1", "BG") == normalised(channel, "To ken+1") == "To ken+1"


def test_of_an_unknown_name_nothing_is_taken_for_granted() -> None:
    assert kind_of("pigeon") == ChannelKind()
    assert kind_of("pigeon").attribute == ""


def test_no_other_file_lists_channels_by_phone() -> None:
    lists = re.compile(r"[\"'](?:sms|whatsapp|viber|rcs)[\"'][^\"'\n]{1,12}[\"'](?:whatsapp|viber|rcs)[\"']")
    files = [path for path in ENGINE.rglob("*.py") if lists.search(path.read_text(encoding="utf-8"))]
    # Twilio has these two, which `kind:` tells apart
    assert {str(path.relative_to(ENGINE)) for path in files} <= {
        "config/channels/twilio.py", "channels/twilio/channel.py", "channels/twilio/request.py",
    }  # fmt: skip


@settings(deadline=None)  # the first one loads the tables of international domains
@given(
    st.text("aZ9_+-.!é", min_size=1, max_size=70),
    st.sampled_from(["example.com", "EXAMPLE.com", "münchen.example", "-a.example", "a..example", "example"]),
)
def test_a_plain_address_is_read_as_any_other(local: str, domain: str) -> None:
    def read(text: str) -> str:
        try:
            return contact("email", text, None)
        except ValueError as wrong:
            return str(wrong)

    def read_slowly(text: str) -> str:
        try:
            return validate_email(
                unicodedata.normalize("NFKC", text).strip(),
                check_deliverability=False, allow_smtputf8=True, test_environment=True,
            ).normalized  # fmt: skip
        except EmailNotValidError as wrong:
            return f"this is no e-mail address: {wrong}"

    assert read(f"{local}@{domain}") == read_slowly(f"{local}@{domain}")
