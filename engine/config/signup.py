"""`signup:` in config.yaml: the lists that anybody may ask to be on, from which pages, and how often."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from engine.config import Signup, SignupList
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry
from engine.language.syntax import Text
from engine.language.wording import quoted


def _an_hour(usual: int) -> TextPattern:
    return TextPattern(
        "[1-9][0-9]{0,6} (an|per) hour", "is not a number of sign-ups",
        "it says how many are taken in an hour", f"write  {usual} an hour",
    )  # fmt: skip


LIST = Construct(
    "list",
    "a list",
    (
        Key("channel", "text", "where the confirmation goes", example="email"),
        Key("purpose", "text", "what they agree to", example="marketing"),
        Key("event", "text", "the event of a sign-up", needed=True, example="optin_requested"),
        Key("text", "text", "the sentence that they agree to", needed=True,
            example='"Yes, send me news by e-mail"'),
        Key("next", "text", "where a form without JavaScript leads", example="https://shop.example/thanks"),
    ),
    "A list that anybody may ask to be on",
)  # fmt: skip
SIGNUP = Construct(
    "signup",
    "signup",
    (
        Key("confirmed", "text", "the event of a confirmation", example="optin_confirmed"),
        Key("origins", "texts", "the sites whose pages may post", example="[https://shop.example]"),
        Key("per_network", "text", "at most so many from one network", example="20 an hour",
            pattern=_an_hour(20)),
        Key("in_all", "text", "at most so many altogether", example="1000 an hour", pattern=_an_hour(1000)),
        Key("lists", "free", "the lists by name", of=LIST),
    ),
    "Sign-up forms",
)  # fmt: skip

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)


def read_signup(reader: MapReader | None, channels: tuple[str, ...]) -> Signup:
    """What the file says; without `lists` nobody can sign up. `channels`: names of those of the file."""
    usual = Signup()
    if reader is None:
        return usual
    confirmed = reader.text("confirmed")
    origins = read_origins(reader)
    lists = (_read_list(reader.context, entry, origins, channels) for entry in reader.entries("lists"))
    return Signup(
        confirmed.value if confirmed else usual.confirmed,
        tuple(origins),
        {signup_list.name: signup_list for signup_list in lists if signup_list is not None},
        _count_of(reader.text("per_network")) or usual.per_network,
        _count_of(reader.text("in_all")) or usual.in_all,
    )


def read_origins(reader: MapReader) -> list[str]:
    """`origins`, each as browsers send it."""
    origins: list[str] = []
    for origin in reader.texts("origins", blank=True):
        site = _origin_of(origin.value)
        # Browsers send scheme, host and port in small letters, which are compared as texts (RFC 6454, 4).
        if site is not None and site == origin.value.rstrip("/").casefold():
            origins.append(site)
            continue
        reader.context.wrong(
            origin,
            "is no origin",
            "an origin is the address of a site, without a path",
            f"write  {site or 'https://shop.example'}",
        )
    return origins


def _read_list(
    context: ReadContext, entry: Entry, origins: Collection[str], channels: tuple[str, ...]
) -> SignupList | None:
    name = entry.key.text
    # Before the map is read: every other message about the list would repeat a name that cannot be.
    if not _NAME.fullmatch(name):
        context.wrong(
            entry.key,
            "is no name for a list",
            "it is a part of the address of the form",
            "use small letters, digits, - and _",
        )
        return None
    reader = context.block(entry.value, LIST, entry.key, f"the list {name}")
    if reader is None:
        return None
    channel, purpose, event, text, onward = (reader.text(key.name) for key in LIST.keys)
    # The link of a confirmation proves an address; by text message each sign-up would cost the shop money.
    if channel is not None and channel.value != "email":
        known = channel.value in channels
        context.refuse(
            channel.span,
            f"a form cannot ask for {quoted(channel.value)}"
            if known
            else f"there is no channel {quoted(channel.value)}",
            "the confirmation goes to an e-mail address",
            "write  channel: email",
        )
        return None
    # Else the form would lead anybody anywhere under the name of the shop (an open redirect).
    if onward is not None and _origin_of(onward.value) not in origins:
        context.wrong(
            onward,
            "is on none of the origins",
            "a form leads to the shop's own pages only",
            f"add {_origin_of(onward.value) or 'its origin'} to  origins",
        )
        onward = None
    # Without the sentence there is no proof of what was agreed to (GDPR, article 7(1)).
    if event is None or text is None:
        return None
    purposes = purpose.value if purpose else "marketing"
    return SignupList(name, "email", purposes, event.value, text.value, onward.value if onward else "")


def _origin_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        # With "@" the host is behind it, not where people read it: https://shop.example@evil.example.
        named = parts.hostname and parts.scheme in ("http", "https") and "@" not in parts.netloc
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".casefold() if named else None


def _count_of(text: Text | None) -> int | None:
    return int(text.value.partition(" ")[0]) if text else None
