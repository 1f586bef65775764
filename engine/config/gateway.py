"""A channel `via: http` in config.yaml: everything that can be wrong with it before the first message."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.config.gateway_answer import check_answer
from engine.config.gateway_callback import check_callback
from engine.config.gateway_template import mistake, reads
from engine.config.nodes import Reader
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.wording import quoted

LONGEST_TIMEOUT = 120
"""Seconds; well below the time for which a message is claimed."""

_URL = re.compile(r"https?://[^/?#\s{}@]+(?:[/?].*)?", re.DOTALL)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")
_SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|key\b|password", re.IGNORECASE)
_SCHEME = re.compile(r"(?:[A-Za-z]+ )?\{\{[^{}\"']*\}\}")


def is_template_alone(text: str) -> bool:
    """`{{ secret.token }}`, `Bearer {{ secret.token }}`: nothing in it can be a secret that is written out."""
    return _SCHEME.fullmatch(text) is not None


def is_reference(text: str) -> bool:
    """`env:NAME` or `file:/path`."""
    kind, _, name = text.partition(":")
    return (kind == "env" and name.replace("_", "a").isalnum()) or (kind == "file" and name.startswith("/"))


def check_gateway(owner: Entry, parts: dict[str, Entry], reader: Reader) -> None:
    """Tells what cannot work. `parts`: the entries of the channel."""
    secrets = frozenset(parts) & {"token", "secret", "password"}
    if "callback" in parts:
        secrets |= check_callback(parts["callback"], reader)
    _url(parts, reader)
    _headers(parts, reader)
    _idempotency(parts, reader)
    _timeout(parts, reader)
    for text in _texts(parts):
        what, fix = mistake(text.text, secrets)
        if what:
            reader.refuse(text.span, what, "the texts of a request are Jinja with a few names", fix)
        elif "idempotency" in parts and reads(text.text, "valid_for"):
            reader.refuse(
                text.span, '"valid_for" is another number in every try', "a key belongs to one request, byte for byte",
                "write  valid_until",
            )  # fmt: skip
    body, method = parts.get("body"), parts.get("method")
    if body and method and isinstance(method.value, Scalar) and method.value.text == "GET":
        reader.refuse(body.key.span, "a GET has no body", "", "write  method: POST  or put it into the url")
    if "answer" not in parts:
        reader.refuse(
            owner.key.span, f"{quoted(owner.key.text)} needs  answer", "nothing else says whether the provider took a message",
            "add  answer: {id: path.of.the.id}  or  answer: {ok: [202]}", "E83",
        )  # fmt: skip
    else:
        check_answer(parts["answer"], reader)


def _url(parts: dict[str, Entry], reader: Reader) -> None:
    found = parts["url"].value
    if isinstance(found, Scalar) and not _URL.fullmatch(found.text):
        reader.refuse(
            found.span, f"{quoted(found.text)} is no address that can be called",
            "scheme and host stand in this file, so that no customer's data decides who is called",
            "write  https://api.provider.example/messages",
        )  # fmt: skip


def _headers(parts: dict[str, Entry], reader: Reader) -> None:
    entry = parts.get("headers")
    given = reader.mapping(entry.value, "headers") if entry else None
    for each in given.entries if given else ():
        name, value = each.key.text, each.value
        if not _HEADER.fullmatch(name) or name.casefold() in _OURS:
            reader.refuse(each.key.span, f"{quoted(name)} is no header that can be set", "", "remove it")
        elif not isinstance(value, Scalar):
            reader.refuse(value.span, f"{quoted(name)} needs one short text", "", f"write it behind  {name}:")
        elif _SECRET_HEADER.search(name) and not is_reference(value.text) and not reads(value.text, "secret"):
            reader.literal_secret(
                value.span, name,
                f'write  {name}: "Bearer {{{{ secret.token }}}}"  and  token: env:NAME  in this channel; then change the secret',
            )  # fmt: skip


def _idempotency(parts: dict[str, Entry], reader: Reader) -> None:
    entry = parts.get("idempotency")
    if entry is None:
        return
    name: Node = entry.value
    if isinstance(name, Mapping):
        fields = reader.parts(name, ("header", "window"), "idempotency")
        window = reader.text(fields, "window")
        if window and not (window.text.isdigit() and 0 < int(window.text) <= 720):
            reader.refuse(
                window.span, f"{quoted(window.text)} is no number of hours", "from 1 to 720: so long the provider knows a key", "write  window: 24",
            )  # fmt: skip
        header = reader.needed(fields, "header", entry)
        if header is None:
            return
        name = header
    if isinstance(name, Scalar) and not _HEADER.fullmatch(name.text):
        reader.refuse(name.span, f"{quoted(name.text)} is no name of a header", "", "write  Idempotency-Key")


def _timeout(parts: dict[str, Entry], reader: Reader) -> None:
    found = reader.text(parts, "timeout") if "timeout" in parts else None
    if found and found.text.isdigit() and int(found.text) > LONGEST_TIMEOUT:
        reader.refuse(
            found.span, f"{found.text} seconds is too long", "a message is claimed for five minutes, and not sent twice because of it",
            f"write a number up to {LONGEST_TIMEOUT}",
        )  # fmt: skip


def _texts(parts: dict[str, Entry]) -> Iterator[Scalar]:
    for name in ("url", "headers", "body"):
        if name in parts:
            yield from _below(parts[name].value)


def _below(node: Node) -> Iterator[Scalar]:
    match node:
        case Mapping():
            for entry in node.entries:
                yield from _below(entry.value)
        case Sequence():
            for item in node.items:
                yield from _below(item)
        case Scalar():
            yield node
