"""One try to send one message, as far as it has come: what every stage of delivery takes and returns."""

from __future__ import annotations

from dataclasses import dataclass

from engine.channels.base import Delivery, Message
from engine.core.reasons import ReturnReason
from engine.store.messages.destinations import NOBODY, Destination
from engine.store.messages.records import OutboxMessage
from engine.store.recommendations.shown import ShownProduct


@dataclass(frozen=True, slots=True)
class Witness:
    """An address whose server refuses us. It counts against the channel only if it took a message of ours
    before: else anybody could stop the channel by signing up with servers of his own."""

    customer: str
    address: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What an answer says beyond its own message. `witnesses`: so many of them (`needed`) must have taken a
    message before for the channel to stand still; without any it does at once."""

    domain: str = ""  # stands still from now on
    why: str = ""  # of `domain`
    channel: str = ""  # why the whole channel has to stand still
    witnesses: tuple[Witness, ...] = ()
    needed: int = 0
    alert: str = ""  # what people have to know
    failing: str | None = None  # why the channel takes nothing; "": it works again; None: nothing new of it


NOTHING = Notice()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A message that was rendered, and later what came of it. Never changed: a stage gives the next one a
    fuller copy."""

    message: OutboxMessage  # the row as it was claimed: every statement about it is bound to its fence
    content: Message  # what the channel gets
    body: (
        str | None
    )  # what is to be stored until the outcome is settled; None: an earlier attempt has stored it
    address_hash: str = ""  # of where it goes, by which suppressions are found; known after the guards
    destination: Destination = NOBODY  # whoever has that address; known after the guards
    parts: int = 1  # how many messages the provider charges for
    delivery: Delivery | None = None  # None until the channel has answered
    notice: Notice = NOTHING
    shown: tuple[ShownProduct, ...] = ()  # of what is recommended


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """A message that cannot be sent."""

    message: OutboxMessage
    why: str
    reason: ReturnReason | None  # the journey asks its rules again because of it; None: it has failed
