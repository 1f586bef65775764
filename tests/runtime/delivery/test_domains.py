"""Mail by the domain of its recipient, end to end: paced, put off, paused, and in the end everywhere once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from engine.channels.base import Channel
from engine.channels.email.channel import PER_DOMAIN, EmailChannel, Server
from engine.channels.mime import token_of
from engine.channels.registrable_domain import registrable_domain
from engine.core.facts.customer import Reach
from engine.core.journeys import Journeys
from engine.runtime.delivery.deliverer import Deliverer
from engine.store import meta
from engine.store.alerting import alerts
from engine.store.customers import batches, suppressions
from engine.store.journeys import pauses
from engine.store.messages import queue, records
from engine.store.sql import change
from engine.values import DAY, HOUR, MINUTE, SECOND
from tests.channels.smtp_server import SmtpServer
from tests.runtime.delivery import test_deliverer
from tests.runtime.delivery.test_deliverer import NOW, House

pytestmark = pytest.mark.anyio


house = test_deliverer.house
"""The fixture: a store, templates, a clock."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def people(house: House, addresses: Sequence[str]) -> None:
    """Customers c0, c1, ... at these addresses, and a message for each."""

    def job(conn: Connection) -> None:
        names = [f"c{n}" for n in range(len(addresses))]
        batch = batches.load_batch(conn, 0, names, Journeys({}), NOW)
        after = {}
        for name, address in zip(names, addresses, strict=True):
            state = batch.states[name]
            state = type(state)(state.facts.fork(), dict(state.enrollments))
            state.facts.values |= {"first_name": "Anna", "points": 5}
            state.facts.reach = {"email": Reach(address, {"marketing": "given"})}
            after[name] = state
        batches.save_batch(conn, batch, after, NOW)

    house.store.write(job)
    house.plan(len(addresses))


def at(domain: str, count: int) -> list[str]:
    return [f"{domain[0]}{n}@{domain}" for n in range(count)]


def channel(house: House, server: SmtpServer, **settings: object) -> Channel:
    where = Server("127.0.0.1", server.port, **({"command_seconds": 2, "dot_seconds": 2} | settings))  # type: ignore[arg-type]
    house.opened.append(EmailChannel(where, "secret", house.clock, concurrency=10))
    return house.opened[-1]


def tried(server: SmtpServer, word: str, domain: str = "") -> int:
    return sum(command.startswith(word) and domain in command for command in server.commands)


def standing(house: House) -> list[tuple[str, str]]:
    with house.store.read() as conn:
        return [(pause.scope, pause.name) for pause in pauses.list_active(conn)]


def told(house: House) -> list[str]:
    with house.store.read() as conn:
        return [alert.why for alert in alerts.latest(conn)]


def arrived(server: SmtpServer) -> Counter[str]:
    return Counter(recipient for recipient, _ in server.accepted)


async def an_hour(house: House, deliverer: Deliverer, step: int = 10 * SECOND) -> None:
    for _ in range(HOUR // step):
        await deliverer.once()
        house.apply_inbox()
        house.clock.advance(step)


@pytest.mark.parametrize(
    "says", ["421 4.3.2 busy", "450 4.7.1 greylisted", "451 4.7.500 later", "452 4.3.1 no room"]
)
@pytest.mark.parametrize("where", ["rcpt", "dots"])
async def test_case_30_a_domain_that_says_later_for_an_hour_is_asked_rarely_and_holds_up_nobody(
    house: House, says: str, where: str
) -> None:
    storm, calm = at("storm.example", 30), at("calm.example", 10)
    people(house, [*storm, *calm])
    async with SmtpServer(**{where: {"storm.example": says}}) as server:  # type: ignore[arg-type]
        deliverer = house.deliverer(channel(house, server))
        await deliverer.once()
        assert arrived(server) == Counter(calm)
        await an_hour(house, deliverer)
        assert 5 < tried(server, "RCPT", "storm.example") <= 30  # 5, 10, 20 seconds, ... up to half an hour
        assert arrived(server) == Counter(calm)
        server.rcpt, server.dots = {}, {}
        await house.rounds(deliverer)
    assert arrived(server) == Counter([*storm, *calm])
    assert house.states() == {"accepted": 40}


async def test_case_30_a_server_that_says_later_to_everybody_is_asked_rarely(house: House) -> None:
    everybody = [*at("one.example", 20), *at("two.example", 20)]
    people(house, everybody)
    async with SmtpServer(mail="451 4.3.0 later") as server:
        deliverer = house.deliverer(channel(house, server))
        await an_hour(house, deliverer)
        assert 3 < tried(server, "MAIL") <= 60
        server.mail = "250 2.0.0 ok"
        await house.rounds(deliverer)
    assert arrived(server) == Counter(everybody)


async def test_one_full_mailbox_holds_up_nobody_of_its_domain(house: House) -> None:
    everybody = at("one.example", 30)
    people(house, everybody)
    async with SmtpServer(rcpt={everybody[0]: "452 4.2.2 over quota"}) as server:
        deliverer = house.deliverer(channel(house, server))
        await deliverer.once()
        house.apply_inbox()
        await deliverer.once()
        assert arrived(server) == Counter(everybody[1:])


async def test_a_domain_that_refuses_the_sender_stands_still_and_nobody_is_suppressed(house: House) -> None:
    refusing, others = at("gmail.test", 60), at("calm.example", 20)
    people(house, [*refusing, *others])
    async with SmtpServer(rcpt={"gmail.test": "550 5.7.26 this mail is unauthenticated"}) as server:
        deliverer = house.deliverer(channel(house, server))
        for _ in range(5):
            await deliverer.once()
            house.apply_inbox()
            house.clock.advance(20 * MINUTE)
        assert standing(house) == [("domain", "gmail.test")]
        assert any("gmail.test" in why and "5.7.26" in why for why in told(house))
        assert tried(server, "RCPT", "gmail.test") <= 2 * PER_DOMAIN
        assert arrived(server) == Counter(others)
        assert set(house.states()) <= {"accepted", "planned", "deferred"}
        with house.store.read() as conn:
            assert suppressions.count(conn) == 0
        server.rcpt = {}
        await an_hour(house, deliverer, 5 * MINUTE)
        await an_hour(house, deliverer, 5 * MINUTE)
        # nobody had to resume it: a trial was taken
        assert standing(house) == []
        await house.rounds(deliverer)
    assert arrived(server) == Counter([*refusing, *others])


async def test_a_pause_of_an_operator_is_never_tried_again(house: House) -> None:
    people(house, at("gmail.test", 3))
    house.store.write(lambda conn: pauses.pause(conn, "domain", "gmail.test", NOW, "anna"))
    house.store.write(lambda conn: pauses.pause(conn, "channel", "email", NOW, "anna"))
    async with SmtpServer() as server:
        deliverer = house.deliverer(channel(house, server))
        for _ in range(10):
            await deliverer.once()
            house.clock.advance(3 * HOUR)
        assert server.accepted == []
    assert len(standing(house)) == 2


OWNERS = [f"d{n}.example" for n in range(6)]
BLOCKED = "550 5.7.1 blocked"


async def written_once(house: House, server: SmtpServer, addresses: Sequence[str]) -> Deliverer:
    """Everybody has got a message, and there is another one for each."""
    people(house, addresses)
    deliverer = house.deliverer(channel(house, server))
    await house.rounds(deliverer)
    assert house.states() == {"accepted": len(addresses)}
    server.accepted.clear()
    server.commands.clear()
    house.plan(len(addresses), template="again")
    return deliverer


async def test_when_owner_after_owner_refuses_the_sender_the_channel_stands_still_and_tries_again(
    house: House,
) -> None:
    everybody = [address for domain in OWNERS for address in at(domain, 3)]
    async with SmtpServer() as server:
        deliverer = await written_once(house, server, everybody)
        server.rcpt = dict.fromkeys(OWNERS, BLOCKED)
        await deliverer.once()
        assert ("channel", "email") in standing(house)
        assert any("tries again by itself" in why for why in told(house))
        tries = tried(server, "RCPT")
        await deliverer.once()
        assert tried(server, "RCPT") == tries
        # half-open: one message an hour shows that nothing has changed, and is not the whole queue
        for _ in range(4):
            await an_hour(house, deliverer, 5 * MINUTE)
        assert 1 <= tried(server, "RCPT") - tries <= 12
        server.rcpt = {}
        for _ in range(16):
            await an_hour(house, deliverer, 10 * MINUTE)
        assert standing(house) == []
        await house.rounds(deliverer)
        assert arrived(server) == Counter(everybody)


@pytest.mark.parametrize(
    "domains",
    [
        [f"m{n}.attacker.test" for n in range(6)],  # one owner
        [f"m{n}.attacker.co.uk" for n in range(6)],
        [f"m{n}.school.de" for n in range(6)],  # a name below which others register elsewhere
    ],
)
async def test_one_owner_of_many_domains_does_not_stop_the_channel(house: House, domains: list[str]) -> None:
    refusing, others = [address for domain in domains for address in at(domain, 1)], at("calm.example", 5)
    async with SmtpServer() as server:
        deliverer = await written_once(house, server, [*refusing, *others])
        server.rcpt = dict.fromkeys(domains, BLOCKED)
        await house.rounds(deliverer)
        assert ("channel", "email") not in standing(house)
        assert arrived(server) == Counter(others)


async def test_strangers_who_never_took_a_message_do_not_stop_the_channel(house: House) -> None:
    refusing, others = [address for domain in OWNERS for address in at(domain, 1)], at("calm.example", 3)
    people(house, [*refusing, *others])
    async with SmtpServer(rcpt=dict.fromkeys(OWNERS, BLOCKED)) as server:
        deliverer = house.deliverer(channel(house, server))
        await house.rounds(deliverer)
        assert ("channel", "email") not in standing(house)
        assert arrived(server) == Counter(others)


async def test_a_few_who_refuse_among_many_who_take_it_do_not_stop_the_channel(house: House) -> None:
    refusing, others = [address for domain in OWNERS[:4] for address in at(domain, 1)], at("calm.example", 30)
    async with SmtpServer() as server:
        deliverer = await written_once(house, server, [*others, *refusing])
        server.rcpt = dict.fromkeys(OWNERS, BLOCKED)
        await house.rounds(deliverer)
        assert ("channel", "email") not in standing(house)
        assert arrived(server) == Counter(others)


@pytest.mark.parametrize(
    ("domain", "owner"),
    [
        ("mail.eu.shop.example", "shop.example"), ("a.b.shop.co.uk", "shop.co.uk"),
        ("SHOP.COM.BR.", "shop.com.br"),
        ("anna.github.io", "github.io"), ("localhost", "localhost"), ("co.uk", "co.uk"),
        ("x.de", "x.de"), ("", ""),
        ("a.web.de", "web.de"), ("b.school.fr", "school.fr"), ("mx.in.gr", "in.gr"), ("a.id.me", "id.me"),
        ("a.shop.or.at", "shop.or.at"), ("a.shop.co.za", "shop.co.za"), ("a.shop.com.ws", "shop.com.ws"),
        ("a.shop.gv.at", "shop.gv.at"),
    ],
)  # fmt: skip
def test_whose_a_domain_is(domain: str, owner: str) -> None:
    assert registrable_domain(domain) == owner


async def test_the_hand_over_itself_asks_for_a_pause_of_the_domain(house: House) -> None:
    people(house, ["Anna@Gmail.test", "a@calm.example"])
    both = house.store.write(lambda conn: queue.claim(conn, "email", "test", NOW, MINUTE, 10))

    def job(conn: Connection) -> list[str]:
        for one, address in zip(both, ("Anna@Gmail.test", "a@calm.example"), strict=True):
            queue.note_bodies(conn, [queue.Body(one, "{}", "hash", address)])
        pauses.pause(conn, "domain", "gmail.test", NOW, "ops")
        return [queue.hand_over(conn, one, "hash", NOW) for one in both]

    assert house.store.write(job) == ["later", "handed"]
    assert house.store.write(lambda conn: queue.claim(conn, "email", "test", NOW, MINUTE, 10)) == []
    house.store.write(lambda conn: pauses.resume(conn, "domain", "gmail.test"))
    assert len(house.store.write(lambda conn: queue.claim(conn, "email", "test", NOW, MINUTE, 10))) == 1


async def test_a_message_put_off_has_used_no_attempt_and_is_ready_when_its_domain_is(house: House) -> None:
    people(house, ["a@gmail.test"])
    (one,) = house.store.write(lambda conn: queue.claim(conn, "email", "test", NOW, MINUTE, 10))
    house.store.write(lambda conn: queue.release(conn, one, type(NOW)(NOW + DAY), "why", "a@gmail.test"))
    assert house.message(one.send_key).attempts == 0
    assert house.store.write(lambda conn: queue.make_ready(conn, "gmail.test")) == 1
    with house.store.read() as conn:
        assert records.next_ready(conn, "email") == NOW


async def test_no_more_than_a_few_go_to_one_domain_at_once(house: House) -> None:
    people(house, [*at("one.example", 20), *at("two.example", 20)])
    async with SmtpServer(dot_seconds=0.05) as server:
        await house.deliverer(channel(house, server)).once()
    assert len(server.accepted) == 40
    assert server.most == {"one.example": PER_DOMAIN, "two.example": PER_DOMAIN}


async def test_case_42_a_domain_that_answers_byte_by_byte_holds_up_no_other(house: House) -> None:
    slow, fast = at("slow.example", 25), at("fast.example", 30)
    people(house, [*slow, *fast])
    async with SmtpServer(byte_seconds=0.3, slow_for=frozenset({"slow.example"})) as server:
        deliverer = house.deliverer(channel(house, server, command_seconds=0.4))
        await deliverer.once()
        house.apply_inbox()
        await deliverer.once()
        assert arrived(server) == Counter(fast)
        server.slow_for = frozenset()
        await house.rounds(deliverer)
    assert arrived(server) == Counter([*slow, *fast])


@pytest.mark.parametrize("cut", ["data", "body", "half"])
async def test_case_28_every_tenth_connection_closed_before_the_dot_and_each_mail_arrives_once(
    house: House, cut: str
) -> None:
    people(house, at("one.example", 50))
    async with SmtpServer(close_at=cut, close_for=set(range(10, 500, 10))) as server:
        await house.rounds(house.deliverer(channel(house, server)))
    assert arrived(server) == Counter(at("one.example", 50))
    assert house.states() == {"accepted": 50}


@pytest.mark.parametrize(("purpose", "most"), [("marketing", 1), (None, 2)])
async def test_case_29_a_connection_closed_after_the_dot_makes_at_most_the_copies_of_the_policy(
    house: House, purpose: str | None, most: int
) -> None:
    people(house, at("one.example", 30))
    house.store.write(lambda conn: change(conn, "UPDATE outbox SET purpose = ?", (purpose,)))
    async with SmtpServer(close_at="dot", close_for=set(range(3, 500, 3))) as server:
        await house.rounds(house.deliverer(channel(house, server)))
    copies = arrived(server)
    assert set(copies) == set(at("one.example", 30))
    assert max(copies.values()) <= most
    assert house.states().keys() <= {"accepted", "treated_as_sent", "held"}
    assert house.states()["accepted"] >= 20


async def test_case_31_a_dead_address_is_suppressed_and_the_journey_told(house: House) -> None:
    people(house, at("one.example", 3))
    async with SmtpServer(rcpt={"o1@one.example": "550 5.1.1 nobody"}) as server:
        await house.deliverer(channel(house, server)).once()
    assert house.states() == {"accepted": 2, "bounced": 1}
    with house.store.read() as conn:
        assert suppressions.active(conn, "email", "o1@one.example")
        assert suppressions.count(conn) == 1
    assert "outcome" in house.apply_inbox()


@pytest.mark.parametrize("says", ["552 5.3.4 too big", "554 5.6.0 bad content", "554 no"])
async def test_case_33_a_message_that_no_server_takes_fails_once_and_suppresses_nobody(
    house: House, says: str
) -> None:
    people(house, at("one.example", 6))
    async with SmtpServer(dot=says) as server:
        deliverer = house.deliverer(channel(house, server))
        await house.rounds(deliverer, times=4)
    assert (house.states(), tried(server, "DATA"), standing(house)) == ({"failed": 6}, 6, [])
    with house.store.read() as conn:
        assert suppressions.count(conn) == 0


async def test_case_35_no_starttls_no_mail_no_loss_and_an_alert(house: House) -> None:
    people(house, at("one.example", 8))
    async with SmtpServer() as server:
        deliverer = house.deliverer(channel(house, server, tls="starttls"))
        await deliverer.once()
        house.apply_inbox()
        assert (server.accepted, set(house.states())) == ([], {"deferred"})
        assert any("STARTTLS" in why for why in told(house))
        with house.store.read() as conn:
            assert all(records.find(conn, f"email-hello-{n}").handed_at is None for n in range(8))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "settings",
    [{"mails_per_connection": 7},
     {"mails_per_connection": 7, "goodbye": "421 4.7.0 enough", "goodbye_at": "DATA"}],
    ids=str,
)  # fmt: skip
async def test_case_36_a_provider_that_hangs_up_every_few_mails_gets_each_once(
    house: House, settings: dict[str, object]
) -> None:
    people(house, at("one.example", 60))
    async with SmtpServer(**settings) as server:  # type: ignore[arg-type]
        await house.rounds(house.deliverer(channel(house, server)))
    assert arrived(server) == Counter(at("one.example", 60))
    assert house.states() == {"accepted": 60}


async def test_the_token_of_a_mail_is_kept_with_it_so_that_its_bounce_finds_it(house: House) -> None:
    people(house, ["a@one.example"])
    with house.store.read() as conn:
        key = meta.secret(conn)
    async with SmtpServer() as server:
        where = Server("127.0.0.1", server.port, return_path="bounces@shop.example")
        house.opened.append(EmailChannel(where, key, house.clock))
        await house.deliverer(house.opened[-1]).once()
    with house.store.read() as conn:
        ((ref,),) = conn.exec_driver_sql("SELECT ref FROM outbox").fetchall()
    assert ref == token_of(key, "email-hello-0")
    assert any(f"<bounces+{ref}@shop.example>" in command for command in server.commands)


async def test_a_full_or_disabled_mailbox_is_a_failure_that_closes_nothing_at_once(house: House) -> None:
    people(house, ["full@one.example", "off@one.example"])
    says = {"full@one.example": "552 5.2.2 full", "off@one.example": "550 5.2.1 disabled"}
    async with SmtpServer(rcpt=says) as server:
        deliverer = house.deliverer(channel(house, server))
        await deliverer.once()
        house.apply_inbox()
        assert house.states() == {"failed": 2}
        with house.store.read() as conn:
            assert suppressions.count(conn) == 0
        house.clock.advance(2 * DAY)
        house.plan(2, template="again")
        await deliverer.once()
        with house.store.read() as conn:
            assert suppressions.active(conn, "email", "off@one.example")  # 5.2.1 the second time
            assert not suppressions.active(conn, "email", "full@one.example")


async def test_a_mail_refused_for_now_for_three_days_is_a_soft_bounce(house: House) -> None:
    people(house, ["a@one.example"])
    hour = 0
    async with SmtpServer(rcpt={"one.example": "451 4.4.1 no route"}) as server:
        deliverer = house.deliverer(channel(house, server))
        for hour in range(100):  # noqa: B007
            await deliverer.once()
            house.apply_inbox()
            if "failed" in house.states():
                break
            house.clock.advance(HOUR)
    assert 72 <= hour < 80
    with house.store.read() as conn:
        assert suppressions.count(conn) == 0
        assert conn.exec_driver_sql("SELECT count(*) FROM soft_bounce").fetchall() == [(1,)]
