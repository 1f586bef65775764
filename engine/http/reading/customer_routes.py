"""Who a customer is, for keys that may read: by id, e-mail address or telephone number."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from engine.config import Config
from engine.core.conditions.trace_values import words
from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Enrollment,
    Relocating,
    Waiting,
)
from engine.core.facts.computed import windowed_value
from engine.core.journey import END, Journey
from engine.core.journeys import Journeys
from engine.http.console.openapi_reading import CUSTOMER_KNOWN
from engine.http.context import Context
from engine.http.keys import ApiKeyAuth
from engine.http.problems import Refusal, refuse_unknown
from engine.http.reading.etags import answer_unless_known, tag_of
from engine.http.reading.shared_answers import ReadAnswer
from engine.runtime import known_customer
from engine.runtime.intake.lookup import find_ids
from engine.runtime.known_customer import KnownCustomer
from engine.store.customers import history
from engine.store.serialization import dump
from engine.values import Birthday, Instant, Type, Value, iso

MOST = 100
"""So many ids are listed of customers who share an address."""

LONGEST = 400
"""Characters of a name that are looked at; no id and no address has more."""


def customer_routes(context: Context, keys: ApiKeyAuth) -> APIRouter:
    """The one."""
    router = APIRouter(tags=["reading"])
    may_read = Depends(keys.needs("read"))

    @router.get("/customers/{customer:id}", responses=CUSTOMER_KNOWN, dependencies=[may_read])
    async def customer(customer: str, request: Request) -> Response:
        """What is known of a customer, who is named by id, another id, e-mail address or telephone number,
        exactly; 409 lists those who share an address. With `If-None-Match` 304 while nothing has changed."""
        refuse_unknown(request, ())
        live, now = context.live(), context.clock.now()
        body = await context.look(
            lambda conn: dump(_told(conn, customer, live.config, live.intake.journeys, now)).encode()
        )
        return answer_unless_known(request, ReadAnswer(body, tag_of(body)))

    return router


def _told(conn: Connection, name: str, config: Config, journeys: Journeys, now: Instant) -> dict[str, Any]:
    own = known_id(conn, name, config.shop.country)
    answer: dict[str, Any] = {"id": own, "other_ids": history.other_names(conn, own)}
    person = known_customer.find(conn, own, journeys, now)
    if person is not None:
        answer |= _known(person)
    # What was received a moment ago is applied a moment later.
    answer["not_applied"] = history.waiting_in_inbox(conn, own)
    return answer


def named_id(conn: Connection, name: str, country: str) -> str | None:
    """The one customer whom a name means; None: nothing is known of such a one. `country`: of a telephone
    number without one. Raises Refusal 409, which lists them, for an address of several."""
    people = find_ids(conn, name[:LONGEST], country)
    if len(people) > 1:
        more = f" and {len(people) - MOST:,} more" if len(people) > MOST else ""
        listed = ", ".join(people[:MOST])
        raise Refusal(
            409, f"{len(people):,} customers have this address", f"ask for one by id: {listed}{more}"
        )
    return people[0] if people else None


def known_id(conn: Connection, name: str, country: str) -> str:
    """As `named_id`. Raises Refusal 404, too."""
    own = named_id(conn, name, country)
    if own is None:
        raise Refusal(404, "nothing is known of this customer")
    return own


def _known(person: KnownCustomer) -> dict[str, Any]:
    facts, journeys = person.state.facts, person.journeys
    rules = {rule.name: rule for rule in journeys.facts}
    computed = {*rules, *(journeys.loyalty.facts if journeys.loyalty is not None else ())}
    counted = {
        name: windowed_value(rule, facts, person.now) for name, rule in rules.items() if rule.last is not None
    }
    values = {name: facts.values.get(name) for name in sorted({*facts.values, *computed})} | counted
    types = {**journeys.attributes, **{name: rule.type for name, rule in rules.items()}}
    shown = {name: _plain(value, types.get(name)) for name, value in values.items()}
    in_order = sorted(
        person.state.enrollments.values(), key=lambda run: (run.started_at, run.journey, run.id)
    )
    return {
        "since": iso(person.since),
        "timezone": facts.timezone,
        "attributes": {name: value for name, value in shown.items() if name not in computed},
        "facts": {name: value for name, value in shown.items() if name in computed},
        "addresses": {
            channel: known.address.split("\n") for channel, known in facts.reach.items() if known.address
        },
        "closed": dict(person.shut),
        "consents": {
            channel: dict(known.consents) for channel, known in facts.reach.items() if known.consents
        },
        "segments": sorted(person.segments),
        "runs": [_run(run, journeys.by_name.get(run.journey)) for run in in_order if run.is_open],
    }


def _plain(value: Value, kind: Type | None) -> Any:
    """As JSON: moments, dates and birthdays are ISO 8601, money is amount and currency."""
    is_text = isinstance(value, Birthday) or (kind is not None and kind.kind == "time" and value is not None)
    return words(value, kind or Type("text")) if is_text else value


def _run(run: Enrollment, journey: Journey | None) -> dict[str, Any]:
    """Where it rests, and what comes next there: `next.step` null is the end of the journey."""
    told: dict[str, Any] = {
        "journey": run.journey,
        "key": run.key,
        "started_at": iso(run.started_at),
        "holdout": run.holdout,
    }
    at = iso(run.due.at) if run.due is not None else None
    match run.state:
        case Waiting(step=step):
            following = journey.by_id[step].next if journey is not None and step in journey.by_id else END
            steps = journey.steps if journey is not None else ()
            after = steps[following].id if following != END else None
            return told | {"rests": "waits", "step": step, "next": {"step": after, "at": at}}
        case Deferred(step=step, channel=channel, why=why):
            held = {"rests": "is held", "step": step, "channel": channel, "why": why.value}
            return told | held | {"next": {"step": step, "at": at}}
        case AwaitingSend(step=step, channel=channel):
            sending = {"rests": "hands over", "step": step, "channel": channel}
            return told | sending | {"next": {"step": step, "at": at}}
        case AwaitingReaction(step=step, channel=channel, unknown=unknown):
            listening = {"rests": "is unknown" if unknown else "listens", "step": step, "channel": channel}
            return told | listening | {"next": {"step": step, "at": at}}
        case AwaitingCode(step=step):
            return told | {"rests": "needs a code", "step": step, "next": {"step": step, "at": at}}
        case Relocating(step=goal, was=was):
            return told | {"rests": "is moved", "step": was, "next": {"step": goal, "at": at}}
        case None:
            rests = "is in the holdout" if run.holdout else "is on its way"
            return told | {"rests": rests, "step": None, "next": {"step": None, "at": at}}
