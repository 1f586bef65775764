"""What a provider's answer to one request means for the message: the table of design/reliability 2.2.

Status 200 alone is no proof: an error page, nothing at all or ten megabytes of something come with it, too.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from contextlib import suppress

import orjson

from engine.channels.base import LONGEST_WORDS, Delivery, Redactor
from engine.channels.egress import Answer, retry_after_seconds
from engine.config.channels.http_provider_answer import AnswerWords
from engine.values import Instant

_KEY_OR_ACCOUNT = frozenset({401, 402, 403, 405, 407})
_NOT_NOW = frozenset({408, 425, 429})


def delivery_of(answer: Answer, words: AnswerWords, now: Instant, hidden: Redactor) -> Delivery:
    """The outcome. `now`: for a Retry-After that is a date."""
    document: object = None
    is_json = False
    if answer.is_whole and answer.body.strip():
        with suppress(ValueError):
            document, is_json = load_json(answer.body), True
    status, outcome = answer.status, text_at(document, words.outcome)
    # providers repeat the key in their answer, and it is kept
    raw = hidden.cut(f"{status} {answer.body[:8_192].decode('utf-8', 'replace')}")
    detail = hidden.cut(text_at(document, words.detail), 300)
    told = text_at(document, words.retry_after) if words.retry_after else ""
    wait = retry_after_seconds(told or answer.headers.get(words.retry_header) or answer.retry_after, now)
    # The provider's own word comes first, the status of a refusal next: some say 200 and mean no.
    is_fine = status in words.ok if words.ok else 200 <= status < 300
    word = words.outcomes.get(outcome.casefold()) if outcome and answer.is_whole else None
    if word is None and not is_fine:
        word = words.statuses.get(status)
    if word is None and is_fine:
        word, why = _of_success(answer, words, document, is_json, outcome)
        detail = detail or hidden.cut(why)
    if word is not None:
        return _delivery(word, hidden.cut(text_at(document, words.id), 200), detail, wait, raw)
    # A status that config.yaml says nothing about
    if status in _NOT_NOW or (status == 503 and ("retry-after" in answer.headers or wait is not None)):
        return _delivery("refused for now", "", detail, wait, raw)
    if status in _KEY_OR_ACCOUNT:
        return _delivery("our fault", "", detail or f"the provider refuses us (status {status})", wait, raw)
    if 300 <= status < 400:
        why = "the provider has moved: correct the url (redirects are not followed)"
        return _delivery("our fault", "", why, wait, raw)
    if 400 <= status < 500:
        return Delivery(
            "refused",
            detail=detail or f"the provider refused it (status {status})",
            fault="template",
            raw=raw,
        )
    return _delivery("unknown", "", detail or f"status {status} after the message left", wait, raw)


def _of_success(
    answer: Answer, words: AnswerWords, document: object, is_json: bool, outcome: str
) -> tuple[str, str]:
    """What a status of success is worth without a word of the provider that we know."""
    if not answer.is_whole:
        return "unknown", "the answer is too long to be read"
    if outcome:
        return "unknown", f'the answer says "{outcome[:80]}", which is not in outcomes'
    if words.id:
        is_id = text_at(document, words.id) and not isinstance(find_path(document, words.id), bool)
        return ("accepted", "") if is_id else ("unknown", "the answer has no id of the message")
    if words.outcome:
        return "unknown", "the answer does not say what became of it"
    # an error page comes with 200, too
    start = answer.body.lstrip()[:1]
    is_page = "html" in answer.headers.get("content-type", "").casefold() or start == b"<"
    if is_page and not is_json:
        return "unknown", "the answer is a page for people"
    return "accepted", ""


def _delivery(word: str, provider_id: str, detail: str, wait: float | None, raw: str) -> Delivery:
    match word:
        case "accepted":
            return Delivery("accepted", provider_id, detail, raw=raw)
        case "refused":
            return Delivery("refused", provider_id, detail or "the provider refused it", raw=raw)
        case "bounced":
            return Delivery("bounced", provider_id, detail or "the address is gone", fault="address", raw=raw)
        case "unsubscribed":
            why = detail or "this person stopped us at the provider"
            return Delivery("refused", provider_id, why, fault="address", raw=raw, closed="unsubscribed")
        case "refused for now":
            return Delivery(
                "refused for now",
                provider_id,
                detail or "the provider asks to try later",
                wait,
                "provider",
                raw,
            )
        case "our fault":
            return Delivery(
                "refused for now", provider_id, detail or "the provider refuses us", wait, "sender", raw
            )
        case _:
            return Delivery("unknown", provider_id, detail, wait, "provider", raw)


# --- where something stands in the JSON of a provider: `messages.0.status.name`, `details.*.errorCode` ----


def load_json(body: bytes) -> object:
    """The JSON of a body, with or without the mark that some programs write first. Raises ValueError when it
    is none."""
    return orjson.loads(body.removeprefix(codecs.BOM_UTF8))


def find_path(document: object, path: str) -> object:
    """What stands there; None for nothing. `*`: the first of a list below which something is found."""
    return _below(document, path.split(".")) if path else document


def text_at(document: object, path: str, longest: int = LONGEST_WORDS) -> str:
    """What stands there as one short text; "" for nothing, a list or a map."""
    value = find_path(document, path) if path else None
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)[:longest]
        case _:
            return ""


def _below(document: object, steps: list[str]) -> object:
    for index, step in enumerate(steps):
        if step == "*" and isinstance(document, list):
            below = (_below(item, steps[index + 1 :]) for item in document)
            return next((value for value in below if value is not None), None)
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isascii() and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document
