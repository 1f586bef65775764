"""The demo's providers are real servers: mail over SMTP, webhooks over HTTP."""

from __future__ import annotations

import json
import smtplib
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.demo.sinks import Gateway, MailSink


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[MailSink, int]]:
    port = free_port()
    made = MailSink(tmp_path / "mail", "127.0.0.1", port, lambda address: address.startswith("dead"), seed=1)
    made.start()
    yield made, port
    made.stop()


def test_mail_is_kept(sink: tuple[MailSink, int], tmp_path: Path) -> None:
    with smtplib.SMTP("127.0.0.1", sink[1]) as server:
        server.sendmail("shop@shop.example", ["anna@example.org"], "Subject: hi\r\n\r\nHello")
    address, raw = sink[0].arrived.get(timeout=5)
    assert address == "anna@example.org"
    assert b"Hello" in raw
    assert (tmp_path / "mail" / "000001.eml").read_bytes() == raw


def test_dead_addresses_are_refused(sink: tuple[MailSink, int]) -> None:
    with (
        smtplib.SMTP("127.0.0.1", sink[1]) as server,
        pytest.raises(smtplib.SMTPRecipientsRefused) as refused,
    ):
        server.sendmail("shop@shop.example", ["dead.1@example.org"], "Subject: hi\r\n\r\nHello")
    assert refused.value.recipients["dead.1@example.org"][0] == 550
    assert sink[0].refused == 1


def test_some_mail_has_to_come_back(sink: tuple[MailSink, int]) -> None:
    answers = set()
    with smtplib.SMTP("127.0.0.1", sink[1]) as server:
        for number in range(400):
            try:
                server.sendmail("shop@shop.example", [f"a{number}@example.org"], "Subject: hi\r\n\r\nHello")
            except smtplib.SMTPDataError as later:
                answers.add(later.smtp_code)
                server.rset()
    assert answers == {451}
    assert sink[0].kept + sink[0].delayed == 400


def test_a_webhook_is_written_once(tmp_path: Path) -> None:
    port = free_port()
    gateway = Gateway(tmp_path / "calls.jsonl", "127.0.0.1", port)
    gateway.start()
    for _ in range(2):
        call = urllib.request.Request(
            f"http://127.0.0.1:{port}/tasks", b'{"reason": "lapsed"}', {"Idempotency-Key": "k1"}
        )
        with urllib.request.urlopen(call, timeout=5) as answer:
            assert answer.status == 202
    gateway.stop()
    assert [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()] == [
        {"path": "/tasks", "key": "k1", "body": {"reason": "lapsed"}}
    ]
