"""What the words of a mail server mean: the table of design/reliability 3.3."""

from __future__ import annotations

import pytest

from engine.channels.email.answers import Stage, refusal


def read(code: int, words: str, stage: Stage = "recipient") -> tuple[str, str, str]:
    told = refusal(code, words, stage, "example.com")
    assert told.raw == f"{code} {words}"
    return told.kind, told.fault, told.soft


@pytest.mark.parametrize("area", ["5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"])
@pytest.mark.parametrize("stage", ["recipient", "dot"])
def test_case_31_an_address_that_does_not_exist_is_dead(area: str, stage: Stage) -> None:
    assert read(550, f"{area} no", stage) == ("bounced", "address", "")


@pytest.mark.parametrize(
    "words", ["User unknown", "No such mailbox here", "<policy@example.com>: user unknown"]
)
def test_case_31_without_a_code_the_words_say_it(words: str) -> None:
    assert read(550, words) == ("bounced", "address", "")


@pytest.mark.parametrize(
    ("code", "words", "soft"),
    [
        (550, "5.2.1 disabled", "disabled"),
        (552, "5.2.2 mailbox full", "full"),
        (552, "Requested mail action aborted: exceeded storage allocation", "full"),
        (550, "5.5.9 whatever this is", "other"),
        (550, "5.4.4 no route", "other"),
        (550, "no", "other"),
        (553, "no", "other"),
    ],
)
def test_what_may_pass_is_a_soft_bounce_that_closes_nothing_at_once(code: int, words: str, soft: str) -> None:
    assert read(code, words) == ("refused", "address", soft)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (550, "5.7.1 not you"), (550, "5.7.26 unauthenticated"), (550, "5.7.25 no PTR"), (550, "5.7.28 rate"),
        (550, "5.7.29 TLS"),
        (550, "5.7.515 access denied"), (554, "5.7.0 x"), (550, "our policy forbids it"),
        (554, "your IP is blocked, see https://x.example"),
        (550, "poor reputation of the sender"), (550, "5.1.1 blocked by our blocklist"),
        (553, "5.1.8 sender's domain does not exist"),
        (554, "message looks like spam"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stage", ["sender", "recipient", "data", "dot"])
def test_a_refusal_of_the_sender_never_suppresses_anybody(code: int, words: str, stage: Stage) -> None:
    told = refusal(code, words, stage, "example.com")
    assert (told.kind, told.fault, told.soft) == ("refused for now", "sender", "")
    assert told.domain == ("" if stage == "sender" else "example.com")


@pytest.mark.parametrize(
    ("code", "words", "stage"),
    [
        (552, "5.3.4 message too big", "sender"), (552, "5.3.4 too big by policy", "dot"),
        (552, "too big", "dot"), (552, "5.2.3 too long", "dot"),
        (554, "5.6.0 bad content", "dot"), (554, "no", "dot"), (550, "5.6.1 media not supported", "dot"),
    ],
)  # fmt: skip
def test_case_33_a_message_too_big_or_of_bad_content_is_the_template_s_fault(
    code: int, words: str, stage: Stage
) -> None:
    assert read(code, words, stage) == ("refused", "template", "")


@pytest.mark.parametrize(
    ("code", "words"),
    [(421, "4.3.2 busy"), (450, "4.2.0 greylisted"), (451, "later"), (452, "4.3.1 no room"),
     (450, "4.7.28 rate"), (421, "4.7.0 slow down")],
)  # fmt: skip
@pytest.mark.parametrize("stage", ["sender", "recipient", "data", "dot"])
def test_case_30_not_now_is_the_provider_s_and_says_for_which_domain(
    code: int, words: str, stage: Stage
) -> None:
    told = refusal(code, words, stage, "example.com")
    assert (told.kind, told.fault, told.soft) == ("refused for now", "provider", "")
    assert told.domain == ("" if stage == "sender" else "example.com")


@pytest.mark.parametrize("words", ["4.2.2 over quota", "mailbox full"])
def test_a_full_mailbox_holds_up_nobody_else(words: str) -> None:
    told = refusal(452, words, "recipient", "example.com")
    assert (told.kind, told.fault, told.soft, told.domain) == ("refused for now", "address", "full", "")
