"""The application: everything the daemon answers over HTTP, put together."""

from __future__ import annotations

import time
from functools import partial

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.http.body import BUDGET, BodyBudget, RequestBudget
from engine.http.callback_routes import callback_routes
from engine.http.callers import forwarded_for
from engine.http.console.api_page import api_routes
from engine.http.console.home_routes import home_routes
from engine.http.console.openapi import true_to_life
from engine.http.console.outbox_page import outbox_router
from engine.http.console_access import TokenNeeded, answer_without_token, console_only
from engine.http.context import Context
from engine.http.health_routes import health_routes
from engine.http.hot_routes import HotRoutes
from engine.http.intake.intake_routes import intake_routes
from engine.http.keys import ApiKeyAuth
from engine.http.links.click_routes import click_routes
from engine.http.links.consent_routes import confirmation_routes, leave_routes, preference_routes
from engine.http.links.signup_routes import signup_routes
from engine.http.path_ids import keep_slashes
from engine.http.person_routes import person_routes
from engine.http.points_routes import points_routes
from engine.http.problems import Refusal, answer, answer_http, answer_invalid
from engine.http.push_routes import push_routes
from engine.http.reading.customer_routes import customer_routes
from engine.http.reading.journey_routes import journey_routes
from engine.http.reading.report_routes import report_routes
from engine.http.reading.shared_answers import SharedAnswers
from engine.http.till_routes import till_routes
from engine.runtime.erasure import outbox_folders
from engine.store.messages import records

_ABOUT = "Events, customers and products in; links of messages; health. See docs/http.md."
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


def create_app(context: Context) -> FastAPI:
    """The application of one daemon."""
    app, keys = _bare(context), ApiKeyAuth(context)
    # Only these need an API key; the others have a signed link, a signature or nothing to tell.
    intake = intake_routes(context, keys)
    app.include_router(intake)
    for protected in (customer_routes, till_routes, points_routes, person_routes, health_routes):
        app.include_router(protected(context, keys))
    shared = SharedAnswers()
    app.include_router(journey_routes(context, keys, shared))
    app.include_router(report_routes(context, keys, shared))
    for routes in (
        home_routes, click_routes, leave_routes, preference_routes, confirmation_routes, signup_routes,
        callback_routes, push_routes,
    ):  # fmt: skip
        app.include_router(routes(context))
    console = [Depends(console_only(context))]
    app.include_router(
        outbox_router(
            lambda: outbox_folders(context.live().config, context.live().folder),
            lambda keys: context.look(lambda conn: records.by_keys(conn, keys)),
            lambda: context.live().config.timezone,
        ),
        dependencies=console,
    )
    app.include_router(api_routes(app, context, console))

    document = app.openapi
    app.openapi = lambda: true_to_life(document())  # type: ignore[method-assign]
    app.edge = HttpEdge(super(App, app).__call__, context, HotRoutes(intake))
    return app


class App(FastAPI):
    """FastAPI inside of `HttpEdge`. As one of its middlewares that would stand behind four others, through
    each of which every message of every answer goes."""

    edge: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.edge(scope, receive, send)


def create_figures_app(context: Context) -> FastAPI:
    """What a process that serves nobody answers: whether it lives and works, and its figures."""
    app = _bare(context)
    app.include_router(health_routes(context, ApiKeyAuth(context)))
    app.edge = HttpEdge(super(App, app).__call__, context, HotRoutes())
    return app


def _bare(context: Context) -> App:
    # No pages of FastAPI's: they fetch their scripts from a server of somebody else.
    app = App(
        title="Perennial", version="1", description=_ABOUT, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.add_exception_handler(Refusal, answer)
    # what no route answers is told in the same form: 404, 405, a body that a route cannot take
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(TokenNeeded, partial(answer_without_token, context))
    return app


class HttpEdge:
    """What holds for every request: who calls (behind the proxies that config.yaml trusts), safe headers on
    every answer, and a count per route; never per customer. What comes most often is answered here."""

    def __init__(self, app: ASGIApp, context: Context, hot: HotRoutes) -> None:
        self._app = app
        self._context = context
        self._hot = hot
        self._budget = BodyBudget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        proxies, client = self._context.live().config.http.trusted_proxies, scope.get("client")
        if proxies and client:
            scope["client"] = (forwarded_for(client[0], scope["headers"], proxies), client[1])

        keep_slashes(scope)
        began = time.perf_counter()

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                # What a page sets for itself stays: those for customers name their own policy.
                own = {name.lower() for name, _ in message.get("headers", ())}
                missing = [header for header in _HEADERS if header[0] not in own]
                message["headers"] = [*message.get("headers", ()), *missing]
                # The pattern of the route and not the address: each token of a link would be a series of its
                # own.
                path = getattr(scope.get("route"), "path_format", "unknown")
                seconds = time.perf_counter() - began
                self._context.metrics.answered(path, str(message["status"]), seconds)
            await send(message)

        scope[BUDGET] = budget = RequestBudget(self._budget)
        try:
            if not await self._hot.answer(scope, receive, send_safely):
                await self._app(scope, receive, send_safely)
        finally:
            budget.give_back()
