"""What people and their shop do: the things that the demo has to say to the engine over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from tools.demo.customers import ShopCustomer
from tools.demo.history import Row
from tools.demo.messages import ReceivedMessage


@dataclass(frozen=True, slots=True)
class SendEvent:
    """The shop reports an event of a customer."""

    customer: str
    id: str
    event: str
    at: str
    properties: Row


@dataclass(frozen=True, slots=True)
class RedeemPoints:
    """A customer wants to redeem points in the shop, which asks for the balance first and reports `redeemed`
    if that is enough."""

    points: int
    redeemed: SendEvent


@dataclass(frozen=True, slots=True)
class PutCustomer:
    """The shop writes what it knows of a customer."""

    customer: str
    traits: Row


@dataclass(frozen=True, slots=True)
class PutProduct:
    """The shop writes what it knows of a product."""

    product: str
    fields: Row


@dataclass(frozen=True, slots=True)
class FollowLink:
    """A customer follows a link; the caller tells `landed` where it led."""

    person: ShopCustomer
    url: str
    received: ReceivedMessage


@dataclass(frozen=True, slots=True)
class OpenMail:
    """A mail program loads the picture of a mail that is read."""

    url: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """A mail program's unsubscribe button (RFC 8058)."""

    url: str


Action = SendEvent | RedeemPoints | PutCustomer | PutProduct | FollowLink | OpenMail | Unsubscribe
