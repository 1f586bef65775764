"""Pacing by the domain of the recipient: few at once, rarer when it says "not now", none when it refuses the sender.

What is kept here is in memory and of one channel; a pause stands in the store and is asked in the hand-over as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.channels.base import Channel, Delivery, Report
from engine.channels.mail_headers import domain_of
from engine.clock import Clock
from engine.core.effects import Alert
from engine.runtime.feedback.reports import take_reports
from engine.store import alerts
from engine.store.journeys import pauses
from engine.store.messages import domains as kept
from engine.store.messages.records import OutboxMessage
from engine.values import HOUR, MINUTE, SECOND, Instant

WAVES = Backoff(5 * SECOND, 30 * MINUTE, spread=5)
PROBE = 20 * SECOND
"""So long the others wait for what the first message after a back-off finds out."""

PATIENCE_SECONDS = 10.0
"""Real seconds that a message waits for a place of its domain before it makes room for others."""

SLOW = 2 * MINUTE
PAUSED = 15 * MINUTE
REFUSING_DOMAINS = 3
"""So many domains in a row that refuse the sender: then it is no matter of a domain."""

LOST_CONNECTIONS = 3
GIVE_UP_AFTER = 72 * HOUR
"""design/reliability 3.3: a temporary refusal is tried again so long, and at least so often:"""

GIVE_UP_TRIES = 12
ENOUGH_WHEN_DISABLED = 2
_SERVER = ""


@runtime_checkable
class _PerDomain(Protocol):
    per_domain: int


@dataclass(slots=True)
class _State:
    """`waves`: how often in a row a domain said "not now"; nothing goes there before `until`, or while one message is
    under way to try it again (`probing`)."""

    waves: int = 0
    until: Instant = Instant(0)
    probing: bool = False
    slow_until: Instant = Instant(0)


@dataclass(slots=True)
class _Gate:
    places: asyncio.Semaphore
    users: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """What an answer says beyond its own message. `domain` stands still from now on; `channel`: why the whole channel
    has to; `lifted`: domains that were paused for what turned out to be the channel's; `alerts`: what people have to know."""

    domain: str = ""
    why: str = ""
    channel: str = ""
    lifted: Sequence[str] = field(default_factory=tuple)
    alert: str = ""


class DomainPacing:
    """The recipient domains of one channel; for channels without domains it lets everything pass. `speed`: engine
    milliseconds per real one."""

    def __init__(self, channel: Channel, clock: Clock, speed: float = 1.0) -> None:
        self._name = channel.name
        self._per_domain = channel.per_domain if isinstance(channel, _PerDomain) else 0
        self._clock = clock
        self._speed = speed
        self._states: dict[str, _State] = {}
        self._gates: dict[str, _Gate] = {}
        self._refusing: dict[str, str] = {}
        self._stopped: set[str] = set()
        self._lost = 0

    # --- may it go? -----------------------------------------------------------------------------

    def defer(self, conn: Connection, written: Sequence[tuple[OutboxMessage, str]]) -> frozenset[int]:
        """Puts back, before they are written down, what a domain does not take now: (message, address). Their numbers."""
        if self._name != "email":
            return frozenset()
        paused, away = kept.paused(conn), set()
        self._stopped &= paused
        for claimed, address in written:
            domain = domain_of(address)
            found = self._wait(domain, claimed.send_key, paused)
            if found is not None and kept.defer(conn, claimed, found[0], found[1], address):
                away.add(claimed.number)
        return frozenset(away)

    async def enter(self, address: str, key: str) -> Instant | None:
        """Waits for a place of the domain. The moment to which the message is put off when there is none soon, or when
        the domain has said "not now" meanwhile. Who got a place has to `leave`."""
        domain = self._domain(address)
        if not domain or not self._per_domain:
            return None
        gate = self._gates.setdefault(domain, _Gate(asyncio.Semaphore(self._per_domain)))
        gate.users += 1
        try:
            await asyncio.wait_for(gate.places.acquire(), PATIENCE_SECONDS)
        except TimeoutError:
            self._release(domain, gate)
            now = self._clock.now()
            self._states.setdefault(domain, _State()).slow_until = self._after(now, SLOW)
            return self._spread(now, SLOW, key)
        except asyncio.CancelledError:
            self._release(domain, gate)
            raise
        state, now = self._states.get(domain), self._clock.now()
        if domain in self._stopped:
            gate.places.release()
            self._release(domain, gate)
            return self._spread(now, PAUSED, key)
        if state is not None and state.waves and now < state.until and not state.probing:
            gate.places.release()
            self._release(domain, gate)
            return self._spread(state.until, WAVES.first, key)
        return None

    def leave(self, address: str) -> None:
        """The place is free again."""
        domain = self._domain(address)
        gate = self._gates.get(domain)
        if gate is not None:
            gate.places.release()
            self._release(domain, gate)

    def _wait(self, domain: str, key: str, paused: frozenset[str]) -> tuple[Instant, str] | None:
        now = self._clock.now()
        if domain in paused:
            return self._spread(now, PAUSED, key), f"the domain {domain} is paused"
        for name in (_SERVER, domain):
            state = self._states.get(name, _State())
            if state.waves and now < state.until:
                return self._spread(
                    state.until, WAVES.first, key
                ), f"{name or 'the server'} asks to try later"
            gate = self._gates.get(name)
            if now < state.slow_until and gate is not None and gate.users >= 2 * self._per_domain:
                return self._spread(now, SLOW, key), f"{name} answers slowly"
        for name in (_SERVER, domain):
            tried = self._states.get(name)
            if tried is not None and tried.waves:  # this one goes and shows whether the others may
                tried.until, tried.probing = self._after(now, PROBE), True
        return None

    # --- what an answer says --------------------------------------------------------------------

    def notice(self, address: str, delivery: Delivery) -> Notice:
        """Learns from an answer."""
        domain = self._domain(address)
        is_lost = delivery.kind == "never left" and delivery.fault == "provider"
        self._lost = self._lost + 1 if is_lost else 0
        if self._lost == LOST_CONNECTIONS:
            return Notice(alert=f'the channel "{self._name}" cannot send: {delivery.detail}')
        if is_lost or not domain or not self._per_domain:
            return Notice()
        if delivery.fault == "sender":
            return self._refused(delivery)
        if delivery.kind == "refused for now" and delivery.fault == "provider":
            if delivery.domain:
                self._states.pop(_SERVER, None)
            self._back_off(delivery.domain)
        elif delivery.kind not in ("never left", "unknown"):
            self._refusing.clear()
            self._states.pop(_SERVER, None)
            state = self._states.get(domain)
            if state is not None:
                state.waves = 0
                if self._clock.now() >= state.slow_until:
                    del self._states[domain]
        return Notice()

    def _back_off(self, domain: str) -> None:
        """A wave of refusals counts once, however many were under way."""
        now, state = self._clock.now(), self._states.setdefault(domain, _State())
        if state.waves and now < state.until and not state.probing:
            return
        state.probing = False
        state.waves += 1
        state.until = self._after(now, WAVES.wait(state.waves, f"{domain}{state.waves}"))

    def _refused(self, delivery: Delivery) -> Notice:
        if not delivery.domain:
            return Notice()
        why = f"{delivery.detail}: {delivery.raw}"
        self._refusing[delivery.domain] = why
        if len(self._refusing) < REFUSING_DOMAINS:
            self._stopped.add(delivery.domain)
            return Notice(domain=delivery.domain, why=why)
        refusing, self._refusing, self._stopped = list(self._refusing), {}, set()
        return Notice(channel=why, lifted=refusing)

    def _domain(self, address: str) -> str:
        return domain_of(address) if self._name == "email" else ""

    def _release(self, domain: str, gate: _Gate) -> None:
        gate.users -= 1
        if not gate.users:
            self._gates.pop(domain, None)

    def _after(self, now: Instant, length: int) -> Instant:
        return Instant(now + int(length * self._speed))

    def _spread(self, now: Instant, length: int, key: str) -> Instant:
        """After this length, and up to a fifth later, so that crowds part; by the key, so that it comes out the same."""
        return self._after(now, WAVES.spread_out(length, key))


def apply(conn: Connection, notice: Notice, now: Instant) -> None:
    """Writes down what was noticed: the pause of a domain and its alert, once."""
    for domain in notice.lifted:
        pauses.resume(conn, "domain", domain)
    if notice.alert:
        alerts.raise_alerts(conn, [Alert("", "", notice.alert)], now)
    if notice.domain and notice.domain not in kept.paused(conn):
        pauses.pause(conn, "domain", notice.domain, now, "deliverer", notice.why[:500])
        said = f"mail to {notice.domain} was paused, since it refuses us as a sender: {notice.why}"[:400]
        alerts.raise_alerts(conn, [Alert("", "", said)], now)


def release(conn: Connection, message: OutboxMessage, ready_at: Instant, address: str) -> None:
    """A message that found no place of its domain."""
    kept.defer(conn, message, ready_at, f"{domain_of(address)} takes no more now", address)


def is_given_up(message: OutboxMessage, delivery: Delivery, now: Instant) -> bool:
    """Has an e-mail been refused for now so long that it counts as a soft bounce?"""
    return (
        message.channel == "email"
        and delivery.kind == "refused for now"
        and delivery.fault in ("provider", "address")
        and now - message.due_at >= GIVE_UP_AFTER
        and message.attempts >= GIVE_UP_TRIES
    )


def note_soft_bounce(conn: Connection, message: OutboxMessage, delivery: Delivery, now: Instant) -> None:
    """A bounce that closes its address only when it goes on."""
    report = Report(
        "bounced for now",
        f"smtp {message.send_key} {message.attempts}",
        message.send_key,
        at=now,
        detail=delivery.detail,
        raw=delivery.raw,
        fault="address",
        enough=ENOUGH_WHEN_DISABLED if delivery.soft == "disabled" else 0,
    )
    take_reports(conn, message.channel, [report], now)
