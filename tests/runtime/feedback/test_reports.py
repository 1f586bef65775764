"""What providers say later: messages settle, addresses close, journeys go on, and everything counts once."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.channels.base import Delivery, HandOver, Message, OutcomeKind, Report, ReportKind
from engine.core.facts.customer import Reach
from engine.store.customers import consents, enrollments, suppressions
from engine.store.messages import sessions
from engine.values import DAY, HOUR, MINUTE
from tests.runtime.sending_shop import CART, SENDING_FILES, SendingShop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[SendingShop]:
    opened = SendingShop(tmp_path)
    yield opened
    await opened.close()


def told(kind: ReportKind, event: str, key: str = "", **more: object) -> Report:
    return Report(kind, event, key, **more)  # type: ignore[arg-type]


async def sent(sender: SendingShop, *channels: str) -> str:
    """Anna leaves a cart and gets the first message of the cascade; its key."""
    addresses = {"push": "token-1", "email": "Anna@Example.com", "sms": "+359881234567"}
    sender.customer("anna", **{channel: addresses[channel] for channel in channels})
    sender.shop.event("anna", "cart_updated")
    await sender.settle_down()
    assert sender.message("anna", channels[0]).state == "accepted"
    return sender.message("anna", channels[0]).send_key


def closed(sender: SendingShop, channel: str, address: str) -> dict[str, str]:
    with sender.store.read() as conn:
        return suppressions.active(conn, channel, address)


async def test_case_40_fifty_duplicates_in_any_order_end_delivered_and_count_once(
    sender: SendingShop,
) -> None:
    key = await sent(sender, "push", "email")
    said = [
        told("accepted", "SM1:sent", key),
        told("delivered", "SM1:delivered", key),
        told("accepted", "SM1:queued", key),
    ]
    calls = said[1:2] + random.Random(40).sample(said * 50, 150)  # delivered comes before sent
    taken = [sender.report("push", call) for call in calls]
    assert sender.states()["anna push"] == "delivered"
    assert sum(each.new for each in taken) == 3
    assert sum(sum(each.kinds.values()) for each in taken) == 3
    assert sum(each.known for each in taken) == len(calls) - 3
    assert sender.look("SELECT count(*) FROM report") == [(3,)]


async def test_a_report_finds_its_message_by_the_providers_id_and_never_that_of_another_channel(
    sender: SendingShop,
) -> None:
    await sent(sender, "push", "email")
    provider_id = sender.message("anna", "push").provider_id
    assert provider_id
    assert sender.report("email", told("delivered", "e1", provider_id=provider_id)).lost == 1
    assert sender.report("push", told("delivered", "e2", provider_id=provider_id)).new == 1
    assert sender.states()["anna push"] == "delivered"


async def test_case_31_a_dead_address_is_closed_and_the_cascade_goes_on_at_once(sender: SendingShop) -> None:
    key = await sent(sender, "email", "sms")
    sender.report(
        "email", told("bounced", "dsn-1", key, address="anna@example.com", detail="550 5.1.1 no such user")
    )
    await sender.settle_down()
    assert sender.states() == {"anna email": "bounced", "anna sms": "accepted"}
    assert sender.reach("anna", "email").bounced
    assert "5.1.1" in closed(sender, "email", "anna@example.com")["all"]


@pytest.mark.parametrize("fault", ["sender", "template"])
async def test_a_bounce_that_is_our_own_fault_closes_nobody(sender: SendingShop, fault: str) -> None:
    key = await sent(sender, "email", "sms")
    sender.report("email", told("bounced", "dsn-1", key, detail="550 5.7.1 blocked", fault=fault))
    assert sender.states()["anna email"] == "failed"
    assert not sender.reach("anna", "email").bounced
    assert closed(sender, "email", "anna@example.com") == {}
    assert bool(sender.look("SELECT why FROM alert")) == (fault == "sender")


async def test_a_bounce_of_an_address_that_the_customer_has_left_does_not_close_the_new_one(
    sender: SendingShop,
) -> None:
    key = await sent(sender, "email", "sms")
    sender.customer("anna", email="anna@new.example")
    sender.shop.run()
    sender.report("email", told("bounced", "dsn-1", key))
    await sender.settle_down()
    assert sender.states() == {"anna email": "bounced", "anna sms": "accepted"}
    assert sender.reach("anna", "email") == Reach("anna@new.example", {"marketing": "given"})


async def test_case_46_one_dead_device_goes_and_the_others_are_still_used(sender: SendingShop) -> None:
    sender.customer("anna", push="token-1\ntoken-2\ntoken-3")
    sender.shop.event("anna", "cart_updated")
    await sender.settle_down()
    key = sender.message("anna", "push").send_key
    sender.report("push", told("bounced", "u1", key, address="token-2"))
    assert sender.reach("anna", "push").address == "token-1\ntoken-3"
    assert not sender.reach("anna", "push").bounced
    assert sender.states()["anna push"] == "accepted"


async def test_a_mailbox_that_is_full_counts_days_and_only_when_it_goes_on(sender: SendingShop) -> None:
    key = await sent(sender, "email")
    for day in (0, 0, 3, 6, 9):
        sender.report(
            "email",
            told("bounced for now", f"d{day}-{random.random()}", key, at=sender.clock.now() + day * DAY),
        )
    assert sender.look("SELECT count(*) FROM soft_bounce") == [(1,)]  # what lies in the future counts as now
    for number in range(4):
        sender.clock.advance(3 * DAY)
        sender.report("email", told("bounced for now", f"n{number}", key))
    assert closed(sender, "email", "anna@example.com") == {}  # five days, but within twelve
    sender.clock.advance(3 * DAY)
    sender.report("email", told("bounced for now", "last", key, detail="552 5.2.2 full"))
    assert "all" in closed(sender, "email", "anna@example.com")
    assert sender.reach("anna", "email").bounced


async def test_a_disabled_mailbox_closes_the_second_day_and_a_delivery_forgets_the_first(
    sender: SendingShop,
) -> None:
    key = await sent(sender, "email")
    sender.report("email", told("bounced for now", "1", key, enough=2))
    sender.report("email", told("delivered", "2", key))
    sender.clock.advance(DAY)
    sender.report("email", told("bounced for now", "3", key, enough=2))
    assert closed(sender, "email", "anna@example.com") == {}
    sender.clock.advance(DAY)
    sender.report("email", told("bounced for now", "4", key, enough=2))
    assert "all" in closed(sender, "email", "anna@example.com")


async def test_case_88_a_complaint_ends_all_marketing_to_the_person_and_nothing_else(
    sender: SendingShop,
) -> None:
    key = await sent(sender, "email", "sms")
    sender.report("email", told("complained", "arf-1", key))
    assert sender.states()["anna email"] == "complained"
    assert dict(sender.reach("anna", "email").consents) == {"marketing": "withdrawn"}
    assert list(closed(sender, "email", "anna@example.com")) == [suppressions.ANY_PURPOSE]
    with sender.store.read() as conn:
        assert {(line.channel, line.state, line.source) for line in consents.of_customer(conn, "anna")} == {
            ("email", "withdrawn", "complaint on email"),
            ("sms", "withdrawn", "complaint on email"),
        }


async def test_a_complaint_about_a_number_closes_every_channel_of_the_number(sender: SendingShop) -> None:
    await sent(sender, "sms")
    sender.report("sms", told("complained", "c1", address="+359 88 123 4567"))
    assert list(closed(sender, "whatsapp", "+359881234567")) == [suppressions.ANY_PURPOSE]
    assert dict(sender.reach("anna", "sms").consents) == {"marketing": "withdrawn"}


async def test_stop_closes_the_number_and_start_opens_it_again(sender: SendingShop) -> None:
    await sent(sender, "sms")
    sender.customer("anna", sms="+359881234567")
    sender.report("sms", told("unsubscribed", "in-1", address="+359881234567", detail="Stop."))
    assert list(closed(sender, "sms", "+359881234567")) == ["all"]
    assert sender.reach("anna", "sms").suppressed == "all"
    assert dict(sender.reach("anna", "sms").consents) == {"marketing": "withdrawn"}
    sender.report("sms", told("subscribed", "in-2", address="+359881234567", detail="START"))
    assert closed(sender, "sms", "+359881234567") == {}
    assert sender.reach("anna", "sms") == Reach("+359881234567", {"marketing": "given"})


async def test_stop_by_rcs_closes_the_number_however_it_is_written(sender: SendingShop) -> None:
    sender.customer("anna", rcs="+359881234567")
    await sender.settle_down()
    sender.report("rcs", told("unsubscribed", "in-1", address="+359 88 123 4567", detail="Stop."))
    assert closed(sender, "rcs", "+359881234567") == {"all": "unsubscribed: Stop."}
    assert sender.reach("anna", "rcs").suppressed == "all"


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "viber", "rcs"])
async def test_a_complaint_closes_rcs_like_every_phone(sender: SendingShop, channel: str) -> None:
    sender.report(channel, told("complained", "c1", address="+359881234567"))
    for phone in ("sms", "whatsapp", "viber", "rcs"):
        assert list(closed(sender, phone, "+359881234567")) == [suppressions.ANY_PURPOSE]


@pytest.mark.parametrize("kind", ["bounced", "complained"])
async def test_start_lifts_no_bounce_and_no_complaint(sender: SendingShop, kind: ReportKind) -> None:
    await sent(sender, "sms")
    sender.report("sms", told(kind, "x", address="+359881234567"))
    before = closed(sender, "sms", "+359881234567")
    sender.report("sms", told("subscribed", "in-2", address="+359881234567"))
    assert closed(sender, "sms", "+359881234567") == before != {}
    assert sender.reach("anna", "sms").bounced or dict(sender.reach("anna", "sms").consents) == {
        "marketing": "withdrawn"
    }


async def test_who_unsubscribes_from_mail_still_gets_what_they_ordered(sender: SendingShop) -> None:
    key = await sent(sender, "email")
    sender.report("email", told("unsubscribed", "u1", key))
    assert closed(sender, "email", "anna@example.com") == {"any purpose": "unsubscribed: "}
    assert dict(sender.reach("anna", "email").consents) == {"marketing": "withdrawn"}


async def test_a_stop_of_a_number_that_nobody_has_still_holds(sender: SendingShop) -> None:
    assert sender.report("sms", told("unsubscribed", "in-1", address="+359887777777")).lost == 1
    sender.customer("bob", sms="+359887777777")
    sender.shop.event("bob", "cart_updated")
    await sender.settle_down()
    assert sender.states() == {"bob sms": "suppressed"}
    assert sender.sent() == {}


async def test_a_reply_is_a_reaction_to_the_last_message_and_ends_the_cascade(sender: SendingShop) -> None:
    await sent(sender, "push", "sms")
    await sender.later(HOUR + MINUTE)
    assert sender.states() == {"anna push": "accepted", "anna sms": "accepted"}
    sender.report("sms", told("replied", "in-1", address="+359881234567", detail="thanks"))
    assert sender.look("SELECT kind, who, send_key FROM reaction") == [
        ("replied", "human", sender.message("anna", "sms").send_key)
    ]
    with sender.store.read() as conn:
        assert sessions.last_at(conn, "sms", "+359881234567") == sender.clock.now()


async def test_a_click_reported_by_the_provider_ends_the_cascade(sender: SendingShop) -> None:
    key = await sent(sender, "push", "email")
    sender.report("push", told("clicked", "c1", key))
    await sender.later(2 * HOUR)
    assert sender.states() == {"anna push": "accepted"}


async def test_what_was_said_before_the_answer_counts_when_the_answer_comes(sender: SendingShop) -> None:
    """The provider called back, by its own id, before we had read its answer to our request."""
    sender.customer("anna", push="token-1")
    sender.shop.event("anna", "cart_updated")
    sender.shop.run()
    key = sender.message("anna", "push").send_key
    provider_id = await _provider_id_of_next(sender, key)
    assert sender.report("push", told("delivered", "d1", provider_id=provider_id)).lost == 1
    await sender.later(1)
    assert sender.message("anna", "push").provider_id == provider_id
    assert sender.states()["anna push"] == "delivered"


async def _provider_id_of_next(sender: SendingShop, key: str) -> str:
    """The folder names a file after the key, so that the id is known before."""
    sender.customer("probe", push="token-9")
    sender.shop.event("probe", "cart_updated")
    sender.shop.run()
    sender.store.write(
        lambda conn: conn.exec_driver_sql("UPDATE outbox SET ready_at = ready_at + 1 WHERE customer = 'anna'")
    )
    await sender.deliverer.once()
    probe = sender.message("probe", "push")
    assert probe.provider_id is not None
    return probe.provider_id.replace(probe.send_key, key)


# --- what the answer itself says ---------------------------------------------------------------------


class Saying:
    """A channel whose provider gives one answer to everything, before or after the hand-over."""

    concurrency = 2

    def __init__(self, name: str, says: Delivery, *, hands: bool = True) -> None:
        self.name, self.says, self.hands = name, says, hands

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        assert message.address
        if self.hands and not await hand_over():
            return Delivery("never left")
        return self.says

    async def close(self) -> None:
        pass


async def left_a_cart(sender: SendingShop, channel: Saying, **addresses: str) -> None:
    sender.channels[channel.name] = channel
    sender.start()
    sender.customer("anna", **addresses)
    sender.shop.event("anna", "cart_updated")
    await sender.settle_down()


async def test_case_31_an_address_refused_before_the_hand_over_opens_the_next_channel(
    sender: SendingShop,
) -> None:
    dead = Delivery("bounced", detail="550 5.1.1 no such user", fault="address")
    await left_a_cart(
        sender, Saying("email", dead, hands=False), email="anna@example.com", sms="+359881234567"
    )
    assert sender.states() == {"anna email": "bounced", "anna sms": "accepted"}
    assert sender.reach("anna", "email").bounced


async def test_case_44_an_opt_out_at_the_provider_closes_the_number_and_the_cascade_goes_on(
    sender: SendingShop,
) -> None:
    stopped = Delivery("refused", detail="21610", fault="address", closed="unsubscribed")
    files = {**SENDING_FILES, "journeys/cart.yaml": CART.replace("[push, email, sms]", "[sms, email]")}
    other = SendingShop(sender.folder / "other", files)
    try:
        await left_a_cart(other, Saying("sms", stopped), email="anna@example.com", sms="+359881234567")
        assert other.states() == {"anna sms": "failed", "anna email": "accepted"}
        assert other.reach("anna", "sms").suppressed == "all"
        assert list(closed(other, "sms", "+359881234567")) == ["all"]
    finally:
        await other.close()


@pytest.mark.parametrize(("kind", "left"), [("accepted", "token-1\ntoken-3"), ("bounced", "")])
async def test_case_46_devices_that_the_answer_calls_dead_are_taken_away(
    sender: SendingShop, kind: OutcomeKind, left: str
) -> None:
    says = Delivery(kind, "id", fault="address", dead=("token-2",))
    await left_a_cart(sender, Saying("push", says), push="token-1\ntoken-2\ntoken-3")
    assert sender.states() == {"anna push": kind}
    assert sender.reach("anna", "push").address == left


async def test_an_open_that_a_mail_provider_reports_is_nobodys_reaction(sender: SendingShop) -> None:
    key = await sent(sender, "email", "sms")
    sender.report("email", told("opened", "o1", key))
    assert sender.look("SELECT kind, who FROM reaction") == [("opened", "unknown")]
    with sender.store.read() as conn:
        (run,) = enrollments.of_customer(conn, 0, "anna")
    assert [part.opened_at for parts in run.sent.values() for part in parts] == [None]
