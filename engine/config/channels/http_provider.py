"""A channel `via: http` in config.yaml: any provider, and everything that can be wrong before the first
message."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from engine.channel_kinds import UnknownAction
from engine.config import Secret
from engine.config.channels.http_provider_answer import ANSWER, AnswerWords, read_answer
from engine.config.channels.http_provider_callback import CALLBACK, CallbackWords, read_callback
from engine.config.channels.request_template import (
    Encoding,
    RequestText,
    RequestValue,
    read_request_text,
    reads,
)
from engine.config.channels.via import ViaOptions
from engine.config.secrets import is_reference, is_secret, refuse_literal, secret_of, values_of
from engine.language import nodes
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader
from engine.language.syntax import Text

Body: TypeAlias = "RequestValue | Secret | tuple[Body, ...] | Mapping[str, Body]"

LONGEST_TIMEOUT = 120
"""Seconds; well below the time for which a message is claimed."""

_URL = TextPattern(
    r"https?://[^/?#\s{}@]+([/?].*)?", "is no address that can be called",
    "scheme and host stand in this file, so that no customer's data decides who is called",
    "write  https://api.provider.example/messages",
)  # fmt: skip
_HEADER = TextPattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "is no name of a header", "", "write  Idempotency-Key")
_IDEMPOTENCY = Construct(
    "idempotency",
    "idempotency",
    (
        Key("header", "text", "that carries the key", needed=True, example="Idempotency-Key",
            pattern=_HEADER),
        Key("window", "count", "hours for which the provider knows a key", example="24", most=720,
            why="so long the provider knows a key"),
    ),
    "The header of a key by which the provider knows a copy",
)  # fmt: skip
KEYS = (
    Key("url", "text", "where the request goes", needed=True, example="https://api.provider.example/messages",
        pattern=_URL),
    Key("token", "secret", "for the texts of the request"),
    Key("secret", "secret", "for the texts of the request"),
    Key("password", "secret", "for the texts of the request"),
    Key("from", "text", "the sender", example="Bean There"),
    Key("method", "choice", "of the request", choices=("POST", "PUT", "PATCH", "GET")),
    Key("timeout", "count", "seconds for an answer", example=str(LONGEST_TIMEOUT), most=LONGEST_TIMEOUT,
        why="a message is claimed for five minutes, and not sent twice because of it"),
    Key("idempotency", "any", "the header of a key by which the provider knows a copy"),
    Key("headers", "free", "of the request", example='{Authorization: "Bearer {{ secret.token }}"}'),
    Key("body", "any", "of the request"),
    Key("answer", "block", "where the answer says what became of the message", of=ANSWER, needed=True,
        example="{id: path.of.the.id}  or  answer: {ok: [202]}",
        why="nothing else says whether the provider took a message"),
    Key("callback", "block", "where a call of the provider says what happened", of=CALLBACK,
        example="{id: path}"),
)  # fmt: skip

_SECRETS = ("token", "secret", "password")
_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")
_SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|key\b|password", re.IGNORECASE)
_TEMPLATE_ALONE = re.compile(r"(?:[A-Za-z]+ )?\{\{[^{}\"']*\}\}")
"""`{{ secret.token }}`, `Bearer {{ secret.token }}`: nothing in it can be a secret that is written out."""

_ENCODINGS: Mapping[str, Encoding] = {
    "json": "json",
    "x-www-form-urlencoded": "form",
    "xml": "xml",
    "text/": "plain",
}
_KINDS: Mapping[Encoding, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
}


@dataclass(frozen=True, slots=True)
class HttpProviderOptions(ViaOptions):
    """How one message becomes one request. `secrets`: what its texts read as `secret.x`. `key_header` carries
    the send key, which the provider knows for `key_hours` (0: config.yaml does not say). `callback` None:
    nobody calls."""

    via: ClassVar[str] = "http"
    calls_back: ClassVar[bool] = True
    url: RequestText
    method: str = "POST"
    headers: Mapping[str, RequestText | Secret] = field(default_factory=dict)
    body: Body | RequestText | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    key_header: str = ""
    key_hours: int = 0
    answer: AnswerWords = field(default_factory=AnswerWords)
    callback: CallbackWords | None = None

    @property
    def unknown(self) -> UnknownAction:
        """Only a provider that knows a copy by its key may get one."""
        return "same key" if self.key_header else "hold"


def read_http_provider(reader: MapReader, values: dict[str, Any]) -> HttpProviderOptions:
    """The request as it is described, its texts checked."""
    # The callback comes first: its secret is one of those that the texts of the request may read.
    callback_map = reader.block("callback")
    callback = read_callback(callback_map) if callback_map else None
    secrets: dict[str, Secret] = {name: values[name] for name in _SECRETS if name in values}
    if callback is not None:
        secrets["callback"] = callback.caller.secret
    # Before the texts: with a key they may not be different in the next try.
    key_header, key_hours = _read_idempotency(reader)
    # A secret that is written wrongly has its own message: for the texts it is given.
    texts = _RequestReader(reader, {name for name in (*_SECRETS, "callback") if name in reader})
    url, method = reader.text("url"), values.get("method", "POST")
    if url is not None:
        texts.check(url)
    headers = texts.headers()
    body = texts.body(headers)  # after the headers: it is written by their Content-Type, or adds its own
    if body is not None and method == "GET":
        reader.context.refuse(
            reader.at_key("body"), "a GET has no body", "", "write  method: POST  or put it into the url"
        )
    answer_map = reader.block("answer")
    return HttpProviderOptions(
        RequestText(url.value if url else "", "url"),
        method,
        headers,
        body,
        secrets,
        key_header,
        key_hours,
        read_answer(answer_map) if answer_map else AnswerWords(),
        callback,
    )


def _read_idempotency(reader: MapReader) -> tuple[str, int]:
    """The header and the hours."""
    entry = reader.entry("idempotency")
    if entry is None:
        return "", 0
    if isinstance(entry.value, nodes.Scalar):
        header = entry.value.whole()
        return (header.value, 0) if reader.context.fits(header, _HEADER) else ("", 0)
    fields = reader.context.block(entry.value, _IDEMPOTENCY, entry.key)
    values = values_of(fields) if fields else {}
    return values.get("header", ""), values.get("window", 0)


class _RequestReader:
    """Reads the texts of one request; what is wrong is left out."""

    def __init__(self, reader: MapReader, secrets: Collection[str]) -> None:
        self._reader = reader
        self._context = reader.context
        self._secrets = secrets

    def check(self, text: Text) -> bool:
        """Can this text be rendered, and is it the same in every try where the provider compares?"""
        if not read_request_text(self._context, text, self._secrets):
            return False
        if "idempotency" in self._reader and reads(text.value, "valid_for"):
            what, why = (
                '"valid_for" is another number in every try',
                "a key belongs to one request, byte for byte",
            )
            self._context.refuse(text.span, what, why, "write  valid_until")
        return True

    def headers(self) -> dict[str, RequestText | Secret]:
        headers: dict[str, RequestText | Secret] = {}
        for entry in self._reader.entries("headers"):
            name = entry.key.text
            # Those of ours frame the request: two different lengths are how requests are smuggled
            # (RFC 9112, 11.2).
            if not re.fullmatch(_HEADER.pattern, name) or name.casefold() in _OURS:
                self._context.wrong(entry.key, "is no header that can be set", "", "remove it")
                continue
            text = (
                entry.value.whole()
                if isinstance(entry.value, nodes.Scalar)
                else self._context.text(entry.value, name)
            )
            if text is None:
                continue
            # A reference is a secret whatever the header is called: it is taken before words are judged.
            if is_reference(text.value):
                headers[name] = Secret(text.value)
            elif (is_secret(name) and not _TEMPLATE_ALONE.fullmatch(text.value)) or (
                _SECRET_HEADER.search(name) and not reads(text.value, "secret")
            ):
                fix = f'write  {name}: "Bearer {{{{ secret.token }}}}"  and  token: env:NAME  in this channel'
                refuse_literal(self._context, text.span, name, f"{fix}; then change the secret")
            elif self.check(text):
                headers[name] = RequestText(text.value, "header")
        return headers

    def body(self, headers: dict[str, RequestText | Secret]) -> Body | RequestText | None:
        """The body; its `Content-Type` is added to the headers where they have none."""
        node = self._reader.node("body")
        if node is None:
            return None
        kind = next((value for name, value in headers.items() if name.casefold() == "content-type"), None)
        encoding = _encoding(kind.source if isinstance(kind, RequestText) else "", node)
        if kind is None:
            headers["Content-Type"] = RequestText(_KINDS[encoding], "header")
        if not isinstance(node, nodes.Scalar):
            return self._structure("body", node)
        return RequestText(node.text, encoding) if self.check(node.whole()) else None

    def _structure(self, key: str, node: nodes.Node) -> Body | None:
        """A list or a map as it stands in the file; below the key of a secret only a reference is taken."""
        match node:
            case nodes.Mapping():
                members = {
                    entry.key.text: self._structure(entry.key.text, entry.value) for entry in node.entries
                }
                return {name: member for name, member in members.items() if member is not None}
            case nodes.Sequence():
                items = (self._structure(key, item) for item in node.items)
                return tuple(item for item in items if item is not None)
            # Before the other scalars: a literal below `password` may not become a text of the body.
            case nodes.Scalar() if is_secret(key) and not _TEMPLATE_ALONE.fullmatch(node.text):
                return secret_of(self._context, key, node)
            case nodes.Scalar():
                return RequestValue(node.text) if self.check(node.whole()) else None


def _encoding(kind: str, body: nodes.Node) -> Encoding:
    """How values are written in the body; `kind` is its Content-Type, "" where the file has none."""
    if not isinstance(body, nodes.Scalar):
        return "json"
    for word, encoding in _ENCODINGS.items():
        if word in kind.casefold():
            return encoding
    # No Content-Type: JSON begins with a bracket, a form does not; `{{` and `{%` are Jinja.
    start = body.text.lstrip()
    return "json" if start.startswith(("{", "[")) and not start.startswith(("{{", "{%")) else "form"
