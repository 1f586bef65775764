"""Parts of a text message, as the network counts and Twilio charges them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compiler.templates.text_parts import outside, parts


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # two septets each
        ("€" * 81, 2),
        (
            "a" * 152 + "€" + "a" * 152,
            3,
        ),  # the € does not fit into the first part and is not cut: 152, 154 septets
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("🎉" * 35, 1),
        ("🎉" * 36, 2),
        ("я" * 66 + "🎉" + "я" * 66, 3),
        ("’" + "a" * 70, 2),
    ],
)
def test_parts(text: str, count: int) -> None:
    assert parts(text) == count


def test_the_character_that_makes_it_long() -> None:
    assert (outside("price: 5 €"), outside("it’s"), outside("")) == ("", "’", "")


@given(st.text(max_size=500))
def test_more_text_never_takes_fewer_parts(text: str) -> None:
    assert 1 <= parts(text) <= parts(text + "a")
