"""Mail that comes back closes addresses and ends journeys: from an IMAP mailbox, once, and never on a stranger's word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.channels.mime import token_of
from engine.config import MailboxConfig, Secret
from engine.errors import WorldError
from engine.runtime.feedback.mailbox import Mailbox, take_mail
from engine.store.customers import suppressions
from tests.mails import complaint, delivery_report, plain
from tests.runtime.imap_server import ImapServer
from tests.runtime.post import Post

pytestmark = pytest.mark.anyio
ANNA, BEN = "anna@example.com", "ben@example.com"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    opened = Post(tmp_path)
    for name, address in (("anna", ANNA), ("ben", BEN)):
        opened.customer(name, email=address, sms=f"+35988{len(name)}123456")
        opened.shop.event(name, "cart_updated")
    await opened.settle_down()
    assert opened.states()["anna email"] == "accepted"
    yield opened
    await opened.close()


@pytest.fixture
def server() -> Iterator[ImapServer]:
    made = ImapServer("bounces", "secret")
    yield made
    made.close()


@pytest.fixture
def config(server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> MailboxConfig:
    monkeypatch.setenv("MAILBOX", "secret")
    return MailboxConfig("127.0.0.1", "bounces", Secret("env:MAILBOX"), server.port, tls="none")


def token(post: Post, customer: str) -> str:
    """What stands in the Message-ID of the mail that this customer got."""
    (found,) = post.look(f"SELECT ref FROM outbox WHERE customer = '{customer}' AND channel = 'email'")
    assert isinstance(found[0], str)
    return found[0]


def bounce(post: Post, customer: str, address: str, status: str = "5.1.1") -> bytes:
    return delivery_report(
        f"bounces+{token(post, customer)}@shop.example", (address, status, f"550 {status} said")
    )


def closed(post: Post, address: str) -> dict[str, str]:
    with post.store.read() as conn:
        return suppressions.active(conn, "email", address)


async def test_case_88_a_report_of_three_recipients_closes_the_right_one(post: Post) -> None:
    to = f"bounces+{token(post, 'anna')}@shop.example"
    raw = delivery_report(
        to, (BEN, "5.1.1", "550"), (ANNA, "5.1.1", "550 5.1.1 no"), ("x@example.com", "5.1.1", "550")
    )
    read = post.store.write(lambda conn: take_mail(conn, raw, post.clock.now()))
    await post.settle_down()
    assert (read.kind, read.taken.new) == ("bounce", 1)
    assert post.reach("anna", "email").bounced
    assert not post.reach("ben", "email").bounced
    assert "all" in closed(post, ANNA)
    assert closed(post, BEN) == {}
    assert post.states()["anna sms"] == "accepted"  # the cascade moved on at once
    assert "ben sms" not in post.states()


@pytest.mark.parametrize("quoted", ["invented", token_of("another secret", "key")])
async def test_case_88_a_forged_report_changes_nothing(post: Post, quoted: str) -> None:
    raw = delivery_report(
        f"bounces+{token_of('guessed', 'k')}@shop.example", (ANNA, "5.1.1", "550"), quoted=quoted
    )
    read = post.store.write(lambda conn: take_mail(conn, raw, post.clock.now()))
    await post.settle_down()
    assert read.taken.new == 0
    assert closed(post, ANNA) == {}
    assert post.states()["anna email"] == "accepted"


async def test_case_88_out_of_office_changes_nothing(post: Post) -> None:
    to = f"bounces+{token(post, 'anna')}@shop.example"
    read = post.store.write(
        lambda conn: take_mail(conn, plain(to, "Auto-Submitted: auto-replied\n"), post.clock.now())
    )
    await post.settle_down()
    assert (read.kind, closed(post, ANNA)) == ("automatic", {})


async def test_case_88_a_complaint_ends_all_marketing_to_the_person(post: Post) -> None:
    raw = complaint(token(post, "anna"))
    post.store.write(lambda conn: take_mail(conn, raw, post.clock.now()))
    await post.settle_down()
    assert post.states()["anna email"] == "complained"
    assert closed(post, ANNA)
    post.clock.advance(7 * 86_400_000)
    post.shop.event("anna", "cart_updated")
    await post.settle_down()
    assert {key: state for key, state in post.states().items() if key.startswith("anna")} == {
        "anna email": "complained"
    }


async def test_a_mail_to_the_unsubscribe_mailbox_ends_marketing_by_mail(post: Post) -> None:
    raw = plain(f"unsub+{token(post, 'anna')}@shop.example")
    post.store.write(lambda conn: take_mail(conn, raw, post.clock.now()))
    await post.settle_down()
    assert post.reach("anna", "email").consents["marketing"] == "withdrawn"


async def test_a_mailbox_is_read_once_and_everything_in_it_counts_once(
    post: Post, server: ImapServer, config: MailboxConfig
) -> None:
    server.put(bounce(post, "anna", ANNA))
    server.put(b"no mail at all \xff\xfe")
    server.put(bounce(post, "anna", ANNA))
    box = Mailbox(post.store, lambda: config, post.clock)
    assert await box.tick() == config.every
    await post.settle_down()
    assert (server.new(), post.states()["anna email"]) == (0, "bounced")
    assert post.look("SELECT count(*) FROM report") == [(1,)]
    assert await box.tick() == config.every
    assert post.look("SELECT count(*) FROM report") == [(1,)]


async def test_what_was_read_can_go_to_a_folder_of_its_own(
    post: Post, server: ImapServer, config: MailboxConfig
) -> None:
    server.put(bounce(post, "anna", ANNA))
    await Mailbox(post.store, lambda: replace(config, done="Done"), post.clock).tick()
    assert [len(server.folders[name]) for name in ("INBOX", "Done")] == [0, 1]


async def test_a_lost_connection_loses_no_mail(post: Post, server: ImapServer, config: MailboxConfig) -> None:
    for customer, address in (("anna", ANNA), ("ben", BEN)):
        server.put(bounce(post, customer, address))
    server.cut_after = 1
    box = Mailbox(post.store, lambda: config, post.clock)
    with pytest.raises(WorldError, match="cannot be read"):
        await box.tick()
    assert server.new() == 1
    await box.tick()
    await post.settle_down()
    assert (server.new(), post.states()["ben email"], post.states()["anna email"]) == (
        0,
        "bounced",
        "bounced",
    )


@pytest.mark.parametrize(
    ("changed", "said"), [({"user": "else"}, "AUTHENTICATIONFAILED"), ({"folder": "Missing"}, "no folder Missing"),
                          ({"done": "Nowhere"}, "correct  done"), ({"port": 1}, "cannot be read")]
)  # fmt: skip
async def test_a_mailbox_that_cannot_be_read_says_why(
    post: Post, server: ImapServer, config: MailboxConfig, changed: dict[str, object], said: str
) -> None:
    server.put(bounce(post, "anna", ANNA))
    wrong = replace(config, **changed)  # type: ignore[arg-type]
    with pytest.raises(WorldError, match=said):
        await Mailbox(post.store, lambda: wrong, post.clock).tick()
    assert server.new() == 1
