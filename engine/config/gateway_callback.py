"""`callback:` of a channel `via: http`: who may call, and where the call says what happened."""

from __future__ import annotations

from engine.config.gateway_answer import check_map, check_path
from engine.config.nodes import Reader
from engine.language.nodes import Entry, Mapping, Scalar
from engine.language.wording import quoted
from engine.problem import did_you_mean

PARTS = ("secret", "events", "id", "key", "event", "kind", "kinds", "at", "address", "reply", "detail")
KINDS = (
    "accepted", "delivered", "bounced", "bounced for now", "complained", "refused", "opened", "clicked", "replied",
    "unsubscribed", "subscribed",
)  # fmt: skip
HMACS = ("sha1", "sha256", "sha512")
ENCODINGS = ("hex", "base64")
_WAYS = (
    "secret: {header: X-Token, token: env:NAME}  or  {query: key, token: env:NAME}  or, signed,"
    "  {header: X-Signature, hmac: sha256, encoding: hex, token: env:NAME}  or, basic auth,  {user: NAME, password: env:NAME}"
)


def check_callback(entry: Entry, reader: Reader) -> frozenset[str]:
    """Tells what cannot work; the names of the secrets that it gives to the texts of the request."""
    fields = reader.parts(entry.value, PARTS, "callback")
    for name in ("events", "id", "key", "event", "kind", "at", "address", "reply", "detail"):
        check_path(fields, name, reader)
    check_map(fields, "kinds", KINDS, reader)
    if "kind" in fields and "kinds" not in fields:
        reader.refuse(
            fields["kind"].key.span, '"kind" needs  kinds', "a path, and what its values mean", "write  kinds: {DELIVERED: delivered}", "E83",
        )  # fmt: skip
    if not {"kind", "reply"} & fields.keys():
        reader.refuse(
            entry.key.span, '"callback" does not say what happened', "", "add  kind: path  and  kinds: {DELIVERED: delivered}, or  reply: path", "E83",
        )  # fmt: skip
    if not {"id", "key", "address"} & fields.keys():
        reader.refuse(
            entry.key.span, '"callback" does not say of which message it is', "", "add  id: path,  key: path  or  address: path", "E83",
        )  # fmt: skip
    return _secret(entry, fields.get("secret"), reader)


def _secret(owner: Entry, entry: Entry | None, reader: Reader) -> frozenset[str]:
    if entry is None or not isinstance(entry.value, Mapping):
        place = owner.key if entry is None else entry.key
        reader.refuse(
            place.span, '"callback" does not say who may call', "without a secret anybody could tell us that messages bounced",
            f"add  {_WAYS}", "E83",
        )  # fmt: skip
        return frozenset()
    fields = reader.parts(
        entry.value, ("header", "query", "token", "hmac", "encoding", "user", "password"), "secret"
    )
    given = fields.keys()
    ways = ({"header", "token"}, {"query", "token"}, {"header", "token", "hmac"}, {"header", "token", "hmac", "encoding"}, {"user", "password"})  # fmt: skip
    if given not in ways:
        reader.refuse(
            entry.key.span, '"secret" is none of the ways to know a caller', "", f"write  {_WAYS}", "E83"
        )
    for name, choices in (("hmac", HMACS), ("encoding", ENCODINGS)):
        found = reader.text(fields, name) if name in fields else None
        if found and found.text not in choices:
            listed = ", ".join(choices)
            reader.refuse(
                found.span, f"{quoted(found.text)} is not one of its values", f"it can be: {listed}",
                did_you_mean(found.text, choices, f"use one of: {listed}"),
            )  # fmt: skip
    for name in ("header", "query", "user"):
        value = fields.get(name)
        if value and not (isinstance(value.value, Scalar) and value.value.text):
            reader.refuse(
                value.value.span, f"{quoted(name)} needs one short text", "", f"write it behind  {name}:"
            )
    return frozenset({"callback"}) & ({"callback"} if {"token", "password"} & given else set())
