"""The Segment HTTP format turned into our items: track, identify, page, screen, alias, group, batch, import.

Field names and the rule for wrong clocks follow the public specification of that format:
`timestamp = receivedAt - (sentAt - originalTimestamp)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.http.intake.strict_json import without_unstorable
from engine.runtime.intake.consent_reading import take_consent
from engine.runtime.intake.items import (
    AliasItem,
    CustomerItem,
    EventItem,
    Item,
    RefusedItem,
    VisitorItem,
    id_text,
)
from engine.runtime.intake.quarantine import SentItem
from engine.runtime.intake.untyped import normal_name
from engine.values import DAY, Instant, iso, moment_of

CALLS = ("track", "identify", "page", "screen", "alias", "group")

_TRAITS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "locale": "language",
    "timeZone": "timezone",
}
_OPEN = ("properties", "traits", "context")
"""Parts of a call whose members are looked at one by one."""

_USER, _ANONYMOUS, _PREVIOUS = (
    ("userId", "user_id"),
    ("anonymousId", "anonymous_id"),
    ("previousId", "previous_id"),
)
_MESSAGE = ("messageId", "message_id")
_AN_ID = "1 to 200 characters"


def translate(
    call: Any,
    kind: str | None,
    item: int,
    received: Instant,
    sent_at: Any,
    history: bool,
    is_plain: bool = False,
) -> list[Item] | RefusedItem:
    """The items of one call. `kind` None: the call's own `type` says it (batch). `sent_at` is the batch's.
    A trait or a property that cannot be stored is left out alone (`is_plain`: as `plain_items` told)."""
    call, dropped = without_unstorable(call, item, _OPEN, is_plain=is_plain)
    if isinstance(call, RefusedItem):
        return call
    if not isinstance(call, dict):
        return RefusedItem(item, "", "each call is an object")
    kind = kind or call.get("type")
    if kind not in CALLS:
        named = f"is no call of this format; use one of: {', '.join(CALLS)}"
        return RefusedItem(item, "type", f'"{str(kind)[:40]}" {named}', reason=f"this {named}")
    who = _customer(call, item)
    if isinstance(who, RefusedItem):
        return who
    part = "traits" if kind in ("identify", "alias", "group") else "properties"
    if not isinstance(call.get(part) or {}, dict):
        return RefusedItem(item, part, "this must be an object")
    if not isinstance(call.get("context") or {}, dict):
        # It says nothing of the customer: only where the device is.
        call = {**call, "context": {}}
        dropped = (*dropped, RefusedItem(item, "context", "this must be an object"))
    # What to add to the time of the call, in ms. Within a minute the sender's clock is right and the network
    # was slow; ten years off is no clock, but a field that somebody filled with something else.
    told = call.get("sentAt") or sent_at
    sent = moment_of(told) if told else None
    off = 0 if sent is None else received - sent
    skew = off if 60_000 < abs(off) < 3_650 * DAY else 0
    return _MAKERS[kind](call, who, item, skew, history, dropped)


def sent_call(call: Any, sent_at: Any, *, history: bool) -> SentItem:
    """One call of a batch as it would have come alone, so that it can be read again."""
    if not isinstance(call, dict):
        return SentItem("call", call)
    kind = call.get("type")
    way = kind if kind in CALLS else "call"
    body = call if sent_at is None or call.get("sentAt") else {**call, "sentAt": sent_at}
    return SentItem(f"past {way}" if history else way, body)


def _customer(call: Mapping[str, Any], item: int) -> str | RefusedItem:
    """Whom a call is about: the user before the visitor, under either way to write the name."""
    for names in (_USER, _ANONYMOUS):
        who = _id(call, names, item)
        if who is not None:
            return who
    return RefusedItem(item, "userId", f"a call needs a userId or an anonymousId of {_AN_ID}")


def _id(call: Mapping[str, Any], names: tuple[str, ...], item: int) -> str | RefusedItem | None:
    """The id under any of its names; None where there is none. Two that differ are nobody."""
    first, second = call.get(names[0]), call.get(names[1])
    if second is None:
        return id_text(first)
    one, other = id_text(first), id_text(second)
    if one is not None and other is not None and one != other:
        return RefusedItem(item, names[0], f"{' and '.join(names)} say two different things")
    return other if one is None else one


def _visitor(call: Mapping[str, Any], item: int) -> tuple[str | None, str | None]:
    """The visitor and the customer of a call. Two visitors in one are nobody."""
    visitor, customer = _id(call, _ANONYMOUS, item), _id(call, _USER, item)
    return (
        visitor if isinstance(visitor, str) else None,
        customer if isinstance(customer, str) else None,
    )


def _signed_in(visitor: str | None, customer: str | None, item: int) -> list[Item]:
    """That a visitor is this customer, which whatever names both says: the call that identified them may have
    been lost, or never made."""
    if visitor is None or customer is None or visitor == customer:
        return []
    return [VisitorItem(item, visitor, customer)]


def _when(call: Mapping[str, Any]) -> str | None:
    # The sender's own time first: `timestamp` is corrected already where an SDK's server sent it on.
    raw = call.get("originalTimestamp") or call.get("timestamp")
    if raw is None or isinstance(raw, str):
        return raw or None
    at = moment_of(raw)
    # What is no moment is told as one by the intake; a wrong one must not become "now".
    return iso(at) if at is not None else str(raw)[:40]


def _message_id(call: Mapping[str, Any]) -> str | None:
    raw = call.get(_MESSAGE[0])
    if raw is None or raw == "":
        raw = call.get(_MESSAGE[1])
    text = raw[:200] if isinstance(raw, str) else raw
    return id_text(text)


def _track(
    call: dict[str, Any], who: str, item: int, skew: int, history: bool, dropped: tuple[RefusedItem, ...]
) -> list[Item] | RefusedItem:
    name = call.get("event")
    if not isinstance(name, str) or not name.strip():
        return RefusedItem(item, "event", "a track call needs the name of the event")
    visitor, customer = _visitor(call, item)
    items: list[Item] = [
        *_signed_in(visitor, customer, item),
        _event(call, who, item, name, call.get("properties") or {}, skew, history, dropped),
    ]
    # SDKs of apps send their push token along with every track call.
    token = _token(call)
    if token:
        key = _message_id(call)
        if visitor is not None and customer is None:
            items.append(VisitorItem(item, visitor, None))
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


def _page(
    call: dict[str, Any], who: str, item: int, skew: int, history: bool, dropped: tuple[RefusedItem, ...]
) -> list[Item] | RefusedItem:
    fields = dict(call.get("properties") or {})
    for name in ("name", "category"):
        if isinstance(call.get(name), str):
            # What the properties say themselves is nearer to the shop.
            fields.setdefault(name, call[name])
    # SDKs send them by themselves: not declared, they are no mistake, and are kept like an undeclared trait.
    name = f"{'screen' if call.get('type') == 'screen' else 'page'}_viewed"
    return [
        *_signed_in(*_visitor(call, item), item),
        _event(call, who, item, name, fields, skew, history, dropped, undeclared=True),
    ]


def _event(
    call: Mapping[str, Any],
    who: str,
    item: int,
    name: str,
    fields: Mapping[str, Any],
    skew: int,
    history: bool,
    dropped: tuple[RefusedItem, ...],
    *,
    undeclared: bool = False,
) -> EventItem:
    return EventItem(
        item, who, name, _when(call), _message_id(call), fields, skew, history, undeclared, dropped
    )


def _identify(
    call: dict[str, Any], who: str, item: int, skew: int, history: bool, dropped: tuple[RefusedItem, ...]
) -> list[Item] | RefusedItem:
    traits = dict(call.get("traits") or {})
    consent = take_consent(traits)
    attributes = {
        # A name that nobody can see is refused under the name that it has.
        _TRAITS.get(name, name if name.islower() or not name.isprintable() else normal_name(name)): value
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
    visitor, customer = _visitor(call, item)
    return [
        # What the visitor did before the sign-in belongs to the person.
        *([VisitorItem(item, visitor, customer)] if visitor is not None else []),
        CustomerItem(
            item,
            who,
            key,
            attributes,
            at=_when(call),
            skew=skew,
            history=history,
            undeclared=True,
            joins=joins,
            consent=consent,
            dropped=dropped,
        ),
    ]


def _token(call: Mapping[str, Any]) -> str | None:
    context = call.get("context")
    device = context.get("device") if context else None
    token = device.get("token") if isinstance(device, dict) else None
    return token if isinstance(token, str) and 0 < len(token) <= 4096 else None


def _alias(
    call: dict[str, Any], who: str, item: int, _skew: int, _history: bool, _dropped: tuple[RefusedItem, ...]
) -> list[Item] | RefusedItem:
    previous = _id(call, _PREVIOUS, item)
    if isinstance(previous, RefusedItem):
        return previous
    if previous is None:
        why = f"an alias call needs the previousId that becomes this customer, of {_AN_ID}"
        return RefusedItem(item, "previousId", why)
    return [AliasItem(item, previous, who, _message_id(call))]


def _group(
    _call: dict[str, Any],
    _who: str,
    _item: int,
    _skew: int,
    _history: bool,
    _dropped: tuple[RefusedItem, ...],
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
