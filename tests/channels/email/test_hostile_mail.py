"""Any bytes are a mail: reading one never raises, and is never slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.channels.email.mail_reports import read_mail
from engine.channels.mime import token_of
from tests.channels.email.test_report_families import exim, qmail, text
from tests.mails import complaint, delivery_report, plain

SECONDS = 2.0
"""A mail has a second; twice that, for machines that do other things as well."""

MEGABYTE = 1_048_576
SERVER = b"Return-Path: <>\nFrom: MAILER-DAEMON@mx.test\nSubject: failure notice\n"
HTML = SERVER + b"Content-Type: text/html\n\n"
PLAIN = SERVER + b"\n"
TOKEN = token_of("secret", "key-1")


def nested(depth: int) -> bytes:
    return SERVER + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(depth)
    )


def of_parts(kind: bytes, part: bytes) -> bytes:
    return SERVER + b"Content-Type: multipart/%s; boundary=b\n\n" % kind + part


GROUP = (
    b"Final-Recipient: rfc822; a%d@b.test\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 %s\n\n"
)

SLOW = {
    "comments without end": b"To: " + b"(" * 1_500 + b"\n\n",
    "a header of comments": b"To: " + b"(" * MEGABYTE,
    "groups without end": b"To: " + b"a:" * 500_000,
    "many addresses in a header": b"To: " + b"<a@b.c>,\n " * 100_000,
    "a thousand parts in each other": nested(1_000),
    "parts in each other, large": nested(20_000),
    "mails in each other": SERVER + b"Content-Type: message/rfc822\n\n" * 30_000,
    "many parts": of_parts(b"mixed", b"--b\n\nx\n" * 130_000),
    "a boundary that is everywhere": (
        SERVER + b"""Content-Type: multipart/mixed; boundary="-"\n\n""" + b"\n---" * 200_000
    ),
    "a boundary that begins others": of_parts(b"mixed", b"\n--bb" * 200_000),
    "folded without end": SERVER + b"X: y" + b"\n \t" * 300_000,
    "blank lines that are none": PLAIN + b"\n \t" * 300_000,
    "addresses, line by line": PLAIN + b"<a@b.c>\n" * 100_000,
    "many headers": b"X: y\n" * 200_000,
    "a subject of encoded words": b"Subject: " + b"=?utf-8?b?YQ==?=" * 60_000,
    "a date of numbers": b"Date: " + b"1 " * 500_000,
    "parameters without end": b"Content-Type: a" + b";" * 500_000,
    "quoted headers": PLAIN + b"Message-ID:\n" * 80_000,
    "quoted headers, folded": PLAIN + (b"Return-Path:" + b"<" * 3_990 + b"\n") * 250,
    "references": b"References: " + b"<" * 500_000,
    "tags that are not closed": HTML + b"<" * MEGABYTE,
    "styles that are not closed": HTML + b"<style>" * 150_000,
    "entities": HTML + b"&amp" * 250_000,
    "broken base64": SERVER + b"Content-Transfer-Encoding: base64\n\n" + b"=A" * 500_000,
    "broken quoted-printable": SERVER + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * MEGABYTE,
    "a slow codec": SERVER + b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 500_000,
    "a codec that is no character set": (
        SERVER + b"Content-Type: text/plain; charset=zlib\n\n" + b"x" * 500_000
    ),
    "half characters": SERVER + b"Content-Type: text/plain; charset=utf-16\n\n" + b"\xd8\x00" * 500_000,
    "escapes": PLAIN + b"\x1b$B" * 300_000,
    "rules": PLAIN + b"-" * MEGABYTE,
    "rules, line by line": PLAIN + (b"-" * 60 + b"\n") * 17_000,
    "quotes": PLAIN + b">" * MEGABYTE,
    "one word": PLAIN + b"a" * MEGABYTE,
    "at signs": PLAIN + b"a@" * 500_000,
    "answers": PLAIN + b"550 5.1.1 x 550-5.7.1 " * 40_000,
    "answers, line by line": PLAIN + b"550 \n" * 200_000,
    "words of every meaning": PLAIN + b"user recipient not address mailbox is no such quota full " * 18_000,
    "words that doubt": PLAIN + b"550 may a b c " * 70_000,
    "groups of a report": of_parts(b"report", b"--b\nContent-Type: message/delivery-status\n\n")
    + b"".join(GROUP % (number, b"user is address " * 40) for number in range(1_300)),
    "blank groups of a report": of_parts(b"report", b"--b\nContent-Type: message/delivery-status\n\n")
    + b"\n\t " * 300_000,
    "failed recipients": (
        b"X-Failed-Recipients: " + b",".join(b"a%d@b.c" % n for n in range(50_000)) + b"\n\n"
    ),
    "a notice of notices": SERVER + b'\n{"notificationType":"Bounce","bouncedRecipients":[' * 15_000,
    "zeros": b"\0" * MEGABYTE,
    "carriage returns": b"\r" * MEGABYTE,
    "no text at all": b"\xff" * MEGABYTE,
    "more than is looked at": PLAIN + b"x" * (3 * MEGABYTE),
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_no_mail_is_slow(name: str) -> None:
    began = time.perf_counter()
    assert read_mail(SLOW[name]).kind
    assert time.perf_counter() - began < SECONDS


REAL = (
    delivery_report(
        f"bounces+{TOKEN}@shop.example", ("anna@example.com", "5.1.1", "550 5.1.1 user unknown"), quoted=TOKEN
    ),
    complaint(TOKEN),
    plain(f"unsub+{TOKEN}@shop.example"),
    qmail("192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 user unknown"),
    exim("SMTP error from remote mail server after RCPT TO:<anna@example.com>: 552 mailbox full"),
    text("メールは配信できませんでした。", charset="iso-2022-jp"),
    text('{"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":"a@b.test"}]}}'),
)  # fmt: skip
SCRAPS = (
    b"\n\n", b"--b1", b"(", b"\x1b$B", b"\xff\xfe", b"=?utf-8?q?", b"\0", b"<", b"550 ", b": ", b"\r",
    b"Content-Type: multipart/mixed; boundary=b1\n", b"Content-Transfer-Encoding: base64\n",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A mail with parts of it taken out, said again and again, or put somewhere else."""
    raw = draw(st.sampled_from(REAL))
    for _ in range(draw(st.integers(1, 6))):
        begin = draw(st.integers(0, len(raw)))
        end = min(len(raw), begin + draw(st.integers(0, 300)))
        scrap = draw(st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=40), st.just(raw[begin:end])))
        raw = raw[:begin] + scrap * draw(st.integers(0, 50)) + raw[end if draw(st.booleans()) else begin :]
    return raw


@settings(deadline=None)
@given(st.binary(max_size=3_000))
def test_reading_any_bytes_never_raises(raw: bytes) -> None:
    assert read_mail(raw).kind
    assert read_mail(of_parts(b"report", b"--b\nContent-Type: message/delivery-status\n\n") + raw).kind
    assert read_mail(PLAIN + raw).kind


@settings(max_examples=200, deadline=None)
@given(mutated())
def test_reading_a_mutilated_mail_never_raises_and_is_never_slow(raw: bytes) -> None:
    began = time.perf_counter()
    letter = read_mail(raw)
    assert time.perf_counter() - began < SECONDS
    # what comes out fits into the store, whatever went in
    for value in (letter.about, *(failure.address for failure in letter.failures), *letter.tokens):
        value.encode()
        assert len(value) <= 400
