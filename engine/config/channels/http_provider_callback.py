"""`callback:` of a channel `via: http`: who may call, and where the call says what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.config import Secret
from engine.config.channels.http_provider_answer import PATH, read_words
from engine.config.secrets import values_of
from engine.language import nodes
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader

KINDS = (
    "accepted", "delivered", "bounced", "bounced for now", "complained", "refused", "opened", "clicked",
    "replied", "unsubscribed", "subscribed",
)  # fmt: skip
_WAYS = (
    "secret: {header: X-Token, token: env:NAME}  or  {query: key, token: env:NAME}  or, signed,"
    "  {header: X-Signature, hmac: sha256, encoding: hex, token: env:NAME}"
    "  or, basic auth,  {user: NAME, password: env:NAME}"
)
_CALLER = Construct(
    "secret",
    "secret",
    (
        Key("header", "text", "that carries the token or the signature", example="X-Token"),
        Key("query", "text", "the part of the address that carries the token", example="key"),
        Key("token", "secret", "the token, or the key of the signature"),
        Key("hmac", "choice", "how the body is signed", choices=("sha1", "sha256", "sha512")),
        Key("encoding", "choice", "of the signature", choices=("hex", "base64")),
        Key("user", "text", "of basic auth", example="provider"),
        Key("password", "secret", "of basic auth"),
    ),
    "How the provider's calls are known",
)
_KEYS_OF_WAYS = (
    {"header", "token"}, {"query", "token"}, {"header", "token", "hmac"},
    {"header", "token", "hmac", "encoding"}, {"user", "password"},
)  # fmt: skip
CALLBACK = Construct(
    "callback",
    "callback",
    (
        Key("secret", "block", "who may call", of=_CALLER, example="{header: X-Token, token: env:NAME}"),
        Key("events", "text", "path of the list of events; left out: the call is one event",
            example="results", pattern=PATH),
        Key("id", "text", "path of the provider's id of the message", example="messageId", pattern=PATH),
        Key("key", "text", "path of our key of the message", example="reference", pattern=PATH),
        Key("event", "text", "path of the event's own id", example="eventId", pattern=PATH),
        Key("kind", "text", "path of the word that says what happened", example="status", pattern=PATH),
        Key("kinds", "free", "their words and ours", example="{DELIVERED: delivered}"),
        Key("at", "text", "path of the moment", example="doneAt", pattern=PATH),
        Key("address", "text", "path of the address", example="to", pattern=PATH),
        Key("reply", "text", "path of what a customer wrote", example="text", pattern=PATH),
        Key("detail", "text", "path of a sentence for people", example="error.description", pattern=PATH),
    ),
    "Where a call of the provider says what happened",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallerSecret:
    """How the provider's calls are known: by a token in `header` or `query`, by the signature (`hmac`) in
    `header`, or by basic auth (`user`)."""

    secret: Secret
    header: str = ""
    query: str = ""
    user: str = ""
    hmac: str = ""
    encoding: str = "hex"


@dataclass(frozen=True, slots=True)
class CallbackWords:
    """Where a call of the provider says what happened: paths, and the provider's words in small letters."""

    caller: CallerSecret
    events: str = ""
    id: str = ""
    key: str = ""
    event: str = ""
    kind: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    address: str = ""
    reply: str = ""
    detail: str = ""


def read_callback(reader: MapReader) -> CallbackWords | None:
    """The callback as it is described; None where nobody could call."""
    values = values_of(reader)
    kinds = read_words(reader, "kinds", KINDS)
    is_right = reader.is_right
    if is_right and "kind" in reader and "kinds" not in reader:
        why, fix = "a path, and what its values mean", "write  kinds: {DELIVERED: delivered}"
        _incomplete(reader, "kind", '"kind" needs  kinds', why, fix)
    # An answer of a customer needs no kind: that there is a text says it.
    if is_right and "kind" not in reader and "reply" not in reader:
        fix = "add  kind: path  and  kinds: {DELIVERED: delivered}, or  reply: path"
        _incomplete(reader, "", '"callback" does not say what happened', "", fix)
    # Any of the three finds the message or the customer.
    if is_right and not any(key in reader for key in ("id", "key", "address")):
        fix = "add  id: path,  key: path  or  address: path"
        _incomplete(reader, "", '"callback" does not say of which message it is', "", fix)
    caller = _read_caller(reader, is_right)
    return None if caller is None else CallbackWords(caller, kinds=kinds, **values)


def _read_caller(reader: MapReader, is_right: bool) -> CallerSecret | None:
    """`is_right`: all that stands in the callback beside it is."""
    caller = reader.block("secret") if isinstance(reader.node("secret"), nodes.Mapping) else None
    if caller is None:
        if is_right or "secret" in reader:
            why = "without a secret anybody could tell us that messages bounced"
            _incomplete(reader, "secret", '"callback" does not say who may call', why, f"add  {_WAYS}")
        return None
    values = values_of(caller)
    if caller.is_right and {key.name for key in _CALLER.keys if key.name in caller} not in _KEYS_OF_WAYS:
        _incomplete(reader, "secret", '"secret" is none of the ways to know a caller', "", f"write  {_WAYS}")
    token, password = values.pop("token", None), values.pop("password", None)
    secret = token or password
    if secret is None:
        return None
    # The names of headers come in small letters from the server.
    values["header"] = values.get("header", "").casefold()
    return CallerSecret(secret, **values)


def _incomplete(reader: MapReader, key: str, what: str, why: str, fix: str) -> None:
    reader.context.report(reader.at_key(key), reader.context.rules.missing, what, why, fix)
