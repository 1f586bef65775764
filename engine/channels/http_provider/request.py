"""Writes the request for one address of a message: address, headers and body, with the data in them as
data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from engine.channels.base import Message
from engine.channels.egress import Request
from engine.config import Secret
from engine.config.channels.http_provider import Body, HttpProviderOptions
from engine.config.channels.request_template import RequestText, RequestValue, WrittenWrongError
from engine.ids import derive
from engine.values import SECOND, Instant, iso

SECONDS = 10.0
"""For an answer, where config.yaml does not say."""


class RequestWriter:
    """Writes the requests of one message. `secrets`: everything that must not come back in an answer."""

    def __init__(
        self,
        options: HttpProviderOptions,
        own: Mapping[str, str],
        secrets: Mapping[str, str],
        message: Message,
        now: Instant,
        seconds: float = SECONDS,
    ) -> None:
        self.secrets = [*secrets.values(), *(quote(secret, safe="") for secret in secrets.values())]
        self._options = options
        self._seconds = seconds
        self._message = message
        fields = message.fields
        self._names: dict[str, Any] = {
            "channel": {"from": message.sender or own["from"], "name": message.channel},
            "secret": dict(secrets),
            "customer_language": message.language,
            "valid_for": (message.valid_until - now) // SECOND if message.valid_until else None,
            "valid_until": iso(message.valid_until) if message.valid_until else None,
            "callback_url": own["callback_url"],
        }
        self._message_names = {
            "key": message.key,
            "text": message.body,
            "title": fields.get("title", message.subject),
            "url": fields.get("url", ""),
            "image": fields.get("image", ""),
            "fields": dict(fields),
            "template": message.template,
        }

    def request(self, address: str) -> Request:
        """The request for one address. Raises WrittenWrongError, UsageError."""
        options = self._options
        names = {**self._names, "message": {**self._message_names, "address": address}}
        headers: dict[str, str] = {}
        for name, value in options.headers.items():
            headers[name] = text = value.reveal() if isinstance(value, Secret) else value.render(names)
            if isinstance(value, Secret) or value.reads_secret:
                # `Bearer TOKEN`: the token alone must not be written down either
                self.secrets += [text, text.rpartition(" ")[2]]
        if options.key_header:
            several = len(self._message.addresses) > 1
            # to the provider each address is a message of its own: one key would swallow all but the first
            headers[options.key_header] = derive(self._message.key, address) if several else self._message.key
        return Request(options.method, options.url.render(names), self._body(names), headers, self._seconds)

    def _body(self, names: Mapping[str, object]) -> bytes:
        body = self._options.body
        if body is None:
            return b""
        if isinstance(body, RequestText):
            text = body.render(names)
            if body.is_json:
                try:
                    orjson.loads(text)
                except ValueError as wrong:
                    raise WrittenWrongError(f"the body is no JSON: {wrong}"[:200]) from wrong
            return text.encode("utf-8", "replace")
        try:
            return orjson.dumps(self._value(body, names))
        except (orjson.JSONEncodeError, TypeError) as wrong:
            raise WrittenWrongError(str(wrong)[:200]) from wrong

    def _value(self, body: Body, names: Mapping[str, object]) -> object:
        match body:
            case RequestValue():
                return body.render(names)
            case Secret():
                secret = body.reveal()
                self.secrets.append(secret)
                return secret
            case tuple():
                return [self._value(item, names) for item in body]
            case Mapping():
                written = {name: self._value(value, names) for name, value in body.items()}
                return {name: value for name, value in written.items() if value is not None}
