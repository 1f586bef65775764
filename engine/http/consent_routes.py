"""`/u/`, `/p/`, `/y/`: leave, choose, confirm. Whoever has the link may use it, so a GET only shows; a POST acts, and
counts when it is answered. A token that we did not sign is not found."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from engine.channels.links import ConfirmationLink, UnsubscribeLink
from engine.http import consent_pages as pages
from engine.http.body import MAX_FORM, read_body, read_form
from engine.http.consent_pages import Frame
from engine.http.context import Context, Live
from engine.http.origin import is_own_page, origin_of
from engine.http.problems import Refusal
from engine.http.unknown_link import unknown_link
from engine.http.visitor import Visitor, choices, find_visitor, words_of
from engine.runtime.feedback.consent_changes import ConsentProof, agree, is_meant, withdraw
from engine.runtime.intake.items import EventItem


def consent_routes(context: Context) -> APIRouter:
    """All three."""
    router = APIRouter(tags=["links"], include_in_schema=False)

    @router.api_route("/u/{token:path}", methods=["GET", "HEAD"])
    async def ask_to_leave(token: str, request: Request) -> Response:
        live = context.live()
        leaving = live.links.read_unsubscribe(token)
        if leaving is None:
            return unknown_link(live, request)
        visitor = await context.look(lambda conn: find_visitor(conn, leaving.customer, leaving.key))
        return pages.leave(
            _frame(live, request, visitor), visitor, leaving, live.links.preferences(leaving.customer)
        )

    @router.post("/u/{token:path}")
    async def leave(token: str, request: Request) -> Response:
        """RFC 8058: no cookie, no login, no redirect, whatever the body says; effective when it is answered."""
        live = context.live()
        leaving = live.links.read_unsubscribe(token)
        if leaving is None:
            return unknown_link(live, request)
        await read_body(request, MAX_FORM)
        visitor = await context.look(lambda conn: find_visitor(conn, leaving.customer, leaving.key))
        frame = _frame(live, request, visitor)
        if visitor.is_test:
            return pages.test(frame)
        await _leave(context, frame, leaving)
        return pages.left(frame, live.links.preferences(leaving.customer))

    @router.api_route("/p/{token:path}", methods=["GET", "HEAD"])
    async def show(token: str, request: Request) -> Response:
        live = context.live()
        customer = live.links.read_preferences(token)
        if customer is None:
            return unknown_link(live, request)
        visitor = await context.look(lambda conn: find_visitor(conn, customer))
        return pages.preferences(_frame(live, request, visitor), visitor, choices(live.config, visitor))

    @router.post("/p/{token:path}")
    async def choose(token: str, request: Request) -> Response:
        live = context.live()
        customer = live.links.read_preferences(token)
        if customer is None:
            return unknown_link(live, request)
        _check_site(live, request)
        form = await read_form(request)
        visitor = await context.look(lambda conn: find_visitor(conn, customer))
        frame = _frame(live, request, visitor)
        if visitor.is_test:
            return pages.test(frame)
        if "save" not in form and "all" not in form:  # a machine that posts an empty form chooses nothing
            return pages.preferences(frame, visitor, choices(live.config, visitor))
        still = await _choose(context, frame, visitor, form)
        return pages.saved(frame, visitor, still, live.links.preferences(customer))

    @router.api_route("/y/{token:path}", methods=["GET", "HEAD"])
    async def ask_to_confirm(token: str, request: Request) -> Response:
        live = context.live()
        confirming = live.links.read_confirm(token)
        if confirming is None:
            return unknown_link(live, request)
        visitor, is_right = await context.look(lambda conn: _confirming(conn, confirming))
        return pages.confirm(_frame(live, request, visitor), visitor, confirming, is_right=is_right)

    @router.post("/y/{token:path}")
    async def confirm(token: str, request: Request) -> Response:
        live = context.live()
        confirming = live.links.read_confirm(token)
        if confirming is None:
            return unknown_link(live, request)
        _check_site(live, request)
        await read_body(request, MAX_FORM)
        visitor, is_right = await context.look(lambda conn: _confirming(conn, confirming))
        frame = _frame(live, request, visitor)
        if visitor.is_test or not is_right:
            return pages.confirm(frame, visitor, confirming, is_right=is_right)
        return await _confirm(context, frame, visitor, confirming)

    return router


def _frame(live: Live, request: Request, visitor: Visitor) -> Frame:
    return Frame(words_of(live, request, visitor.language), live.config)


def _check_site(live: Live, request: Request) -> None:
    """The token is what counts; besides, a browser that says that another site sends the form is not believed."""
    silent = "sec-fetch-site" not in request.headers and origin_of(request) in ("", "null")
    if not silent and not is_own_page(live, request):
        raise Refusal(403, "this form is sent from its own page only")


async def _leave(context: Context, frame: Frame, leaving: UnsubscribeLink) -> None:
    pair = (leaving.channel, leaving.purpose)
    said = ConsentProof(context.clock.now(), "unsubscribe link", frame.wording_of_leaving(leaving))
    await context.write(lambda conn: withdraw(conn, leaving.customer, [pair], said, leaving.key))
    context.arrived()


async def _choose(context: Context, frame: Frame, visitor: Visitor, form: Mapping[str, str]) -> list[str]:
    """Writes what is different from before. The channels that stay closed whatever is chosen here."""
    yes, no = [], []
    for purpose, channel in choices(context.live().config, visitor):
        wanted = "all" not in form and f"{purpose}/{channel}" in form
        if wanted and not visitor.agreed(channel, purpose):
            yes.append((channel, purpose))
        elif not wanted and (visitor.agreed(channel, purpose) or frame.is_on(visitor, channel, purpose)):
            no.append((channel, purpose))
    if "all" in form:  # also what this page does not show
        given = [
            (channel, purpose) for channel, one in visitor.reach.items() for purpose, state in one.consents.items()
            if state == "given"
        ]  # fmt: skip
        no = list(dict.fromkeys([*no, *given]))
    now = context.clock.now()

    def job(conn: Connection) -> list[str]:
        for channel, purpose in no:
            said = ConsentProof(now, "preference page", frame.wording_of_choice(channel, purpose))
            withdraw(conn, visitor.customer, [(channel, purpose)], said)
        still = []
        for channel, purpose in yes:
            said = ConsentProof(now, "preference page", frame.wording_of_choice(channel, purpose))
            still += agree(conn, visitor.customer, [(channel, purpose)], said)
        return still

    if not yes and not no:
        return []
    still = await context.write(job)
    context.arrived()
    return still


def _confirming(conn: Connection, confirming: ConfirmationLink) -> tuple[Visitor, bool]:
    visitor = find_visitor(conn, confirming.customer, confirming.key)
    return visitor, is_meant(conn, visitor.customer, confirming.channel, confirming.key)


async def _confirm(
    context: Context, frame: Frame, visitor: Visitor, confirming: ConfirmationLink
) -> Response:
    """Consent, its proof and the event of the confirmation, together; pressed again it says the same and does nothing."""
    live, now = context.live(), context.clock.now()
    channel, purpose = confirming.channel, confirming.purpose
    if visitor.agreed(channel, purpose):
        return pages.confirmed(frame, visitor, [])
    fields = {"source": "confirmation page", "channel": channel, "purpose": purpose}
    event = EventItem(0, visitor.customer, live.config.signup.confirmed, None, None, fields, undeclared=True)
    prepared = live.intake.prepare([event], "links", now)
    said = ConsentProof(now, "confirmation page", frame.wording_of_confirmation(confirming))

    def job(conn: Connection) -> list[str]:
        still = agree(conn, visitor.customer, [(channel, purpose)], said)
        live.intake.take(conn, prepared, now)
        return still

    still = await context.write(job)
    context.arrived()
    return pages.confirmed(frame, visitor, still)
