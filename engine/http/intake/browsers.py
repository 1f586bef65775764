"""Calls from browsers, with a key that stands in a page for everybody to read: what they may say, and which
pages may send them (design/threats T26).

Such a key proves nothing about who calls. So it speaks only for the visitor whose random id the browser
keeps, and for a customer only with a proof of the shop's server: HMAC-SHA256 of the customer's id with the
`identity_key` of config.yaml, as `context.proof`. Consent it never brings, and addresses only with the proof:
a stranger could have our letters sent to any mailbox.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from engine.config import BrowserConfig
from engine.http.problems import Refusal
from engine.runtime.intake.items import RefusedItem, id_text

MAX_BODY = 512 * 1024
"""Bytes of a call with a browser's key, or with its key in the body: what SDKs send in one batch at most."""

MOST_CALLS = 600
"""Of one address in a minute."""

_VISITOR = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)
_KEPT = 600  # seconds that a browser remembers what it may send
_OF_USER, _OF_VISITOR, _OF_FORMER = (
    ("userId", "user_id"), ("anonymousId", "anonymous_id"), ("previousId", "previous_id"),
)  # fmt: skip
_NEEDS_PROOF = "a browser speaks for a customer only with a proof: context.proof, see docs/http.md"


def cors(config: BrowserConfig, request: Request) -> dict[str, str]:
    """The headers by which a browser lets a page of the shop read the answer; none for other pages."""
    origin = request.headers.get("origin", "").casefold()
    if origin not in config.origins:
        # Also where nothing is allowed: else a cache would give this answer to a site that is.
        return {"Vary": "Origin"}
    # sendBeacon always sends as if with cookies; there are none, and the origin is named.
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "retry-after",
        "Vary": "Origin",
    }


def preflight(config: BrowserConfig, request: Request) -> Response:
    """What a browser asks before a call that a plain form could not make. Raises Refusal 403."""
    allowed = cors(config, request)
    if "Access-Control-Allow-Origin" not in allowed:
        raise _wrong_page()
    headers = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "authorization, content-type, x-retry-count",
        "Access-Control-Max-Age": str(_KEPT),
    }
    return Response(status_code=204, headers={**allowed, **headers})


def check_page(config: BrowserConfig, request: Request) -> None:
    """Raises Refusal 403 for a page that is none of the shop's. Programs can claim any origin; this keeps the
    pages of others from using the key."""
    if request.headers.get("origin", "").casefold() not in config.origins:
        raise _wrong_page()


def visitors_of(calls: Sequence[Any]) -> set[str]:
    """The ids under which visitors of these calls would be known."""
    names = (*_OF_VISITOR, *_OF_FORMER)
    return {id_ for call in calls if isinstance(call, Mapping) for id_ in _ids(call, *names)}


def allowed_call(
    call: Any, kind: str, place: int, identity_key: str, known: AbstractSet[str]
) -> tuple[Any, list[RefusedItem]]:
    """A call with only what a browser may say, and what was left out; None when nothing is left of it.

    `kind` of the call is "" where it says so itself; `known` are ids of people who are no visitors.
    """
    if not isinstance(call, Mapping):
        return call, []
    left: dict[str, Any] = {
        name: value for name, value in call.items() if name not in (*_OF_USER, *_OF_VISITOR, *_OF_FORMER)
    }
    left_out: list[RefusedItem] = []
    visitor, former = _visitor(call, _OF_VISITOR, known), _visitor(call, _OF_FORMER, known)
    user = next(iter(_ids(call, *_OF_USER)), None)
    is_proven = user is not None and _is_proven(call, user, identity_key)
    if is_proven:
        left["userId"] = user
    elif user is not None:
        left_out.append(RefusedItem(place, "userId", _NEEDS_PROOF))
    if visitor is not None:
        left["anonymousId"] = visitor
    if (kind or call.get("type")) == "alias":
        if not is_proven or former is None:
            return None, [RefusedItem(place, "previousId", _NEEDS_PROOF)]
        left["previousId"] = former
    elif not is_proven and visitor is None:
        why = "a visitor of a browser is called by a UUID, as SDKs make it" if not left_out else _NEEDS_PROOF
        return None, [RefusedItem(place, "userId" if left_out else "anonymousId", why)]
    return _without_claims(left, place, left_out, is_proven=is_proven)


def _without_claims(
    call: dict[str, Any], place: int, left_out: list[RefusedItem], *, is_proven: bool
) -> tuple[dict[str, Any], list[RefusedItem]]:
    """Takes away what a stranger may not claim of somebody."""
    not_said = (
        ("consent", "consents") if is_proven else ("consent", "consents", "email", "phone", "addresses")
    )
    traits, context = call.get("traits"), call.get("context")
    if isinstance(traits, Mapping):
        # What stands before the dot: `consent.email` is said of a consent too.
        claims = {name for name in traits if name.casefold().partition(".")[0] in not_said}
        call["traits"] = {name: value for name, value in traits.items() if name not in claims}
        left_out += [
            RefusedItem(place, f"traits.{name}"[:200], "a browser may not say this; the shop's server may")
            for name in traits
            if name in claims
        ]
    if isinstance(context, Mapping):
        # The proof is not kept; a push token is an address.
        hidden = ("proof", "traits") if is_proven else ("proof", "traits", "device")
        call["context"] = {name: value for name, value in context.items() if name not in hidden}
    return call, left_out


def _ids(call: Mapping[str, Any], *names: str) -> list[str]:
    return [id_ for name in names if (id_ := id_text(call.get(name))) is not None]


def _visitor(call: Mapping[str, Any], names: tuple[str, ...], known: AbstractSet[str]) -> str | None:
    """The visitor's id: random, as SDKs make it, so that nobody guesses another one's; and of no customer."""
    return next((id_ for id_ in _ids(call, *names) if _VISITOR.fullmatch(id_) and id_ not in known), None)


def _is_proven(call: Mapping[str, Any], user: str, identity_key: str) -> bool:
    context = call.get("context")
    proof = context.get("proof") if isinstance(context, Mapping) else None
    if not identity_key or not isinstance(proof, str):
        return False
    right = hmac.new(identity_key.encode(), user.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
    # In constant time; what is not ASCII cannot be compared and is never right.
    return hmac.compare_digest(right, proof.strip().lower().encode("ascii", "replace").decode())


def _wrong_page() -> Refusal:
    return Refusal(
        403, "this page may not send events", "add its site to  browser: {origins: [...]}  of config.yaml"
    )
