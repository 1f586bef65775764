"""Mail that comes back closes addresses and ends journeys: from an IMAP mailbox, once, and never on a
stranger's word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.channels.email.mail_reports import read_mail
from engine.channels.mime import token_of
from engine.config import MailboxConfig, Secret
from engine.errors import WorldError
from engine.runtime.feedback.mailbox import Mailbox, take_mail
from engine.store.customers import suppressions
from tests.channels.email.test_hostile_mail import SLOW
from tests.mails import complaint, delivery_report, plain
from tests.runtime.imap_server import ImapServer
from tests.runtime.sending_shop import SendingShop

pytestmark = pytest.mark.anyio
ANNA, BEN = "anna@example.com", "ben@example.com"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[SendingShop]:
    opened = SendingShop(tmp_path)
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


def token(sender: SendingShop, customer: str) -> str:
    """What stands in the Message-ID of the mail that this customer got."""
    (found,) = sender.look(f"SELECT ref FROM outbox WHERE customer = '{customer}' AND channel = 'email'")
    assert isinstance(found[0], str)
    return found[0]


def bounce(sender: SendingShop, customer: str, address: str, status: str = "5.1.1") -> bytes:
    return delivery_report(
        f"bounces+{token(sender, customer)}@shop.example", (address, status, f"550 {status} said")
    )


def closed(sender: SendingShop, address: str) -> dict[str, str]:
    with sender.store.read() as conn:
        return suppressions.active(conn, "email", address)


async def test_case_88_a_report_of_three_recipients_closes_the_right_one(sender: SendingShop) -> None:
    to = f"bounces+{token(sender, 'anna')}@shop.example"
    raw = delivery_report(
        to, (BEN, "5.1.1", "550"), (ANNA, "5.1.1", "550 5.1.1 no"), ("x@example.com", "5.1.1", "550")
    )
    read = sender.store.write(lambda conn: take_mail(conn, read_mail(raw), sender.clock.now()))
    await sender.settle_down()
    assert (read.kind, read.taken.new) == ("bounce", 1)
    assert sender.reach("anna", "email").bounced
    assert not sender.reach("ben", "email").bounced
    assert "all" in closed(sender, ANNA)
    assert closed(sender, BEN) == {}
    assert sender.states()["anna sms"] == "accepted"  # the cascade moved on at once
    assert "ben sms" not in sender.states()


@pytest.mark.parametrize("quoted", ["invented", token_of("another secret", "key")])
async def test_case_88_a_forged_report_changes_nothing(sender: SendingShop, quoted: str) -> None:
    raw = delivery_report(
        f"bounces+{token_of('guessed', 'k')}@shop.example", (ANNA, "5.1.1", "550"), quoted=quoted
    )
    read = sender.store.write(lambda conn: take_mail(conn, read_mail(raw), sender.clock.now()))
    await sender.settle_down()
    assert read.taken.new == 0
    assert closed(sender, ANNA) == {}
    assert sender.states()["anna email"] == "accepted"


async def test_case_88_out_of_office_changes_nothing(sender: SendingShop) -> None:
    to = f"bounces+{token(sender, 'anna')}@shop.example"
    read = sender.store.write(
        lambda conn: take_mail(
            conn, read_mail(plain(to, "Auto-Submitted: auto-replied\n")), sender.clock.now()
        )
    )
    await sender.settle_down()
    assert (read.kind, closed(sender, ANNA)) == ("automatic", {})


async def test_case_88_a_complaint_ends_all_marketing_to_the_person(sender: SendingShop) -> None:
    raw = complaint(token(sender, "anna"))
    sender.store.write(lambda conn: take_mail(conn, read_mail(raw), sender.clock.now()))
    await sender.settle_down()
    assert sender.states()["anna email"] == "complained"
    assert closed(sender, ANNA)
    sender.clock.advance(7 * 86_400_000)
    sender.shop.event("anna", "cart_updated")
    await sender.settle_down()
    assert {key: state for key, state in sender.states().items() if key.startswith("anna")} == {
        "anna email": "complained"
    }


async def test_a_mail_to_the_unsubscribe_mailbox_ends_marketing_by_mail(sender: SendingShop) -> None:
    raw = plain(f"unsub+{token(sender, 'anna')}@shop.example")
    sender.store.write(lambda conn: take_mail(conn, read_mail(raw), sender.clock.now()))
    await sender.settle_down()
    assert sender.reach("anna", "email").consents["marketing"] == "withdrawn"


async def test_a_mailbox_is_read_once_and_everything_in_it_counts_once(
    sender: SendingShop, server: ImapServer, config: MailboxConfig
) -> None:
    server.put(bounce(sender, "anna", ANNA))
    server.put(b"no mail at all \xff\xfe")
    server.put(bounce(sender, "anna", ANNA))
    box = Mailbox(sender.store, lambda: config, sender.clock)
    assert await box.tick() == config.every
    await sender.settle_down()
    assert (server.new(), sender.states()["anna email"]) == (0, "bounced")
    assert sender.look("SELECT count(*) FROM report") == [(1,)]
    assert await box.tick() == config.every
    assert sender.look("SELECT count(*) FROM report") == [(1,)]


async def test_what_was_read_can_go_to_a_folder_of_its_own(
    sender: SendingShop, server: ImapServer, config: MailboxConfig
) -> None:
    server.put(bounce(sender, "anna", ANNA))
    await Mailbox(sender.store, lambda: replace(config, done="Done"), sender.clock).tick()
    assert [len(server.folders[name]) for name in ("INBOX", "Done")] == [0, 1]


async def test_a_lost_connection_loses_no_mail(
    sender: SendingShop, server: ImapServer, config: MailboxConfig
) -> None:
    for customer, address in (("anna", ANNA), ("ben", BEN)):
        server.put(bounce(sender, customer, address))
    server.cut_after = 1
    box = Mailbox(sender.store, lambda: config, sender.clock)
    with pytest.raises(WorldError, match="cannot be read"):
        await box.tick()
    assert server.new() == 1
    await box.tick()
    await sender.settle_down()
    assert (server.new(), sender.states()["ben email"], sender.states()["anna email"]) == (
        0,
        "bounced",
        "bounced",
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"user": "else"}, "AUTHENTICATIONFAILED"), ({"folder": "Missing"}, "no folder Missing"),
                          ({"done": "Nowhere"}, "correct  done"), ({"port": 1}, "cannot be read")]
)  # fmt: skip
async def test_a_mailbox_that_cannot_be_read_says_why(
    sender: SendingShop, server: ImapServer, config: MailboxConfig, changed: dict[str, object], said: str
) -> None:
    server.put(bounce(sender, "anna", ANNA))
    wrong = replace(config, **changed)  # type: ignore[arg-type]
    with pytest.raises(WorldError, match=said):
        await Mailbox(sender.store, lambda: wrong, sender.clock).tick()
    assert server.new() == 1


def flagged(server: ImapServer) -> list[int]:
    return [kept.uid for kept in server.folders["INBOX"] if "\\Flagged" in kept.flags]


async def test_hostile_mail_does_not_hide_the_mail_behind_it(
    sender: SendingShop, server: ImapServer, config: MailboxConfig
) -> None:
    for name in ("comments without end", "a thousand parts in each other", "folded without end"):
        server.put(SLOW[name])
    server.put(bounce(sender, "anna", ANNA))
    await Mailbox(sender.store, lambda: config, sender.clock).tick()
    await sender.settle_down()
    assert (server.new(), sender.states()["anna email"]) == (0, "bounced")


@pytest.mark.parametrize("tells_next", [True, False])
async def test_a_flood_is_read_piece_by_piece(
    sender: SendingShop, server: ImapServer, config: MailboxConfig, *, tells_next: bool
) -> None:
    server.tells_next = tells_next
    server.put(bounce(sender, "anna", ANNA), gap=150_000)
    server.put(bounce(sender, "ben", BEN), gap=150_000)
    box = Mailbox(sender.store, lambda: config, sender.clock)
    for _ in range(3):
        await box.tick()
    await sender.settle_down()
    assert server.new() == 0
    assert {sender.states()[f"{name} email"] for name in ("anna", "ben")} == {"bounced"}
    server.put(bounce(sender, "anna", ANNA))
    await box.tick()
    assert server.new() == 0


async def test_a_mail_that_the_mailbox_does_not_give_is_flagged_and_passed_over(
    sender: SendingShop, server: ImapServer, config: MailboxConfig
) -> None:
    server.put(b"the first")
    server.put(bounce(sender, "anna", ANNA))
    server.missing = {1}
    await Mailbox(sender.store, lambda: config, sender.clock).tick()
    await sender.settle_down()
    assert (server.new(), flagged(server), sender.states()["anna email"]) == (0, [1], "bounced")


async def test_a_mail_over_which_the_connection_is_lost_blocks_the_mailbox_a_few_times_only(
    sender: SendingShop, server: ImapServer, config: MailboxConfig
) -> None:
    server.put(b"the first")
    server.put(bounce(sender, "anna", ANNA))
    server.silent = {1}
    box = Mailbox(sender.store, lambda: config, sender.clock)
    for _ in range(3):
        with pytest.raises(WorldError, match="cannot be read"):
            await box.tick()
    await box.tick()
    await sender.settle_down()
    assert (server.new(), flagged(server), sender.states()["anna email"]) == (0, [1], "bounced")


async def test_a_message_that_is_only_late_counts_nowhere(sender: SendingShop) -> None:
    raw = delivery_report(
        f"bounces+{token(sender, 'anna')}@shop.example", (ANNA, "4.4.1", "no answer yet"), action="delayed"
    )
    for day in range(20):
        late = raw.replace(b"22 Nov 2026", f"{day + 1} Nov 2026".encode())
        mail = read_mail(late)
        sender.store.write(lambda conn, mail=mail: take_mail(conn, mail, sender.clock.now()))  # type: ignore[misc]
        sender.clock.advance(86_400_000)
    await sender.settle_down()
    assert (closed(sender, ANNA), sender.states()["anna email"]) == ({}, "accepted")
