"""What config.yaml means."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from engine.config import Config, RateLimit, Secret
from engine.config.channels import VIAS, Options
from engine.config.channels.email import EmailOptions
from engine.config.channels.twilio import TwilioOptions
from engine.config.channels.webpush import WebPushOptions
from engine.config.file import read_config
from engine.core.policy import Cap, Policy, Quiet
from engine.values import HOUR, Duration

SAMPLE = Path(__file__).parent.parent / "cases" / "project" / "config.yaml"


@pytest.fixture
def config() -> Config:
    found, problems = read_config(SAMPLE.read_bytes())
    assert problems == []
    return found


def test_channels_have_prices_rates_and_options(config: Config) -> None:
    email, sms = config.channels["email"], config.channels["sms"]
    assert (email.via, email.price, email.currency) == ("smtp", Decimal("0.0004"), "EUR")
    assert email.rate == RateLimit(50, 1)
    assert email.options == EmailOptions("localhost", port=25)
    assert email.sender == "Bean There <hello@shop.example>"
    assert sms.rate == RateLimit(1000, 3600)
    assert sms.options_as(TwilioOptions).token == Secret("env:TWILIO_AUTH_TOKEN")
    assert config.channels["push"].rate is None


def test_a_push_may_be_kept_for_a_day_and_for_four_weeks_at_most() -> None:
    text = (
        "channels:\n  push: {{via: webpush, subject: 'mailto:a@shop.example', private_key: env:KEY, ttl: "
        "{}}}\n"
    )
    found, problems = read_config(text.format(86_400))
    assert (problems, found.channels["push"].options_as(WebPushOptions).ttl) == ([], 86_400)
    for wrong in (28 * 86_400 + 1, 0, 10**30, "a day"):
        _, problems = read_config(text.format(wrong))
        assert [each.why for each in problems] == ["ttl is a whole number from 1 to 2419200"]


@pytest.mark.parametrize("headers", ["x", "{X-A: [1, 2]}", "[X-A]"])
def test_headers_of_mails_are_names_with_texts(headers: str) -> None:
    text = (
        f'channels: {{email: {{via: smtp, host: 127.0.0.1, from: "hello@shop.example", headers: {headers}}}}}'
    )
    assert [problem.code for problem in read_config(text)[1]] == ["E84"]


def test_nothing_behind_an_option_says_nothing() -> None:
    text = "channels: {email: {via: smtp, host: 127.0.0.1, from: hello@shop.example, user: , headers: {}}}"
    found, problems = read_config(text)
    assert (problems, found.channels["email"].options) == ([], EmailOptions("127.0.0.1"))


def test_every_option_of_a_channel_is_a_field_of_its_record() -> None:
    shared = {"via", "price", "rate", "unknown", "from", "reply_to", "timeout"}
    in_other_fields = {
        "http": {"token", "secret", "password", "idempotency"},
        "apprise": {"token", "secret", "password"},
    }
    assert {record.via for record in get_args(Options)} == set(VIAS)
    for record in get_args(Options):
        keys = {key.name for key in VIAS[record.via].keys} - shared - in_other_fields.get(record.via, set())
        assert keys <= {field.name for field in fields(record)}, record.via


def test_policies_have_quiet_hours_and_caps(config: Config) -> None:
    marketing = config.policies["marketing"]
    assert marketing.consent == "marketing"
    assert marketing.quiet == Quiet(dt.time(21), dt.time(9))
    assert marketing.caps == (Cap(1, "day"), Cap(4, "week"), Cap(2, "month", "sms"))
    assert marketing.too_late == Duration(elapsed=24 * HOUR)
    assert config.policies["service"] == Policy("service", consent=None)


@pytest.mark.parametrize(
    ("written", "quiet"),
    [
        ("weekdays: workdays", Quiet(dt.time(0), dt.time(0), (0, 1, 2, 3, 4))),
        ("weekdays: [Tuesday, Thursday], quiet: 21:00-09:00", Quiet(dt.time(21), dt.time(9), (1, 3))),
        ("weekdays: [workdays, weekend], quiet: none", None),
    ],
)
def test_a_policy_may_have_days_of_the_week(written: str, quiet: Quiet | None) -> None:
    config, problems = read_config(f"shop: {{name: A}}\npolicies: {{calm: {{{written}}}}}\n")
    assert [problem for problem in problems if problem.code == "E30"] == []
    assert config.policies["calm"].quiet == quiet


def test_a_policy_that_leaves_a_key_out_has_its_default(config: Config) -> None:
    patient = config.policies["patient"]
    assert (patient.quiet, patient.caps) == (None, ())
    assert (patient.if_capped, patient.wait_up_to) == ("wait", Duration(days=2))


def test_pools_webhooks_and_the_rest(config: Config) -> None:
    assert config.codes["WELCOME10"].pattern == "WELCOME-????-????"
    assert config.codes["CARTSHIP"].code == "SHIPFREE"
    assert config.codes["COMEBACK20"].path == "codes/comeback.csv"
    assert config.webhooks["crm_call_task"].secret == Secret("env:CRM_SECRET")
    assert (config.http.host, config.http.port) == ("127.0.0.1", 8080)
    assert (config.holdout, config.languages) == (2, ("en", "bg"))


def test_a_broken_part_leaves_the_others_readable() -> None:
    found, problems = read_config(
        SAMPLE.read_text().replace("Europe/Berlin", "CET").replace("via: smtp", "via: x")
    )
    assert [problem.code for problem in problems] == ["E84", "E84"]
    assert found.timezone == "UTC"
    assert list(found.channels) == ["sms", "push"]


@pytest.mark.parametrize("caps", ["{}", "[]", "none"])
def test_no_caps_may_be_written_as_an_empty_map_or_list(caps: str) -> None:
    text = SAMPLE.read_text().split("policies:")[0] + f"policies:\n  orders: {{caps: {caps}}}\n"
    found, problems = read_config(text.encode())
    assert (found.policies["orders"].caps, problems) == ((), [])


def test_an_empty_map_among_the_caps_is_no_crash() -> None:
    text = SAMPLE.read_text().split("policies:")[0] + "policies:\n  orders: {caps: [{}, 1 a day]}\n"
    found, _ = read_config(text.encode())
    assert len(found.policies["orders"].caps) == 1
