"""Who looks at a page of ours: the site that their browser comes from, and as far as the link in their hand
says language, addresses (masked) and what they agreed to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sqlalchemy import Connection
from starlette.requests import Request

from engine.channels.links import TESTER
from engine.channels.render import OPENS
from engine.config import Config
from engine.core.facts.customer import OWN_CAPS, Reach
from engine.http.console_access import is_own_host
from engine.http.context import LiveProject
from engine.http.wording import PageWords, accepted, words_for
from engine.store.customers import addressees
from engine.store.messages import records
from engine.store.messages.reports import reach_of
from engine.store.meta import bucket_of
from engine.store.persons import aliases
from engine.values import Instant

_PHONE = re.compile(r"\+?[0-9]{6,15}", re.ASCII)
_SHUT = ("all", "any purpose")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer at this moment. `is_test`: the link stands in a message that an author sent to themself."""

    customer: str
    language: str = ""
    reach: Mapping[str, Reach] = field(default_factory=dict)
    is_test: bool = False
    frequency: str = ""  # a key of OWN_CAPS; "": as it comes
    break_until: Instant | None = None
    zone: str = "UTC"
    is_known: bool = True  # False: nothing is kept of them, for example since they were erased

    def agreed(self, channel: str, purpose: str) -> bool:
        """Whether messages of this purpose may come on this channel now."""
        known = self.reach.get(channel, Reach())
        # To notice an opening sends nothing, so a closed address does not forbid it.
        is_open = purpose == OPENS or known.suppressed not in (*_SHUT, purpose)
        return known.consents.get(purpose) == "given" and is_open

    def has_left(self, channel: str, purpose: str) -> bool:
        """Whether they took it back once, or were asked and never confirmed: then a press of a button on a
        page is not enough, since others may have the link to the page."""
        known = self.reach.get(channel, Reach())
        return purpose != OPENS and (
            known.suppressed == purpose or known.consents.get(purpose) in ("withdrawn", "asked")
        )

    def objected(self, channel: str, purpose: str) -> bool:
        """Whether they said no."""
        return self.reach.get(channel, Reach()).consents.get(purpose) == "withdrawn"

    def address(self, channel: str) -> str:
        """Their address on a channel, so that they know it and nobody else does."""
        return mask(self.reach.get(channel, Reach()).address or "")


def find_visitor(conn: Connection, customer: str, key: str = "") -> Visitor:
    """The customer of a link. `key`: the message that it stood in."""
    # The link may be older than the moment at which two customers became one.
    own = aliases.resolve(conn, [customer]).get(customer, customer)
    addressee = addressees.find(conn, bucket_of(conn, own), [own]).get(own)
    if addressee is None and own == TESTER and records.find(conn, key) is None:
        return Visitor(own, is_test=True)
    values = addressee.values if addressee is not None else {}
    language, frequency, until = (values.get(name) for name in ("language", "frequency", "break_until"))
    return Visitor(
        own,
        language if isinstance(language, str) else "",
        reach_of(conn, own),
        frequency=frequency if isinstance(frequency, str) and frequency in OWN_CAPS else "",
        break_until=Instant(until) if isinstance(until, int) else None,
        zone=addressee.zone if addressee is not None else "UTC",
        is_known=addressee is not None,
    )


def origin_of(request: Request) -> str:
    """The site that a page belongs to which makes this request; "" where the caller does not say."""
    return request.headers.get("origin", "").casefold()


def is_own_page(live: LiveProject, request: Request) -> bool:
    """A page of the daemon itself sends it. A browser says so in two ways: the site that sends is the one
    that is asked, under a name that is ours, or the origin is our configured address."""
    site = request.headers.get("sec-fetch-site", "")
    if site not in ("", "same-origin"):
        return False
    # A name that somebody else owns and leads here would be its own origin as well.
    if site and is_own_host(request.headers.get("host", ""), live.config.http, public=True):
        return True
    parts = urlsplit(live.config.http.public_url)
    return origin_of(request) == f"{parts.scheme}://{parts.netloc}".casefold()


def words_of(live: LiveProject, request: Request, language: str = "") -> PageWords:
    """The customer's language, else what their browser asks for, else the shop's first."""
    wanted = [language, *accepted(request.headers.get("accept-language", "")), *live.config.languages]
    return words_for(live.folder, filter(None, wanted))


def choices(config: Config, visitor: Visitor) -> list[tuple[str, str]]:
    """(purpose, channel) that a customer can choose: purposes of the policies, channels that they have an
    address on."""
    purposes = dict.fromkeys(policy.consent for policy in config.policies.values() if policy.consent)
    if "marketing" not in config.policies:
        purposes = dict.fromkeys(("marketing", *purposes))
    channels = [name for name in config.channels if visitor.reach.get(name, Reach()).address]
    pairs = [(purpose, channel) for purpose in purposes if purpose != OPENS for channel in channels]
    if config.tracking.opens != "never" and "email" in channels:
        pairs.append((OPENS, "email"))
    return pairs


def mask(address: str) -> str:
    """`a•••@example.com`, `+359•••67`; nothing of a token."""
    local, at, domain = address.rpartition("@")
    # More than one line is no address but a token or a subscription.
    if at and "\n" not in address:
        return f"{local[:1]}•••@{domain}"
    return f"{address[:4]}•••{address[-2:]}" if _PHONE.fullmatch(address) else ""
