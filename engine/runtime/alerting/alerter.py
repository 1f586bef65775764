"""Tells people: gathers alerts and troubles into one message for each destination, and sends it.

A part of its own: a mail server that is slow to take an alert holds back no customer's message. Alerts go
past pauses, policies and `deliver_only`, which are about customers. What is sent twice after a crash is an
alert told twice; what is not sent is kept for a day, told by `status`, and tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.channels.base import Channel
from engine.channels.egress import Egress
from engine.clock import Clock
from engine.config import Config
from engine.config.alerts import is_mailable
from engine.errors import UsageError, WorldError
from engine.runtime import staff_mail
from engine.runtime.alerting import trouble_detection, wording
from engine.runtime.delivery.webhooks import headers_of
from engine.runtime.staff_mail import SENDING_SECONDS, StaffMail
from engine.store import meta
from engine.store.alerting import alert_messages, alerts, troubles
from engine.store.alerting.alert_messages import AlertEntry, AlertMessage
from engine.store.database import Store
from engine.values import DAY, MINUTE, SECOND, Instant

log = structlog.get_logger("alerts")

BEAT = 5.0
"""Seconds between two ticks."""

LOOK = 15 * SECOND
"""Between two looks at what is wrong."""

RETRIES = Backoff(MINUTE, 30 * MINUTE, factor=2, spread=10)
GIVE_UP_AFTER = DAY
LEASE = 2 * MINUTE
"""Longer than an attempt can take: then its process is dead."""

AT_A_TIME = 500
"""Alerts that one tick puts into messages."""

WEBHOOK = "webhook"
MAIL = "mail:"

AlertOutcome = Literal["sent", "failed"]


@dataclass(frozen=True, slots=True)
class AlertSetup:
    """What an alerter works with. `config`: of the current deployment; `channel`: by which e-mail leaves,
    None where there is none; `parts`: what stands in the way of parts of this daemon; `folder`: of the
    store's file; `leads`: of several processes on one store, one looks and gathers."""

    store: Store
    clock: Clock
    config: Callable[[], Config]
    channel: Callable[[], Channel | None]
    owner_of: Callable[[str], str] = lambda _journey: ""
    parts: Callable[[], Mapping[str, str]] = dict
    folder: Path | None = None
    leads: Callable[[], bool] = lambda: True
    on_outcome: Callable[[str, AlertOutcome], None] = lambda _way, _outcome: None


class Alerter:
    """Sends what people have to know."""

    def __init__(self, setup: AlertSetup) -> None:
        self._setup = setup
        self._looked_at = Instant(0)
        self._egress = Egress(setup.config().egress)
        self._allowed = setup.config().egress
        with setup.store.read() as conn:
            self._instance = meta.instance(conn)

    async def tick(self) -> float:
        """Gathers what came up, and sends what is due; how long to rest then, in seconds."""
        if self._setup.leads():
            await asyncio.to_thread(self._gather)
        setup = self._setup
        due = await setup.store.aread(lambda conn: alert_messages.due(conn, setup.clock.now()))
        await asyncio.gather(*(self._attempt(message) for message in due))
        return BEAT

    async def close(self) -> None:
        """Closes idle connections."""
        await self._egress.close()

    # --- what came up -----------------------------------------------------------------------------

    def _gather(self) -> None:
        """In a thread of its own. It hands the writer a job only when there is something to write."""
        setup, now = self._setup, self._setup.clock.now()
        config = setup.config()
        is_look = config.alerts is not None and now - self._looked_at >= LOOK
        seen: dict[str, str] = {}
        with setup.store.read() as conn:
            is_news = alerts.is_any_untold(conn)
            stand = bool(troubles.standing(conn)) if is_look else False
            if is_look:
                seen = trouble_detection.store_troubles(conn, config, now)
        if is_look:
            self._looked_at = now
            seen |= trouble_detection.process_troubles(setup.parts(), setup.folder)
        if is_news or seen or stand:
            setup.store.write(lambda conn: self._write(conn, config, seen if is_look else None, now))

    def _write(
        self, conn: Connection, config: Config, seen: Mapping[str, str] | None, now: Instant,
    ) -> None:  # fmt: skip
        raised = alerts.take_untold(conn, now, AT_A_TIME)
        if config.alerts is None:
            return  # nobody wants to hear of them
        entries = [
            AlertEntry(
                "raised",
                alert.at,
                alert.journey,
                alert.owner or (self._setup.owner_of(alert.journey) if alert.journey else ""),
                alert.why,
            )
            for alert in raised
        ]
        if seen is not None:
            entries += troubles.note(conn, seen, now, config.alerts.again)
        wanted: dict[str, list[AlertEntry]] = {}
        for entry in entries:
            # the operators hear of everything, the owner of a journey of what concerns it
            owners = (entry.owner,) if is_mailable(entry.owner) else ()
            mails = dict.fromkeys(f"{MAIL}{address}" for address in (*config.alerts.email, *owners))
            for destination in [*mails, *([WEBHOOK] if config.alerts.webhook is not None else [])]:
                wanted.setdefault(destination, []).append(entry)
        for destination, lines in wanted.items():
            alert_messages.put(conn, destination, lines, now)

    # --- on its way -------------------------------------------------------------------------------

    async def _attempt(self, message: AlertMessage) -> None:
        setup, now = self._setup, self._setup.clock.now()
        # taken before it is sent, so that of several processes one sends it
        taken = await setup.store.awrite(lambda conn: alert_messages.take(conn, message, now, LEASE))
        if taken is None:
            return
        way = taken.destination.partition(":")[0]
        try:
            sent = await (self._call(taken) if way == WEBHOOK else self._mail(taken))
        except (UsageError, WorldError) as wrong:
            failure = str(wrong)
        else:
            now = setup.clock.now()
            await setup.store.awrite(lambda conn: alert_messages.note_sent(conn, taken, now, sent))
            setup.on_outcome(way, "sent")
            log.info("alert_sent", way=way, alerts=len(taken.entries) + taken.more)
            return
        why = failure[:300]
        now = self._setup.clock.now()
        wait = RETRIES.wait(taken.attempts + 1, f"{taken.number}{taken.attempts}")
        again = None if now - taken.created_at >= GIVE_UP_AFTER else Instant(now + wait)
        log.error("alert_not_sent", way=way, why=why, again=again is not None)
        self._setup.on_outcome(way, "failed")
        await self._setup.store.awrite(lambda conn: alert_messages.note_failure(conn, taken, why, again))

    async def _call(self, message: AlertMessage) -> str:
        """The answer's status. Raises UsageError or WorldError."""
        config = self._setup.config()
        wanted = config.alerts.webhook if config.alerts is not None else None
        if wanted is None:
            raise UsageError("config.yaml names no webhook for alerts any more", "")
        if config.egress != self._allowed:
            await self._egress.close()
            self._egress, self._allowed = Egress(config.egress), config.egress
        key = self._key(message)
        body = wording.body(message, key, config.shop.name)
        headers = headers_of(wanted, key, self._setup.clock.now(), body)
        try:
            async with asyncio.timeout(SENDING_SECONDS):
                answer = await self._egress.post(wanted.url, body, headers)
        except TimeoutError as late:
            raise WorldError(f"no answer within {SENDING_SECONDS:g} seconds", permanent=False) from late
        if not 200 <= answer.status < 300:
            raise WorldError(f"the webhook answered {answer.status}", permanent=False)
        return str(answer.status)

    async def _mail(self, message: AlertMessage) -> str:
        """What the server said. Raises WorldError."""
        config = self._setup.config()
        mail = StaffMail(
            self._key(message), message.destination.removeprefix(MAIL), "alert",
            wording.subject(message, config.shop.name), wording.text(message, config.http.public_url),
        )  # fmt: skip
        return await staff_mail.send(mail, self._setup.channel(), config)

    def _key(self, message: AlertMessage) -> str:
        """The same for every try: whoever gets it twice can tell."""
        return f"alert-{self._instance}-{message.number}"
