"""Pacing by the domain of the recipient: few at once, rarer when it says "not now", none when it refuses the
sender.

What is kept here is in memory and of one channel; a pause stands in the store and is asked in the hand-over
as well.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.channels.base import Channel, Delivery
from engine.channels.mail_headers import domain_of
from engine.channels.registrable_domain import registrable_domain
from engine.clock import Clock
from engine.runtime.delivery.attempt import Attempt, Notice, Witness
from engine.store.journeys import pauses
from engine.store.messages import queue
from engine.values import MINUTE, SECOND, Instant

WAVES = Backoff(5 * SECOND, 30 * MINUTE, spread=5)
PROBE = 20 * SECOND
"""So long the others wait for what the first message after a back-off finds out."""

PATIENCE_SECONDS = 10.0
"""Real seconds that a message waits for a slot of its domain before it makes room for others."""

SLOW = 2 * MINUTE
PAUSED = 15 * MINUTE
REFUSING_OWNERS = 3
"""So many owners of domains that refuse the sender, ..."""

REFUSED_SHARE = 0.5
"""... and such a share of the last answers: then it is no matter of a domain."""

LAST_ANSWERS = 50

_SERVER = ""
"""The state of the server as a whole, beside those of the domains."""


@runtime_checkable
class _PerDomain(Protocol):
    per_domain: int


@dataclass(slots=True)
class _State:
    """What a domain, or the server, has said lately."""

    waves: int = 0  # how often in a row it said "not now"
    until: Instant = Instant(0)  # nothing goes there before
    probing: bool = False  # one message is under way to find out whether it takes more by now
    slow_until: Instant = Instant(0)  # it takes no more than are under way


@dataclass(slots=True)
class _Gate:
    slots: asyncio.Semaphore
    users: int = 0  # messages that have a slot or wait for one; without any the gate is dropped


class DomainPacing:
    """The recipient domains of one channel; for channels without domains it lets everything pass. `speed`:
    engine milliseconds per real one; `senders`: how many processes share what a domain takes at once."""

    def __init__(
        self, channel: Channel, clock: Clock, speed: float = 1.0, senders: Callable[[], int] = lambda: 1
    ) -> None:
        self._name = channel.name
        self._per_domain = channel.per_domain if isinstance(channel, _PerDomain) else 0
        self._clock = clock
        self._speed = speed
        self._senders = senders
        self._states: dict[str, _State] = {}
        self._gates: dict[str, _Gate] = {}
        # the last answers: who refused us, by the owner of his domain, or None for what was taken
        self._answers: deque[tuple[str, Witness] | None] = deque(maxlen=LAST_ANSWERS)
        self._stopped: set[str] = set()

    # --- may it go? -----------------------------------------------------------------------------

    def defer(self, conn: Connection, attempts: Sequence[Attempt]) -> frozenset[int]:
        """Puts back, before their bodies are stored, what a domain does not take now. The numbers of these
        messages."""
        if self._name != "email":
            return frozenset()
        paused, deferred = pauses.paused_domains(conn), set()
        self._stopped &= paused  # an operator has resumed the others
        for attempt in attempts:
            address = attempt.content.address
            put_off = self._put_off(domain_of(address), attempt.message.send_key, paused)
            if put_off is not None and queue.release(conn, attempt.message, *put_off, address):
                deferred.add(attempt.message.number)
        return frozenset(deferred)

    @asynccontextmanager
    async def slot(self, address: str, key: str) -> AsyncIterator[Instant | None]:
        """Waits for a slot of the domain, and has it until the end of the block. None: there it is; else the
        moment to which the message is put off, since there is none soon, or the domain has said "not now"
        meanwhile."""
        domain = self._domain(address)
        if not domain or not self._per_domain:
            yield None
            return
        gate = self._gates.setdefault(domain, _Gate(asyncio.Semaphore(self._share())))
        gate.users += 1
        has_slot = False
        try:
            put_off = None
            try:
                if gate.slots.locked():
                    await asyncio.wait_for(gate.slots.acquire(), PATIENCE_SECONDS)
                else:  # without a task and a timer of its own
                    await gate.slots.acquire()
                has_slot = True
            except TimeoutError:
                now = self._clock.now()
                self._states.setdefault(domain, _State()).slow_until = self._after(now, SLOW)
                put_off = self._spread(now, SLOW, key)
            else:
                # asked only now: the answers that came while it waited are the reason to wait longer
                put_off = self._refused_meanwhile(domain, key)
            yield put_off
        finally:
            if has_slot:
                gate.slots.release()
            gate.users -= 1
            if not gate.users:
                self._gates.pop(domain, None)

    def _refused_meanwhile(self, domain: str, key: str) -> Instant | None:
        state, now = self._states.get(domain), self._clock.now()
        if domain in self._stopped:
            return self._spread(now, PAUSED, key)
        if state is not None and state.waves and now < state.until and not state.probing:
            return self._spread(state.until, WAVES.first, key)
        return None

    def _put_off(self, domain: str, key: str, paused: frozenset[str]) -> tuple[Instant, str] | None:
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
            if now < state.slow_until and gate is not None and gate.users >= 2 * self._share():
                return self._spread(now, SLOW, key), f"{name} answers slowly"
        for name in (_SERVER, domain):
            tried = self._states.get(name)
            if tried is not None and tried.waves:  # this one goes and shows whether the others may
                tried.until, tried.probing = self._after(now, PROBE), True
        return None

    # --- what an answer says --------------------------------------------------------------------

    def notice(self, address: str, delivery: Delivery, customer: str = "") -> Notice:
        """Learns from an answer to a message to a customer."""
        domain = self._domain(address)
        if not domain or not self._per_domain:
            return Notice()
        if delivery.kind == "never left" and delivery.fault == "provider":  # no server has said anything
            return Notice()
        if delivery.fault == "sender":
            return self._refused(delivery, Witness(customer, address))
        if delivery.kind == "refused for now" and delivery.fault == "provider":
            if delivery.domain:
                # the server has passed the domain's words on, so it takes mail itself
                self._states.pop(_SERVER, None)
            self._back_off(delivery.domain)
        elif delivery.kind not in ("never left", "unknown"):
            self._answers.append(None)
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

    def _refused(self, delivery: Delivery, witness: Witness) -> Notice:
        if not delivery.domain:
            return Notice()
        why = f"{delivery.detail}: {delivery.raw}"
        self._stopped.add(delivery.domain)
        answer = (registrable_domain(delivery.domain), witness)
        if answer not in self._answers:  # tried again and again, it is one refusal
            self._answers.append(answer)
        refused = [answer for answer in self._answers if answer is not None]
        # one for each owner: a single one may have any number of domains below his own
        witnesses = dict(refused)
        notice = Notice(domain=delivery.domain, why=why)
        if len(witnesses) < REFUSING_OWNERS or len(refused) < REFUSED_SHARE * len(self._answers):
            return notice
        self._answers.clear()
        return replace(notice, channel=why, witnesses=tuple(witnesses.values()), needed=REFUSING_OWNERS)

    def try_again(self, domain: str) -> None:
        """Its pause was lifted: one message shows whether it takes more."""
        self._stopped.discard(domain)
        self._states[domain] = _State(waves=1, until=self._clock.now())

    def _share(self) -> int:
        return max(1, self._per_domain // self._senders())

    def _domain(self, address: str) -> str:
        return domain_of(address) if self._name == "email" else ""

    def _after(self, now: Instant, length: int) -> Instant:
        return Instant(now + int(length * self._speed))

    def _spread(self, now: Instant, length: int, key: str) -> Instant:
        """After this length, and up to a fifth later, so that crowds part; by the key, so that it comes out
        the same."""
        return self._after(now, WAVES.spread_out(length, key))
