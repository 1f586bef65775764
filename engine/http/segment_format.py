"""The Segment HTTP format turned into our items: track, identify, page, screen, alias, group, batch, import.

Field names and the rule for wrong clocks follow the public specification of that format:
`timestamp = receivedAt - (sentAt - originalTimestamp)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.runtime.intake.intake import normal_name
from engine.runtime.intake.items import (
    AliasItem,
    ConsentGiven,
    CustomerItem,
    EventItem,
    Item,
    RefusedItem,
    VisitorItem,
)
from engine.values import DAY, Instant, parse_instant

CALLS = ("track", "identify", "page", "screen", "alias", "group")

_TRAITS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "locale": "language",
    "timeZone": "timezone",
}


def translate(
    call: Any, kind: str | None, item: int, received: Instant, sent_at: str | None, history: bool
) -> list[Item] | RefusedItem:
    """The items of one call. `kind` None: the call's own `type` says it (batch). `sent_at` is the batch's."""
    if not isinstance(call, dict):
        return RefusedItem(item, "", "each call is an object")
    kind = kind or call.get("type")
    if kind not in CALLS:
        return RefusedItem(
            item, "type", f'"{str(kind)[:40]}" is no call of this format; use one of: {", ".join(CALLS)}'
        )
    who = _customer(call)
    if who is None:
        return RefusedItem(item, "userId", "a call needs a userId or an anonymousId of 1 to 200 characters")
    for name in ("properties", "traits", "context"):
        if not isinstance(call.get(name) or {}, dict):
            return RefusedItem(item, name, "this must be an object")
    # What to add to the time of the call, in ms. Within a minute the sender's clock is right and the network
    # was slow; ten years off is no clock, but a field that somebody filled with something else.
    sent = moment(call.get("sentAt") or sent_at)
    off = 0 if sent is None else received - sent
    skew = off if 60_000 < abs(off) < 3_650 * DAY else 0
    return _MAKERS[kind](call, who, item, skew, history)


def _customer(call: Mapping[str, Any]) -> str | None:
    return _id(call, "userId") or _id(call, "anonymousId")


def _id(call: Mapping[str, Any], name: str) -> str | None:
    value = call.get(name)
    # Shops send the number of the row in their database.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= 200 else None


def moment(text: Any) -> Instant | None:
    """An ISO 8601 time; without a zone it is UTC. None when it is none."""
    return parse_instant(text) if isinstance(text, str) else None


def _when(call: Mapping[str, Any]) -> str | None:
    # The sender's own time first: `timestamp` is corrected already where an SDK's server sent it on.
    text = call.get("originalTimestamp") or call.get("timestamp")
    return text if isinstance(text, str) else None


def _message_id(call: Mapping[str, Any]) -> str | None:
    text = call.get("messageId")
    return text[:200] if isinstance(text, str) and text else None


def _track(call: dict[str, Any], who: str, item: int, skew: int, history: bool) -> list[Item] | RefusedItem:
    name = call.get("event")
    if not isinstance(name, str) or not name.strip():
        return RefusedItem(item, "event", "a track call needs the name of the event")
    items: list[Item] = [_event(call, who, item, name, call.get("properties") or {}, skew, history)]
    # SDKs of apps send their push token along with every track call.
    token, key = _token(call), _message_id(call)
    visitor = _id(call, "anonymousId")
    if token and visitor is not None and _id(call, "userId") is None:
        items.append(VisitorItem(item, visitor, None))
    if token:
        items.append(
            CustomerItem(
                item,
                who,
                # A key of its own: the event of the same call has the other one, and would make this a copy.
                f"{key}:device" if key else None,
                at=_when(call),
                skew=skew,
                history=history,
                joins={"push": token},
            )
        )
    return items


def _page(call: dict[str, Any], who: str, item: int, skew: int, history: bool) -> list[Item] | RefusedItem:
    fields = dict(call.get("properties") or {})
    for name in ("name", "category"):
        if isinstance(call.get(name), str):
            # What the properties say themselves is nearer to the shop.
            fields.setdefault(name, call[name])
    return [_event(call, who, item, f"{call.get('type') or 'page'}_viewed", fields, skew, history)]


def _event(
    call: Mapping[str, Any],
    who: str,
    item: int,
    name: str,
    fields: Mapping[str, Any],
    skew: int,
    history: bool,
) -> EventItem:
    return EventItem(item, who, name, _when(call), _message_id(call), fields, skew, history, undeclared=True)


def _identify(
    call: dict[str, Any], who: str, item: int, skew: int, history: bool
) -> list[Item] | RefusedItem:
    traits = dict(call.get("traits") or {})
    consents = consents_of(traits.pop("consent", None), item)
    if isinstance(consents, RefusedItem):
        return consents
    addresses = {name: traits[name] for name in ("email", "phone") if isinstance(traits.get(name), str)}
    attributes = {
        _TRAITS.get(name, name if name.islower() else normal_name(name)): value
        for name, value in traits.items()
    }
    context = call.get("context") or {}
    if isinstance(context.get("timezone"), str):
        # A trait is what the shop knows; the context is only where the device is just now.
        attributes.setdefault("timezone", context["timezone"])
    if isinstance(context.get("locale"), str):
        attributes.setdefault("language", context["locale"][:2].lower())
    token = _token(call)
    joins = {"push": token} if token else {}
    key = _message_id(call)
    visitor, customer = _id(call, "anonymousId"), _id(call, "userId")
    return [
        # What the visitor did before the sign-in belongs to the person.
        *([VisitorItem(item, visitor, customer)] if visitor is not None else []),
        CustomerItem(
            item,
            who,
            key,
            attributes,
            addresses,
            consents,
            _when(call),
            skew,
            history,
            undeclared=True,
            joins=joins,
        ),
    ]


def _token(call: Mapping[str, Any]) -> str | None:
    device = (call.get("context") or {}).get("device")
    token = device.get("token") if isinstance(device, dict) else None
    return token if isinstance(token, str) and 0 < len(token) <= 4096 else None


def _alias(
    call: dict[str, Any], who: str, item: int, _skew_ms: int, _history: bool
) -> list[Item] | RefusedItem:
    previous = call.get("previousId")
    if not isinstance(previous, str) or not 0 < len(previous.strip()) <= 200:
        return RefusedItem(
            item, "previousId", "an alias call needs the previousId that becomes this customer"
        )
    return [AliasItem(item, previous.strip(), who, _message_id(call))]


def _group(
    _call: dict[str, Any], _who: str, _item: int, _skew_ms: int, _history: bool
) -> list[Item] | RefusedItem:
    return []  # accounts are no part of retention marketing: taken, so that an SDK is content, and not kept


_MAKERS = {
    "track": _track,
    "identify": _identify,
    "page": _page,
    "screen": _page,
    "alias": _alias,
    "group": _group,
}


def consents_of(given: Any, item: int) -> tuple[ConsentGiven, ...] | RefusedItem:
    """`{email: given}` or `{email: {state: given, purpose, when, where, text}}`."""
    if given is None:
        return ()
    if not isinstance(given, dict):
        return RefusedItem(item, "consent", 'write it per channel, for example {"email": "given"}')
    consents = []
    for channel, state in given.items():
        # The short form is a proof without words: state alone.
        proof = state if isinstance(state, dict) else {"state": state}
        if proof.get("state") not in ("none", "asked", "given", "withdrawn"):
            return RefusedItem(
                item, f"consent.{channel}", "a consent is one of: none, asked, given, withdrawn"
            )
        words = {
            name: str(proof[name])[:2000] for name in ("purpose", "when", "where", "text") if proof.get(name)
        }
        consents.append(ConsentGiven(channel, proof["state"], **words))
    return tuple(consents)
