"""`preview --send`: the real message through the real channel to oneself, marked, counted nowhere, its links
change nothing."""

from __future__ import annotations

import email
import json
import re
from email.policy import default
from pathlib import Path

import pytest

from engine.channels.links import TESTER
from engine.runtime.publish.published import links_of
from engine.store import meta
from tests.cli.conftest import Shop


def letters(shop: Shop) -> list[email.message.EmailMessage]:
    """The mails that the outbox channel has written."""
    found = sorted((shop.folder / "data" / "outbox").rglob("*.eml"))
    return [email.message_from_bytes(Path(file).read_bytes(), policy=default) for file in found]


def counts(shop: Shop) -> dict[str, int]:
    store = shop.store()
    tables = ("outbox", "inbox", "enrollment", "code", "volume", "customer", "reaction", "deployment")
    try:
        with store.read() as conn:
            return {
                table: conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() for table in tables
            }
    finally:
        store.close()


def test_a_test_is_marked_and_counted_nowhere(small_shop: Shop) -> None:
    answer = small_shop.run("preview", "welcome_hello", "--send", "Me@Shop.example", "--no-browser")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("welcome_hello (en) to Me@Shop.example via email: accepted")
    (letter,) = letters(small_shop)
    assert letter["Subject"].startswith("[Test] ")
    assert letter["To"] == "Me@shop.example"
    assert set(counts(small_shop).values()) == {0}


def test_its_links_are_good_ones_for_nobody(small_shop: Shop) -> None:
    assert small_shop.run("preview", "welcome_hello", "--send", "me@shop.example").code == 0
    (letter,) = letters(small_shop)
    store = small_shop.store()
    with store.read() as conn:
        links = links_of(small_shop.project().config, meta.secret(conn))
    store.close()
    token = re.search(r"<http[^>]*/u/([^>]+)>", letter["List-Unsubscribe"])
    assert token is not None
    leaving = links.read_unsubscribe(token[1])
    assert leaving is not None
    assert leaving.customer == TESTER
    assert leaving.key.startswith("test-")


def test_two_tests_are_two_letters(small_shop: Shop) -> None:
    for _ in range(2):
        assert small_shop.run("preview", "welcome_hello", "--send", "me@shop.example").code == 0
    assert len({letter["Message-ID"] for letter in letters(small_shop)}) == 2


def test_a_test_obeys_the_deliver_only_list(small_shop: Shop) -> None:
    config = (small_shop.folder / "config.yaml").read_text(encoding="utf-8")
    small_shop.write("config.yaml", config + 'deliver_only: ["@shop.example"]\n')
    refused = small_shop.run("preview", "welcome_hello", "--send", "me@elsewhere.example")
    assert refused.code == 2
    assert "not on the deliver_only list of config.yaml" in refused.err
    assert letters(small_shop) == []
    assert small_shop.run("preview", "welcome_hello", "--send", "me@shop.example").code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--send", "me@shop@example"), "cannot get it via email"),
        (("--send", "+359888123456"), "name one with  --via"),
        (("--send", "me@shop.example", "--via", "emial"), 'did you mean "email"?'),
        (("--send", "me@shop.example", "--language", "xx"), "its languages are: en"),
        (("--send", "me@shop.example", "--customer", "nobody"), 'nothing is known of a customer "nobody"'),
    ],
)
def test_what_does_not_fit_is_told(small_shop: Shop, words: tuple[str, ...], told: str) -> None:
    answer = small_shop.run("preview", "welcome_hello", *words)
    assert answer.code == 2
    assert told in answer.err
    assert letters(small_shop) == []


def test_a_text_message_says_it_first_and_takes_no_code(shop: Shop) -> None:
    before = counts(shop)
    answer = shop.run(
        "preview", "cart_reminder", "--send", "+49 151 23456789", "--via", "sms", "--format", "json"
    )
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["outcome"] == "accepted"
    texts = [file.read_text() for file in (shop.folder / "data" / "outbox").rglob("*") if file.is_file()]
    assert any("[Test] " in text for text in texts)
    assert counts(shop) == before
