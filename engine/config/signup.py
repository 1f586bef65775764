"""`signup:` in config.yaml: the lists that anybody may ask to be on, from which pages, and how often."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from engine.config import Signup, SignupList
from engine.config.nodes import Reader
from engine.language.nodes import Entry, Scalar
from engine.language.wording import quoted

PARTS = ("confirmed", "origins", "per_network", "in_all", "lists")
LIST_PARTS = ("channel", "purpose", "event", "text", "next")

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_COUNT = re.compile(r"(\d{1,7}) (?:an|per) hour", re.ASCII)


def read_signup(parts: dict[str, Entry], channels: tuple[str, ...], reader: Reader) -> Signup:
    """What the file says; without `lists` nobody can sign up. `channels`: names of those of the file."""
    entry, start = parts.get("signup"), Signup()
    if entry is None:
        return start
    fields = reader.parts(entry.value, PARTS, "signup")
    confirmed = reader.text(fields, "confirmed")
    origins = tuple(
        found
        for word in (reader.words(fields["origins"].value, "origins") if "origins" in fields else ())
        if (found := _origin(word, reader)) is not None
    )
    whole = reader.mapping(fields["lists"].value, "lists") if "lists" in fields else None
    made = {
        each.key.text: one
        for each in (whole.entries if whole else ())
        if (one := _list(each, origins, channels, reader)) is not None
    }
    return Signup(
        confirmed.text if confirmed else start.confirmed,
        origins,
        made,
        _count(fields, "per_network", start.per_network, reader),
        _count(fields, "in_all", start.in_all, reader),
    )


def _list(
    entry: Entry, origins: tuple[str, ...], channels: tuple[str, ...], reader: Reader
) -> SignupList | None:
    name = entry.key.text
    if not _NAME.fullmatch(name):
        reader.refuse(
            entry.key.span,
            f"{quoted(name)} is no name for a list",
            "it is a part of the address of the form",
            "use small letters, digits, - and _",
        )
        return None
    fields = reader.parts(entry.value, LIST_PARTS, f"the list {name}")
    event, text = reader.needed(fields, "event", entry), reader.needed(fields, "text", entry)
    channel, purpose, to = (reader.text(fields, each) for each in ("channel", "purpose", "next"))
    if channel is not None and channel.text != "email":
        known = channel.text in channels
        reader.refuse(
            channel.span,
            f"a form cannot ask for {quoted(channel.text)}"
            if known
            else f"there is no channel {quoted(channel.text)}",
            "the confirmation goes to an e-mail address",
            "write  channel: email",
        )
        return None
    if to is not None and _origin_of(to.text) not in origins:
        reader.refuse(
            to.span,
            f"{quoted(to.text)} is on none of the origins",
            "a form leads to the shop's own pages only",
            f"add {_origin_of(to.text) or 'its origin'} to  origins",
        )
        to = None
    if event is None or text is None:
        return None
    return SignupList(
        name, "email", purpose.text if purpose else "marketing", event.text, text.text, to.text if to else ""
    )


def _origin(word: Scalar, reader: Reader) -> str | None:
    found = _origin_of(word.text)
    if found is not None and found == word.text.rstrip("/").casefold():
        return found
    reader.refuse(
        word.span,
        f"{quoted(word.text)} is no origin",
        "an origin is the address of a site, without a path",
        f"write  {found or 'https://shop.example'}",
    )
    return None


def _origin_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        named = parts.hostname and parts.scheme in ("http", "https") and "@" not in parts.netloc
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.netloc}".casefold() if named else None


def _count(fields: dict[str, Entry], name: str, otherwise: int, reader: Reader) -> int:
    found = reader.text(fields, name)
    if found is None:
        return otherwise
    count = _COUNT.fullmatch(found.text)
    if count and int(count[1]) > 0:
        return int(count[1])
    reader.refuse(
        found.span,
        f"{quoted(found.text)} is not a number of sign-ups",
        "it says how many are taken in an hour",
        f"write  {otherwise} an hour",
    )
    return otherwise
