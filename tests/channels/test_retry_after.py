"""Whatever stands in Retry-After, the wait is a sane one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.egress import LONGEST_WAIT, retry_after_seconds
from engine.values import Instant

NOW = Instant(1_782_000_000_000)  # Sun, 21 Jun 2026 00:00:00 GMT


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 21 Jun 2026 00:02:00 GMT", 120.0),
        ("Sun, 21 Jun 2026 00:02:00 -0000", 120.0),
        ("Sat, 20 Jun 2026 00:00:00 GMT", 0.0),
        ("Sun, 21 Jun 2099 00:00:00 GMT", LONGEST_WAIT),
        ("1000000000", LONGEST_WAIT),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        (None, None),
        ("9" * 5_000, None),
        ("Sun, 31 Feb 2026 25:61:00 GMT", None),
    ],
)
def test_case_37_every_retry_after_is_honoured_or_capped(header: str | None, wait: float | None) -> None:
    assert retry_after_seconds(header, NOW) == wait


@given(st.text(max_size=70))
def test_case_37_no_header_breaks_anything(header: str) -> None:
    wait = retry_after_seconds(header, NOW)
    assert wait is None or 0 <= wait <= LONGEST_WAIT
