"""`signup:` in config.yaml: the lists that anybody may ask to be on, from which pages, and how often."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from engine.config import Signup, SignupList
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry
from engine.language.wording import quoted

LIST = Construct(
    "list",
    "a list",
    (
        Key("channel", "text", "where the confirmation goes", example="email"),
        Key("purpose", "text", "what they agree to", example="marketing"),
        Key("event", "text", "the event of a sign-up", needed=True, example="optin_requested"),
        Key("text", "text", "the sentence that they agree to", needed=True, example='"Yes, send me news by e-mail"'),
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
        Key("per_network", "text", "at most so many from one network", example="20 an hour"),
        Key("in_all", "text", "at most so many altogether", example="1000 an hour"),
        Key("lists", "free", "the lists by name", of=LIST),
    ),
    "Sign-up forms",
)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_COUNT = re.compile(r"(\d{1,7}) (?:an|per) hour", re.ASCII)


def read_signup(reader: MapReader | None, channels: tuple[str, ...]) -> Signup:
    """What the file says; without `lists` nobody can sign up. `channels`: names of those of the file."""
    usual = Signup()
    if reader is None:
        return usual
    confirmed = reader.text("confirmed")
    origins: list[str] = []
    for origin in reader.texts("origins", blank=True):
        site = _origin_of(origin.value)
        if site is not None and site == origin.value.rstrip("/").casefold():
            origins.append(site)
            continue
        reader.context.refuse(
            origin.span,
            f"{quoted(origin.value)} is no origin",
            "an origin is the address of a site, without a path",
            f"write  {site or 'https://shop.example'}",
        )
    lists = (_read_list(reader.context, entry, origins, channels) for entry in reader.entries("lists"))
    return Signup(
        confirmed.value if confirmed else usual.confirmed,
        tuple(origins),
        {signup_list.name: signup_list for signup_list in lists if signup_list is not None},
        _read_count(reader, "per_network", usual.per_network),
        _read_count(reader, "in_all", usual.in_all),
    )


def _read_list(
    context: ReadContext, entry: Entry, origins: Collection[str], channels: tuple[str, ...]
) -> SignupList | None:
    name = entry.key.text
    if not _NAME.fullmatch(name):
        context.refuse(
            entry.key.span,
            f"{quoted(name)} is no name for a list",
            "it is a part of the address of the form",
            "use small letters, digits, - and _",
        )
        return None
    reader = context.block(entry.value, LIST, entry.key, f"the list {name}")
    if reader is None:
        return None
    channel, purpose, event, text, onward = (reader.text(key.name) for key in LIST.keys)
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
    if onward is not None and _origin_of(onward.value) not in origins:
        context.refuse(
            onward.span,
            f"{quoted(onward.value)} is on none of the origins",
            "a form leads to the shop's own pages only",
            f"add {_origin_of(onward.value) or 'its origin'} to  origins",
        )
        onward = None
    if event is None or text is None:
        return None
    purposes = purpose.value if purpose else "marketing"
    return SignupList(name, "email", purposes, event.value, text.value, onward.value if onward else "")


def _origin_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        named = parts.hostname and parts.scheme in ("http", "https") and "@" not in parts.netloc
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".casefold() if named else None


def _read_count(reader: MapReader, key: str, usual: int) -> int:
    text = reader.text(key)
    if text is None:
        return usual
    count = _COUNT.fullmatch(text.value)
    if count and int(count[1]) > 0:
        return int(count[1])
    reader.context.refuse(
        text.span,
        f"{quoted(text.value)} is not a number of sign-ups",
        "it says how many are taken in an hour",
        f"write  {usual} an hour",
    )
    return usual
