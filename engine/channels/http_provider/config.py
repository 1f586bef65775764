"""A channel `via: http` as config.yaml describes it, its texts compiled. `check` has found what is wrong with it before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from jinja2 import TemplateError

from engine.channels.opening import Opening
from engine.config import Option, Secret
from engine.config.gateway import is_reference
from engine.config.gateway_template import Form, Text, Value
from engine.errors import UsageError

Body: TypeAlias = "Value | Secret | tuple[Body, ...] | Mapping[str, Body]"

SECONDS = 10
_HOUR_MS = 3_600_000
_FORMS: Mapping[str, Form] = {"json": "json", "x-www-form-urlencoded": "form", "xml": "xml", "text/": "plain"}
_KINDS: Mapping[Form, str] = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """Where the answer says what became of the message; paths, and the provider's words in small letters."""

    ok: frozenset[int] = frozenset()
    id: str = ""
    outcome: str = ""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[int, str] = field(default_factory=dict)
    retry_after: str = ""
    retry_header: str = "retry-after"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CallerSecret:
    """How the provider's calls are known. `way`: token, hmac or basic; `place`: header NAME or query NAME."""

    way: str
    secret: Secret
    header: str = ""
    query: str = ""
    user: str = ""
    hmac: str = ""
    encoding: str = "hex"


@dataclass(frozen=True, slots=True)
class CallbackWords:
    """Where a call of the provider says what happened."""

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


@dataclass(frozen=True, slots=True)
class Plan:
    """How one message becomes one request."""

    method: str
    url: Text
    headers: Mapping[str, Text | Secret]
    body: Body | Text | None
    secrets: Mapping[str, Secret]
    seconds: float
    key_header: str
    key_window_ms: int
    answer: AnswerWords


def plan_of(opening: Opening) -> Plan:
    """The request of a channel. Raises UsageError with the cure."""
    options = opening.channel.options
    headers, body = _map(options.get("headers")), options.get("body")
    kind = next((_text(headers, name) for name in headers if name.casefold() == "content-type"), "")
    if not kind and body is not None:
        headers = {**headers, "Content-Type": _KINDS[_form(kind, body)]}
    header, window = _idempotency(options.get("idempotency"))
    try:
        return Plan(
            method=opening.channel.text("method", "POST"),
            url=Text(opening.channel.text("url"), "url"),
            headers={name: _header(value) for name, value in headers.items()},
            body=Text(body, _form(kind, body)) if isinstance(body, str) else _body(body),
            secrets=secrets_of(opening),
            seconds=float(opening.channel.number("timeout", SECONDS)),
            key_header=header,
            key_window_ms=window,
            answer=answer_of(_map(options.get("answer"))),
        )
    except TemplateError as wrong:
        raise UsageError(
            f'the channel "{opening.name}" has a text that cannot be read: {wrong.message}',
            "Run  main.py check",
        ) from wrong


def secrets_of(opening: Opening) -> dict[str, Secret]:
    """What `secret.x` may read."""
    options = opening.channel.options
    found = {name: options[name] for name in ("token", "secret", "password") if name in options}
    caller = _map(_map(options.get("callback")).get("secret"))
    own = caller.get("token", caller.get("password"))
    if own is not None:
        found["callback"] = own
    return {name: value for name, value in found.items() if isinstance(value, Secret)}


def answer_of(given: Mapping[str, Option]) -> AnswerWords:
    """`answer:`."""
    wait = _text(given, "retry_after")
    is_header = wait.startswith("header ")
    return AnswerWords(
        ok=frozenset(int(status) for status in _list(given.get("ok"))),
        id=_text(given, "id"),
        outcome=_text(given, "outcome"),
        outcomes=_words(given, "outcomes"),
        statuses={int(status): word for status, word in _words(given, "statuses").items()},
        retry_after="" if is_header else wait,
        retry_header=wait.removeprefix("header ").casefold() if is_header else "retry-after",
        detail=_text(given, "detail"),
    )


def callback_of(opening: Opening) -> CallbackWords | None:
    """`callback:`; None where it is not configured. Raises UsageError when it does not say who may call."""
    given = _map(opening.channel.options.get("callback"))
    if not given:
        return None
    caller = _map(given.get("secret"))
    secret = caller.get("token", caller.get("password"))
    way = "basic" if "user" in caller else "hmac" if "hmac" in caller else "token"
    if not isinstance(secret, Secret):
        raise UsageError(
            f'the callback of the channel "{opening.name}" does not say who may call',
            "Write  secret: {header: X-Token, token: env:NAME}",
        )
    return CallbackWords(
        CallerSecret(
            way, secret, _text(caller, "header").casefold(), _text(caller, "query"), _text(caller, "user"),
            _text(caller, "hmac"), _text(caller, "encoding") or "hex",
        ),
        **{name: _text(given, name) for name in ("events", "id", "key", "event", "kind", "at", "address", "reply", "detail")},
        kinds=_words(given, "kinds"),
    )  # fmt: skip


def _header(value: Option) -> Text | Secret:
    if isinstance(value, Secret):
        return value
    text = value if isinstance(value, str) else ""
    return Secret(text) if is_reference(text) else Text(text, "header")


def _form(kind: str, body: Option) -> Form:
    """How values are written in the body."""
    if not isinstance(body, str):
        return "json"
    for word, form in _FORMS.items():
        if word in kind.casefold():
            return form
    start = body.lstrip()
    return "json" if start.startswith(("{", "[")) and not start.startswith(("{{", "{%")) else "form"


def _body(given: Option | None) -> Body | None:
    match given:
        case None:
            return None
        case Mapping():
            return {name: _body(one) or Value("") for name, one in given.items()}
        case tuple():
            return tuple(_body(one) or Value("") for one in given)
        case Secret():
            return given
        case _:
            return Value(given)


def _idempotency(given: Option | None) -> tuple[str, int]:
    if isinstance(given, str):
        return given, 0
    fields = _map(given)
    hours = _text(fields, "window")
    return _text(fields, "header"), int(hours) * _HOUR_MS if hours else 0


def _map(given: Option | None) -> Mapping[str, Option]:
    return given if isinstance(given, Mapping) else {}


def _list(given: Option | None) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    return tuple(one for one in given if isinstance(one, str)) if isinstance(given, tuple) else ()


def _text(given: Mapping[str, Option], name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""


def _words(given: Mapping[str, Option], name: str) -> dict[str, str]:
    return {word.casefold(): ours for word, ours in _map(given.get(name)).items() if isinstance(ours, str)}
