"""A day of a small shop that can be broken off anywhere and taken up again: as a daemon would do it.

Run as a program (`python -m tests.runtime.workday FOLDER`) it works until everything is done, so that a test
can kill it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from engine.clock import ManualClock
from engine.core.happening import Event, ProfileChanged
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.publish.last_published import published_project
from engine.store.database import Store, open_store
from engine.store.inbox import inbox
from engine.store.messages import outcomes, queue
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.store.meta import get, put
from engine.values import DAY, HOUR, MINUTE, Instant
from tests.runtime.shop import MONDAY
from tests.stores import address_of

Sink = Callable[[str], None]


@dataclass
class Workday:
    """`sink` is the provider: what reaches it was sent. The moment of the shop is kept in its store."""

    store: Store
    publication: Publication
    customers: list[str]
    sink: Sink

    def wake_up(self) -> None:
        """What a daemon does when it starts: nobody else holds a lease."""

        def job(conn: Connection) -> None:
            outcomes.expire_all(conn, self.now())
            outcomes.expire_leases(conn, self.now(), self.now())

        self.store.write(job)

    def now(self) -> Instant:
        with self.store.read() as conn:
            return Instant(int(get(conn, "moment") or MONDAY))

    def go_on(self) -> None:
        """Everything from wherever it was broken off. Sources send again what was not confirmed."""
        self.wake_up()
        self.receive("subscribed", 0)
        self.work_until(MONDAY)
        self.receive("cart_updated", DAY)
        self.work_until(Instant(MONDAY + DAY))
        self.receive("order_placed", DAY + HOUR, self.customers[::2])
        self.work_until(Instant(MONDAY + DAY + HOUR))
        self.work_until(Instant(MONDAY + 2 * DAY))

    def receive(self, name: str, after: int, customers: list[str] | None = None) -> None:
        at = Instant(MONDAY + after)
        if self.now() > at:
            return
        arrivals = []
        for customer in self.customers if customers is None else customers:
            change = ProfileChanged(0, MONDAY, {"tier": "gold"}, {"push": f"token-{customer}"})
            arrivals.append(inbox.Arrival(customer, "shop", f"{customer}-known", change))
            event = Event(0, f"{customer}-{name}", name, at, at, {})
            arrivals.append(inbox.Arrival(customer, "shop", event.id, event))
        self.store.write(lambda conn: inbox.append(conn, arrivals, at))

    def work_until(self, moment: Instant) -> None:
        if self.now() < moment:
            self.store.write(lambda conn: put(conn, "moment", str(moment)))
        while True:
            clock = ManualClock(self.now())
            Advancer(self.store, clock).run(self.publication)
            taken = self.store.write(
                lambda conn: queue.claim(conn, "push", "me", clock.now(), MINUTE, 50)  # noqa: B023
            )
            if not taken:
                return
            for message in taken:
                self.deliver(message, clock.now())

    def deliver(self, message: OutboxMessage, now: Instant) -> None:
        if self.store.write(lambda conn: queue.hand_over(conn, message, "hash", now)) != "handed":
            return
        self.sink(f"{message.customer} {message.template}")
        self.store.write(
            lambda conn: outcomes.settle(conn, message.send_key, message.customer, MessageState.ACCEPTED, now)
        )


def open_workday(
    folder: Path, customers: list[str], sink: Sink, publication: Publication | None = None
) -> Workday:
    """The shop in a folder whose store has a deployment."""
    store = open_store(address_of(folder), folder, exclusive=True)
    if publication is None:
        with store.read() as conn:
            found = published_project(conn)
        assert found is not None
        publication = Publication(found[0], found[1].journeys)
    return Workday(store, publication, customers, sink)


def main(folder: Path, customers: list[str]) -> None:
    """Works until everything is done; `sent` in the folder is the provider's own list."""
    with (folder / "sent").open("ab", buffering=0) as file:

        def sink(line: str) -> None:
            file.write(f"{line}\n".encode())
            os.fsync(file.fileno())

        workday = open_workday(folder, customers, sink)
        workday.go_on()
        workday.store.close()
    (folder / "done").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), [f"c{number}" for number in range(int(sys.argv[2]))])
