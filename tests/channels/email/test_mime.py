"""The bytes of a mail, read with the standard library: the headers are those that were meant, whatever the
text holds."""

from __future__ import annotations

import email
import email.message
import email.policy
import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.base import Message
from engine.channels.mime import HeaderError, encoded_mailbox, mail_bytes, mailbox, message_id, self_test
from engine.values import Instant

NOW = Instant(1_782_000_000_000)
LONG_LINK = f"<https://news.example/u/{'a' * 400}>"
HOSTILE = st.sampled_from([
    "Hi\r\nBcc: evil@x.example", "a\nTo: evil@x.example", "a\rCc: x@y.example", "=?utf-8?q?=0D=0ABcc:_x?=",
    "=?", "?=", "=?utf-8?b?!?=",
    "x\u2028Bcc: y", "\x00", "\x85Bcc: y", "\ud800", "a" * 400, "\u202eevil", "e\u0301" * 100,
    ',;:<>@"\\()[]', "\t tab", "Привіт " * 30,
])  # fmt: skip
TEXT = st.text() | HOSTILE | st.lists(HOSTILE | st.text(max_size=10), max_size=4).map("".join)


def mail(**changes: object) -> Message:
    fields: dict[str, object] = {
        "key": "k1", "channel": "email", "address": "anna@example.com", "template": "t", "language": "en",
        "purpose": "marketing",
        "body": "text", "html": "<p>html</p>", "subject": "Hi", "sender": "Shop <hello@shop.example>",
        "headers": {"List-Unsubscribe": LONG_LINK, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    }  # fmt: skip
    return Message(**(fields | changes))  # type: ignore[arg-type]


def parsed(data: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(data, policy=email.policy.default)


def clean(text: str) -> str:
    return " ".join(re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text).split())


@given(subject=TEXT, name=TEXT, body=TEXT, html=TEXT)
def test_case_96_the_headers_are_the_ones_that_were_meant(
    subject: str, name: str, body: str, html: str
) -> None:
    sender = f'"{name}" <hello@shop.example>'
    try:
        data = mail_bytes(mail(subject=subject, sender=sender, body=body, html=html or "x"), "secret", NOW)
    except HeaderError:
        with pytest.raises(HeaderError):
            mailbox(sender)
        return
    read = parsed(data)
    assert sorted(read.keys()) == sorted([
        "Date", "From", "To", "Message-ID", "Subject", "MIME-Version", "List-Unsubscribe",
        "List-Unsubscribe-Post", "Content-Type",
    ])  # fmt: skip
    assert read["Subject"] == clean(subject)
    assert read["From"].addresses[0].addr_spec == "hello@shop.example"
    assert len(read["From"].addresses) == len(read["To"].addresses) == 1
    assert read["List-Unsubscribe"] == LONG_LINK
    assert f"\r\nList-Unsubscribe: {LONG_LINK}\r\n".encode() in data
    head = data.split(b"\r\n\r\n")[0]
    assert max(len(line) for line in head.split(b"\r\n") if b"List-" not in line) <= 78
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^ \r]*\?=", head))


@given(body=TEXT, html=TEXT.filter(bool))
def test_both_parts_come_back_and_every_line_is_fit_for_smtp(body: str, html: str) -> None:
    data = mail_bytes(mail(body=body, html=html), "secret", NOW)
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert not re.search(rb"[^\r]\n|\r[^\n]", data)
    text_part, html_part = parsed(data).iter_parts()
    assert (text_part.get_content_type(), html_part.get_content_type()) == ("text/plain", "text/html")
    for part, meant in ((text_part, body), (html_part, html)):
        payload = cast("bytes", part.get_payload(decode=True)).decode()
        assert payload.replace("\r\n", "\n").removesuffix("\n") == lines(meant).removesuffix("\n")


@given(lengths=st.lists(st.sampled_from([0, 1, 449, 899, 900, 901, 1_801]), min_size=1, max_size=5))
def test_ascii_stays_as_it_is_while_no_line_is_longer_than_900(lengths: list[int]) -> None:
    data = mail_bytes(mail(body="\n".join("x" * length for length in lengths), html=""), "secret", NOW)
    assert (b"Content-Transfer-Encoding: 7bit" in data) == (max(lengths) <= 900)
    assert max(map(len, data.split(b"\r\n"))) <= 998


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()


def test_the_message_id_is_the_same_in_every_attempt_and_says_nothing() -> None:
    first = mail_bytes(mail(), "secret", NOW)
    later = mail_bytes(mail(), "secret", Instant(NOW + 60_000))
    assert parsed(first)["Message-ID"] == parsed(later)["Message-ID"]
    assert first.split(b"\r\n", 1)[1] == later.split(b"\r\n", 1)[1]
    assert re.fullmatch(r"<[a-z2-7]{26}@shop\.example>", message_id("secret", "k1", "shop.example"))
    assert message_id("other", "k1", "shop.example") != message_id("secret", "k1", "shop.example")


@pytest.mark.parametrize(
    ("written", "header"),
    [
        ("a@b.example", "a@b.example"),
        ("Bean There <a@b.example>", "Bean There <a@b.example>"),
        ('"Bean, There" <a@b.example>', '"Bean, There" <a@b.example>'),
        ("Зерно <a@b.example>", "=?utf-8?b?0JfQtdGA0L3Qvg==?= <a@b.example>"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
    ],
)
def test_mailboxes_as_they_stand_in_a_header(written: str, header: str) -> None:
    assert encoded_mailbox(mailbox(written)) == header


@pytest.mark.parametrize(
    "written",
    [
        "", "a", "@b.example", "a@", "a@@b.example", "a@b.example, c@d.example", "a@b.example,c@d.example",
        "a@b.example\r\nBcc: x@y.example",
        '"a b"@c.example', "a@[127.0.0.1]", "a b@c.example", "a@b.example (comment)", "group: a@b.example;",
        "ü@b.example",
        "x" * 65 + "@b.example", "a@" + "x" * 64 + ".example", "a..b@c.example", ".a@b.example",
        "a@-b.example", "a@b..example",
        "A <a@b.example> <c@d.example>", "a@b.example\x00", "<a@b.example", "a@b.example>",
    ],
)  # fmt: skip
def test_case_97_what_is_not_one_mailbox_is_refused(written: str) -> None:
    with pytest.raises(HeaderError):
        mailbox(written)


@pytest.mark.parametrize(
    "headers",
    [
        {"X\r\nBcc": "x"}, {"X-A": "a\r\nBcc: x"}, {"X A": "a"}, {"List-Unsubscribe": "<https://ü>"},
        {"List-Unsubscribe": "<https://x>\r\nBcc: x@y.example"},
        {"List-Unsubscribe": "<https://x>\u2028x"}, {"List-Unsubscribe-Post": "x\x00"},
        {"List-Unsubscribe": "<https://x\n>"},
    ],
)  # fmt: skip
def test_case_96_headers_that_would_make_others_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(HeaderError):
        mail_bytes(mail(headers=headers), "secret", NOW)


def test_the_self_test_passes_here() -> None:
    self_test()
