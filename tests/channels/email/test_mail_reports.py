"""What mail that comes back says, and of which message; nothing that anybody could have written is
believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.base import ReportKind
from engine.channels.email.mail_reports import InboundMail, read_mail, reports_of
from engine.channels.mime import token_of
from tests.mails import complaint, crlf, delivery_report, plain

BOUNCES = Path(__file__).resolve().parents[4] / "shared" / "data" / "bounces"
TOKEN = token_of("secret", "key-1")
OTHER = token_of("secret", "key-2")
PATH = f"bounces+{TOKEN}@shop.example"
ANNA = "anna@example.com"


@pytest.mark.parametrize(
    ("status", "said", "kind", "fault", "enough"),
    [
        ("5.1.1", "550 5.1.1 user unknown", "bounced", "address", 0),
        ("5.1.10", "550 recipient not found", "bounced", "address", 0),
        (
            "5.0.0",
            "550 5.1.1 user unknown",
            "bounced",
            "address",
            0,
        ),  # the words of the other server say it nearer
        ("5.2.1", "550 5.2.1 mailbox disabled", "bounced for now", "address", 2),
        ("5.2.2", "552 5.2.2 mailbox full", "bounced for now", "address", 0),
        ("4.2.2", "452 4.2.2 mailbox full", "bounced for now", "address", 0),
        ("4.4.7", "delivery time expired", "bounced for now", "address", 0),
        ("5.7.1", "550 5.7.1 blocked", "refused", "sender", 0),
        ("5.7.515", "550 5.7.515 access denied, unauthenticated sender", "refused", "sender", 0),
        ("5.3.4", "552 5.3.4 message too big", "refused", "template", 0),
        ("5.9.9", "550 no reason", "bounced for now", "address", 0),
    ],
)
def test_a_delivery_report_has_the_class_of_its_status(
    status: str, said: str, kind: ReportKind, fault: str, enough: int
) -> None:
    letter = read_mail(delivery_report(PATH, (ANNA, status, said)))
    (report,) = reports_of(letter, "key-1", ANNA, "marketing")
    assert (letter.kind, letter.tokens) == ("bounce", (TOKEN,))
    assert (report.kind, report.fault, report.enough, report.key) == (kind, fault, enough, "key-1")


def test_case_88_of_three_recipients_the_right_one_counts() -> None:
    raw = delivery_report(
        PATH,
        ("x@example.com", "5.1.1", "550"),
        ("Anna@EXAMPLE.com", "5.2.2", "full"),
        ("y@example.com", "5.1.1", "550"),
    )
    (report,) = reports_of(read_mail(raw), "key-1", ANNA, None)
    assert report.kind == "bounced for now"
    assert reports_of(read_mail(raw), "key-1", "else@example.com", None) == []


def test_a_forwarded_mail_bounces_under_another_address() -> None:
    raw = delivery_report(PATH, ("new-place@example.net", "5.1.1", "550 5.1.1 unknown"))
    assert [one.kind for one in reports_of(read_mail(raw), "key-1", ANNA, None)] == ["bounced"]


def test_the_quoted_message_id_is_enough() -> None:
    letter = read_mail(delivery_report("hello@shop.example", (ANNA, "5.1.1", "550"), quoted=TOKEN))
    assert letter.tokens == (TOKEN,)


def test_case_88_a_forged_report_names_no_message() -> None:
    letter = read_mail(delivery_report("bounces@shop.example", (ANNA, "5.1.1", "550"), quoted="invented"))
    assert (letter.kind, letter.tokens) == ("bounce", ())


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_what_went_well_is_no_failure(action: str) -> None:
    letter = read_mail(delivery_report(PATH, (ANNA, "2.0.0", "250 taken"), action=action))
    assert (letter.kind, reports_of(letter, "key-1", ANNA, None)) == ("other", [])


def test_what_is_still_tried_is_a_report_that_says_nothing_about_the_address() -> None:
    letter = read_mail(delivery_report(PATH, (ANNA, "4.4.1", "no answer yet"), action="delayed"))
    (report,) = reports_of(letter, "key-1", ANNA, None)
    assert (letter.kind, report.kind, report.fault) == ("bounce", "bounced for now", "provider")


@pytest.mark.parametrize(
    "headers",
    ["Auto-Submitted: auto-replied\n", "X-Autoreply: yes\n", "Precedence: auto_reply\n"],
)
def test_case_88_out_of_office_is_neither_a_bounce_nor_an_answer(headers: str) -> None:
    letter = read_mail(
        plain(PATH, headers + f"In-Reply-To: <{TOKEN}@shop.example>\n", "I am away until Monday")
    )
    assert (letter.kind, reports_of(letter, "key-1", ANNA, None)) == ("automatic", [])


def test_case_88_a_feedback_report_is_a_complaint_about_its_message() -> None:
    letter = read_mail(complaint(TOKEN))
    (report,) = reports_of(letter, "key-1", ANNA, "marketing")
    assert (letter.kind, letter.tokens, report.kind) == ("complaint", (TOKEN,), "complained")


def test_a_mail_to_the_unsubscribe_mailbox_unsubscribes_from_the_purpose_of_its_message() -> None:
    letter = read_mail(plain(f"unsub+{TOKEN.upper()}@shop.example"))
    (report,) = reports_of(letter, "key-1", ANNA, "marketing")
    assert (letter.kind, letter.tokens, report.kind, report.purpose) == (
        "unsubscribe",
        (TOKEN,),
        "unsubscribed",
        "marketing",
    )


def test_an_answer_names_the_message_that_it_answers() -> None:
    letter = read_mail(
        plain("hello@shop.example", f"In-Reply-To: <{OTHER}@shop.example>\nReferences: <a@b>\n")
    )
    assert (letter.kind, letter.tokens) == ("reply", (OTHER,))
    assert [one.kind for one in reports_of(letter, "key-2", ANNA, None)] == ["replied"]


def test_the_same_mail_twice_is_the_same_report() -> None:
    raw = delivery_report(PATH, (ANNA, "5.1.1", "550"))
    first, second = (reports_of(read_mail(raw), "key-1", ANNA, None)[0] for _ in range(2))
    assert first.event_id == second.event_id
    assert reports_of(read_mail(raw + b"\r\n"), "key-1", ANNA, None)[0].event_id != first.event_id


@given(st.binary(max_size=2_000))
def test_any_bytes_are_understood_as_something(raw: bytes) -> None:
    assert read_mail(raw).kind
    assert read_mail(
        crlf("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n") + raw
    ).kind


@pytest.mark.data
@pytest.mark.skipif(not BOUNCES.exists(), reason="needs the recorded bounces in ../shared/data")
def test_recorded_bounces_name_who_could_not_be_reached() -> None:
    """Against published answers. What could not be reached for now is no failure for good, and where a
    report names nobody, it is about the one to whom we wrote."""
    wrong, lines = [], (BOUNCES / "expected.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        expected = json.loads(line)
        letter = read_mail((BOUNCES / expected["file"]).read_bytes())
        failed = {failure.address.lower() for failure in letter.failures}
        known = {
            address.lower() for address in [*(expected["permanent"] or ()), *(expected["temporary"] or ())]
        }
        if known and (letter.kind != "bounce" or not failed & {*known, ""}):
            wrong.append(expected["file"])
    # one has lost its address in the tidying, another names the list that it came from
    assert len(wrong) <= 2, wrong
    assert len(lines) > 100


@pytest.mark.data
@pytest.mark.skipif(not BOUNCES.exists(), reason="needs the recorded bounces in ../shared/data")
def test_recorded_reports_close_an_address_for_what_they_say_of_it() -> None:
    """Against the judgement of a public collection: of a hundred reports 95 are judged alike, of the
    complaints all but those about a signature."""
    wrong, lines = [], (BOUNCES / "expected_sisimai.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        expected = json.loads(line)
        letter = read_mail((BOUNCES / "sisimai" / expected["file"]).read_bytes())
        if not is_right(letter, expected["recipients"]):
            wrong.append(expected["file"])
    assert len(wrong) <= 0.05 * len(lines), wrong


def is_right(letter: InboundMail, recipients: list[dict[str, str | bool]]) -> bool:
    reasons, gone = (
        {recipient["reason"] for recipient in recipients},
        sum(bool(each["hard"]) for each in recipients),
    )
    closed = sum(failure.kind == "bounced" for failure in letter.failures)
    if "feedback" in reasons:
        return letter.kind == "complaint"
    if reasons & {"delivered", "vacation"}:
        return letter.kind != "bounce"
    return letter.kind == "bounce" and (closed == gone if len(recipients) > 1 else bool(closed) == bool(gone))
