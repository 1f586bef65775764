"""One mailbox written in many ways is one mailbox; two are never taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.intake.mailbox_aliases import mailbox_of


@pytest.mark.parametrize(
    ("mailbox", "written"),
    [
        ("annab@gmail.com",
         ["Anna.B@gmail.com", "annab+shop@googlemail.com", "a.n.n.a.b@GMAIL.COM", "annab@gmail.com."]),
        ("annab@proton.me",
         ["anna.b@protonmail.com", "anna-b@pm.me", "ANNA_B+x@proton.me", "anna.b@protonmail.ch"]),
        ("anna-b@yandex.ru",
         ["anna.b@yandex.ru", "anna-b@ya.ru", "Anna.B+x@yandex.com", "anna.b@yandex.com.tr"]),
        ("anna.b@icloud.com", ["anna.b@me.com", "anna.b+x@mac.com", "ANNA.B@icloud.com"]),
        ("anna@fastmail.com", ["anna+x@fastmail.com", "shop@anna.fastmail.com", "x+y@ANNA.fastmail.com"]),
        ("anna@fastmail.fm", ["anything@anna.fastmail.fm"]),
        ("anna@runbox.com", ["anything@anna.runbox.com"]),
        ("anna.b@outlook.com", ["Anna.B@outlook.com", "anna.b+shop@outlook.com"]),
        ("anna@yahoo.com", ["anna-shop@yahoo.com", "anna-news+x@yahoo.com"]),
        ("anna.b@example.com", ["anna.b+x@example.com", "ANNA.B@Example.com", "ａnna.b@example.com"]),
    ],
)  # fmt: skip
def test_every_way_of_writing_a_mailbox_is_one(mailbox: str, written: list[str]) -> None:
    assert {mailbox_of(address) for address in written} == {mailbox}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna.b@example.com", "annab@example.com"),
        ("anna.b@icloud.com", "annab@icloud.com"),
        ("anna.b@outlook.com", "annab@hotmail.com"),
        ("anna@fastmail.com", "anna@fastmail.fm"),
        ("a@anna.example.com", "b@anna.example.com"),
        ("anna-x@gmail.com", "anna@gmail.com"),
        ("anna@mail.ru", "anna@bk.ru"),
        ("anna_b@yandex.ru", "anna-b@yandex.ru"),
    ],
)
def test_two_mailboxes_are_two(one: str, other: str) -> None:
    assert mailbox_of(one) != mailbox_of(other)


@pytest.mark.parametrize(
    "address", ["+@example.com", "...@gmail.com", "+x@gmail.com", "-@yahoo.com", "@", "", "x"]
)
def test_what_is_nothing_but_marks_is_still_something(address: str) -> None:
    assert mailbox_of(address)


@given(
    st.text(max_size=60),
    st.sampled_from(["gmail.com", "proton.me", "yandex.ru", "anna.fastmail.com", "x.org"]),
)
def test_any_text_has_a_name_that_stays(local: str, domain: str) -> None:
    once = mailbox_of(f"{local}@{domain}")
    assert mailbox_of(once) == once or "@" in local
