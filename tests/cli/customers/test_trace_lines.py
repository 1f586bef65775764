"""Lines of the trace in plain words."""

from __future__ import annotations

import datetime as dt

import pytest

from engine.cli.reports.trace_lines import sentence
from engine.core.decision.effects import Trace
from engine.values import Instant


@pytest.mark.parametrize(
    ("why", "says"),
    [
        ("suppressed", "the address is closed or the consent was withdrawn"),
        ("dry run", "it was a dry run, nothing is handed over"),
        ("expired", "its time was over"),
        ("refused", "the channel did not take it"),
        ("failed", "it could not be sent"),
        ("not on the deliver_only list", "the customer is not on the list deliver_only of config.yaml"),
        ("no address", "there is no address"),
    ],
)
def test_what_came_back_says_why(why: str, says: str) -> None:
    line = Trace(Instant(0), "note", "cart", "run", "reminder", 5, "email", f"returned: {why}")
    assert sentence(line, dt.UTC) == f"came back from email: {says}"


def test_another_note_stays_as_it_is() -> None:
    line = Trace(Instant(0), "note", "cart", "run", "reminder", 5, "winter", "no code left")
    assert sentence(line, dt.UTC) == "winter: no code left"
