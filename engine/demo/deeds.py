"""What people and their shop do: the things that the demo has to say to the engine over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from engine.demo.history import Row
from engine.demo.letters import Letter
from engine.demo.people import Person


@dataclass(frozen=True, slots=True)
class Tell:
    """The shop reports an event of a customer."""

    customer: str
    id: str
    event: str
    at: str
    properties: Row


@dataclass(frozen=True, slots=True)
class Introduce:
    """The shop writes what it knows of a customer."""

    customer: str
    traits: Row


@dataclass(frozen=True, slots=True)
class Stock:
    """The shop writes what it knows of a product."""

    product: str
    fields: Row


@dataclass(frozen=True, slots=True)
class Follow:
    """A customer follows a link; the caller tells `landed` where it led."""

    person: Person
    url: str
    letter: Letter


@dataclass(frozen=True, slots=True)
class Open:
    """A mail program loads the picture of a mail that is read."""

    url: str


@dataclass(frozen=True, slots=True)
class Leave:
    """A mail program's unsubscribe button (RFC 8058)."""

    url: str


Deed = Tell | Introduce | Stock | Follow | Open | Leave
