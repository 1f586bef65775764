"""Mail that comes back in forms that are less common: reports in UTF-8, packed, about others, without a
Message-ID."""

from __future__ import annotations

import base64

import pytest

from engine.channels.email.mail_reports import read_mail, reports_of
from engine.channels.mime import token_of
from tests.mails import complaint, crlf, delivery_report, plain

TOKEN = token_of("secret", "key-1")
PATH = f"bounces+{TOKEN}@shop.example"
ANNA = "anna@example.com"
OF_THE_ORIGINAL = f"Message-ID: <{TOKEN}@shop.example>".encode()


def status(fields: str, kind: str, packing: str = "8bit") -> bytes:
    """A delivery report whose fields stand there in a way of their own."""
    return crlf(f"""Return-Path: <>
From: MAILER-DAEMON@mx.example.net
To: {PATH}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain; charset=utf-8

не доставлено
--b1
Content-Type: {kind}
Content-Transfer-Encoding: {packing}

{fields}
--b1--
""")


def group(address: str, kind: str = "rfc822", action: str = "failed") -> str:
    return (
        f"Final-Recipient: {kind}; {address}\nAction: {action}\nStatus: 5.1.1\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 нет такого\n"
    )


def kinds(raw: bytes, address: str = ANNA) -> list[str]:
    letter = read_mail(raw)
    return [one.kind for one in reports_of(letter, "key-1", address, "marketing")] if letter.tokens else []


FIELDS = "Reporting-MTA: dns; mx.example.net\n\n"


def test_case_88_a_report_in_utf8_names_an_address_of_another_script() -> None:
    foreign = "анна@пример.example"
    fields = f"{FIELDS}{group('ben@example.com')}\n{group(foreign, 'utf-8')}"
    raw = status(fields, "message/global-delivery-status")
    assert kinds(raw, foreign) == ["bounced"]
    assert kinds(raw, "vera@example.com") == []


@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status"])
def test_case_88_a_report_that_came_packed_is_unpacked(kind: str) -> None:
    packed = base64.encodebytes(crlf(FIELDS + group(ANNA))).decode()
    assert kinds(status(packed, kind, "base64")) == ["bounced"]
    assert kinds(status("%%%", kind, "base64")) == ["bounced for now"]  # whoever says so is not understood


def test_case_88_of_two_recipients_the_one_who_got_it_is_not_closed() -> None:
    fields = f"{FIELDS}{group(ANNA, action='relayed')}\n{group('ben@example.com')}"
    raw = status(fields, "message/delivery-status")
    assert kinds(raw) == []
    assert kinds(raw, "ben@example.com") == ["bounced"]


def test_case_88_words_in_any_letters_do_not_hide_the_status() -> None:
    raw = delivery_report(PATH, (ANNA, "5.1.1", "550 5.1.1 ХХ")).replace(
        "ХХ".encode(), "нет".encode("cp1251")
    )
    assert kinds(raw) == ["bounced"]
    assert kinds(delivery_report(PATH, (ANNA, "5.1.1", "550 =?utf-8?b?0YLRiw==?="))) == ["bounced"]


@pytest.mark.parametrize(
    "instead",
    [
        f"Return-Path: <bounces+{TOKEN}@shop.example>",
        f"List-Unsubscribe: <https://shop.example/u/x>,\r\n <mailto:unsub+{TOKEN}@shop.example>",
        f"MESSAGE-ID:\r\n <{TOKEN.upper()}@shop.example>",
    ],
)
def test_case_88_a_complaint_without_the_message_id_is_known_by_another_header(instead: str) -> None:
    assert kinds(complaint(TOKEN).replace(OF_THE_ORIGINAL, instead.encode())) == ["complained"]


def test_case_88_a_complaint_is_known_by_its_own_fields() -> None:
    raw = complaint("redacted").replace(
        b"Version: 1\r\n", f"Version: 1\r\nOriginal-Mail-From: <{PATH}>\r\n".encode()
    )
    assert kinds(raw) == ["complained"]


def test_case_88_a_complaint_whose_original_is_packed_is_understood() -> None:
    original = OF_THE_ORIGINAL + b"\r\n\r\nhello"
    head, _, rest = complaint(TOKEN).partition(b"Content-Type: message/rfc822\r\n\r\n")
    packed = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    raw = head + packed + base64.encodebytes(original) + b"--b2--\r\n"
    assert rest
    assert TOKEN.encode() not in raw
    assert kinds(raw) == ["complained"]


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "Not-Spam"])
def test_case_88_feedback_that_is_no_complaint_closes_nobody(kind: str) -> None:
    raw = complaint(TOKEN).replace(b"Feedback-Type: abuse", f"Feedback-Type: {kind}".encode())
    assert (read_mail(raw).kind, kinds(raw)) == ("other", [])


@pytest.mark.parametrize("kind", ["fraud", "other", "opt-out", "something new"])
def test_case_88_every_other_feedback_is_a_complaint(kind: str) -> None:
    raw = complaint(TOKEN).replace(b"Feedback-Type: abuse", f"Feedback-Type: {kind}".encode())
    assert kinds(raw) == ["complained"]


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n",  # Exchange Online
        "X-Auto-Response-Suppress: DR, OOF, AutoReply\n",
        "Precedence: bulk\n",
        "Precedence: junk\n",
    ],
)
def test_case_88_absence_in_other_words_is_no_answer(headers: str) -> None:
    raw = plain(PATH, f"{headers}In-Reply-To: <{TOKEN}@shop.example>\n", "I am away")
    assert (read_mail(raw).kind, kinds(raw)) == ("automatic", [])


def test_a_wish_to_unsubscribe_that_a_mail_program_wrote_by_itself_counts() -> None:
    raw = plain(f"unsub+{TOKEN}@shop.example", "Auto-Submitted: auto-generated\n", "")
    assert kinds(raw) == ["unsubscribed"]


def test_a_person_whose_program_says_that_it_is_no_machine_answers() -> None:
    raw = plain("hello@shop.example", f"Auto-Submitted: no\nIn-Reply-To: <{TOKEN}@shop.example>\n")
    assert kinds(raw) == ["replied"]
