"""The links in messages: unsubscribe, preferences, confirmation, clicks and opens, each signed for its own
purpose.

A token holds ids, never an address. Tokens do not expire: an unsubscribe link works for as long as the key is
known, and a new key is added in front of the old ones. A token that is changed by one bit, or used for
another purpose, is no token at all (design/threats T7, T8).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson
from itsdangerous import BadSignature, URLSafeSerializer

_WEB = re.compile(r"https?://.", re.IGNORECASE)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*|[0-9a-f:]+", re.IGNORECASE)
TESTER = "test"
"""The customer of messages that an author sends to themself: their links change nothing."""

_LONG = 1_000
"""Bytes of JSON from which on a token is packed, so that it stays short enough for a link."""

_SHA256_BLOCK = 64
_DECOY_STYLE = "display:none;max-height:0;overflow:hidden;font-size:0;line-height:0;mso-hide:all"
_USUAL = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?:[/?#][!-?A-~]*)?\Z")
"""As nearly all addresses are: the host in small letters, no port, no @; nothing else has to be asked."""

_ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")


@dataclass(frozen=True, slots=True)
class UnsubscribeLink:
    """What an unsubscribe link says: who, from which channel, for which purpose, and after which message."""

    customer: str
    channel: str
    purpose: str
    key: str


@dataclass(frozen=True, slots=True)
class ConfirmationLink:
    """What a confirmation link says: who agrees to which purpose on which channel, in which message it stood,
    and on which list of the sign-up forms ("" for none) they asked to be."""

    customer: str
    channel: str
    purpose: str
    key: str
    listed: str = ""


@dataclass(frozen=True, slots=True)
class ClickLink:
    """What a click link says: the message it stood in, and where it leads (empty: the decoy, which no person
    sees)."""

    key: str
    url: str


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where links of a message may lead on our word. `home`: the shop's host, with everything below it;
    `named`: those that the template writes out."""

    home: str = ""
    named: frozenset[str] = frozenset()

    def holds(self, url: str) -> bool:
        """Does this address, which is one of the web, lead there?"""
        if usual := _USUAL.match(url):
            host = usual[1]
        else:
            host = (urlsplit(url).hostname or "").lower()
            if not _HOST.fullmatch(host):  # a browser takes a backslash for the end of the host
                return False
        return host in self.named or bool(self.home and f".{host}".endswith(f".{self.home}"))


class Links:
    """Makes and reads the links. `secrets`: the newest last; `public_url` is where customers reach the
    daemon."""

    def __init__(self, secrets: Sequence[str], public_url: str) -> None:
        self.public_url = public_url.rstrip("/")
        # a salt for each purpose: the token of a click is none for leaving
        self._unsubscribe = _Tokens(secrets, "unsubscribe")
        self._preferences = _Tokens(secrets, "preferences")
        self._click = _Tokens(secrets, "click")
        self._open = _Tokens(secrets, "open")
        self._confirm = _Tokens(secrets, "confirm")
        self._seen = _Tokens(secrets, "seen")

    def unsubscribe(self, leaving: UnsubscribeLink) -> str:
        """`/u/...`: a POST takes the customer off the list, a GET only asks."""
        token = self._unsubscribe.write([leaving.customer, leaving.channel, leaving.purpose, leaving.key])
        return f"{self.public_url}/u/{token}"

    def preferences(self, customer: str) -> str:
        """`/p/...`: the page where a customer chooses."""
        return f"{self.public_url}/p/{self._preferences.write(customer)}"

    def confirm(self, confirming: ConfirmationLink) -> str:
        """`/y/...`: a button there says yes, a GET only asks (scanners follow links)."""
        fields = [
            confirming.customer,
            confirming.channel,
            confirming.purpose,
            confirming.key,
            confirming.listed,
        ]
        return f"{self.public_url}/y/{self._confirm.write(fields)}"

    def click(self, key: str, url: str) -> str:
        """`/c/...`: leads to `url`, which is part of what is signed."""
        return f"{self.public_url}/c/{self._click.write([key, url])}"

    def open(self, key: str) -> str:
        """`/o/...`: the address of the open pixel."""
        return f"{self.public_url}/o/{self._open.write(key)}"

    def seen(self, listed: str, at: int) -> str:
        """The hidden field of a sign-up form: when the form of a list was asked for (ms since 1970)."""
        return self._seen.write([listed, at])

    def read_seen(self, token: str, listed: str) -> int | None:
        """The moment in the hidden field of a form; None for a forged one or that of another list."""
        match self._seen.read(token):
            case [str(known), int(at)] if known == listed:
                return at
            case _:
                return None

    def read_confirm(self, token: str) -> ConfirmationLink | None:
        """What the token of `/y/...` says; None for a forged one."""
        match self._confirm.read(token):
            case [str(customer), str(channel), str(purpose), str(key), str(listed)]:
                return ConfirmationLink(customer, channel, purpose, key, listed)
            case _:
                return None

    def read_unsubscribe(self, token: str) -> UnsubscribeLink | None:
        """What the token of `/u/...` says; None for a forged one."""
        match self._unsubscribe.read(token):
            case [str(customer), str(channel), str(purpose), str(key)]:
                return UnsubscribeLink(customer, channel, purpose, key)
            case _:
                return None

    def read_preferences(self, token: str) -> str | None:
        """The customer of `/p/...`; None for a forged token."""
        customer = self._preferences.read(token)
        return customer if isinstance(customer, str) else None

    def read_click(self, token: str) -> ClickLink | None:
        """Where `/c/...` leads; None for a forged token or a target that is no web page."""
        match self._click.read(token):
            case [str(key), str(url)] if not url or is_web_address(url):
                return ClickLink(key, url)
            case _:
                return None

    def read_open(self, token: str) -> str | None:
        """The send key of `/o/...`; None for a forged token."""
        key = self._open.read(token)
        return key if isinstance(key, str) else None

    def with_clicks(self, markup: str, text: str, key: str, hosts: Hosts) -> tuple[str, str]:
        """HTML and text with the shop's links led through `/c/`; our own links stay as they are, and so does
        what came in with a customer's data."""
        followed: dict[str, str] = {}  # what stands in the HTML stands in the text as well

        def follow(url: str) -> str:
            if url not in followed:
                followed[url] = self.followed(key, url, hosts)
            return followed[url]

        pieces: list[str] = []
        end = 0
        for begin, until in _targets(markup):
            # what is signed is the address, not its spelling in HTML
            target = follow(html.unescape(markup[begin:until]))
            pieces += (markup[end:begin], html.escape(target))
            end = until
        return "".join((*pieces, markup[end:])), _ADDRESS.sub(lambda m: follow(m[0]), text)

    def decoy(self, key: str) -> str:
        """A link for the end of an e-mail that neither eyes nor screen readers meet; a machine follows it."""
        unseen = f'rel="nofollow" tabindex="-1" aria-hidden="true" style="{_DECOY_STYLE}"'
        return f'<a href="{self.click(key, "")}" {unseen}></a>'

    def followed(self, key: str, url: str, hosts: Hosts) -> str:
        """One link led through `/c/`, unless it is our own, no web page, or leads to a place that neither the
        shop nor the author of the template named: who writes an address into the field for their name gets no
        link of ours to it."""
        if url == self.public_url or url.startswith(f"{self.public_url}/") or not is_web_address(url):
            return url
        return self.click(key, url) if hosts.holds(url) else url


def _targets(markup: str) -> Iterator[tuple[int, int]]:
    """Where the addresses of the web stand that links lead to. Compiled templates have their elements in
    small letters; a pattern over all of the markup would take five times as long."""
    at = 0
    while (at := markup.find(' href="', at)) >= 0:
        begin = at + len(' href="')
        end = markup.find('"', begin)
        if end < 0:
            return
        tag = markup[markup.rfind("<", 0, at) : at + 1]
        if tag.startswith("<a ") and ">" not in tag and _WEB.match(markup, begin, end):
            yield begin, end
        at = begin


def is_web_address(url: str) -> bool:
    """http or https, a host, and nobody's name or password in it."""
    if _USUAL.match(url):
        return True
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and url.isprintable()
        )
    except ValueError:
        return False


class _Tokens:
    """The tokens of one purpose: URL-safe base64 of JSON, a dot, and the HMAC-SHA256 of it, as itsdangerous
    writes and reads them. `secrets`: the newest last, which signs."""

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        salt = f"perennial.{purpose}"
        self._serializer = URLSafeSerializer(
            list(secrets),
            salt=salt,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
        key = hmac.digest(secrets[-1].encode(), salt.encode(), "sha256").ljust(_SHA256_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))

    def write(self, value: object) -> str:
        """A mail has several, so they are written by hand: copies of the two halves of HMAC (RFC 2104), which
        know the key, take 1.5 us, those of `hmac` 3, itsdangerous 90 and more, since it derives the key anew
        and tries zlib every time."""
        data = orjson.dumps(value)
        # what is long is packed by the library, which reads both
        if len(data) > _LONG:
            packed: str | bytes = self._serializer.dumps(value)
            return packed if isinstance(packed, str) else packed.decode("ascii")
        payload = base64.urlsafe_b64encode(data).rstrip(b"=")
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        outer.update(inner.digest())
        signed = base64.urlsafe_b64encode(outer.digest()).rstrip(b"=")
        return (payload + b"." + signed).decode("ascii")

    def read(self, token: str) -> object:
        """What a token says; None for a forged one."""
        loads: Callable[[str], object] = self._serializer.loads
        try:
            # a stranger's token is not taken apart whatever its length
            return loads(token) if len(token) < 8_000 else None
        except BadSignature:
            return None
