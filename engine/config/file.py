"""Reads config.yaml: every key is known, every value has its words, a secret written out is refused."""

from __future__ import annotations

import re
from dataclasses import replace

from engine.config import Config, HttpConfig, Shop, WebhookConfig
from engine.config.alerts import ALERTS, read_alerts
from engine.config.attribution import ATTRIBUTION, read_attribution
from engine.config.browser import BROWSER, read_browser
from engine.config.catalogue import CATALOGUE, read_catalogue
from engine.config.channels import CHANNEL_SHAPE, read_channel
from engine.config.guards import CEILINGS_SHAPE, NAMES_SOMEBODY, read_ceilings, read_deliver_only
from engine.config.http import EGRESS, HTTP, TRACKING, read_egress, read_http, read_tracking, web_address
from engine.config.mailbox import MAILBOX, read_mailbox
from engine.config.points import POINTS, TIERS, read_points, read_tiers
from engine.config.policies import POLICY, read_policy
from engine.config.pools import POOL, read_codes
from engine.config.recommendations import RECOMMENDATION, read_recommendations
from engine.config.reports import REPORTS, read_reports
from engine.config.retention import RETENTION, read_retention
from engine.config.secrets import config_context, refuse_literal, secret_of, values_of
from engine.config.signup import SIGNUP, read_signup
from engine.core.journey import DecisionMoment
from engine.language.grammar import HOLDOUT, Construct, Key, TextPattern
from engine.language.holdout import parse_holdout
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Node, Scalar, Sequence
from engine.language.quantities import zone_fix
from engine.language.stories.story import parse_tests
from engine.language.syntax import Story
from engine.language.wording import quoted
from engine.language.yaml.source import read
from engine.problem import Problem
from engine.values import zone

_STORE = TextPattern(
    r"(sqlite:///|postgresql://|postgresql\+psycopg://).*", "is not a store",
    "a store is a SQLite file or a PostgreSQL database",
    "write  sqlite:///data/shop.db  or  postgresql://host/name",
)  # fmt: skip
_COUNTRY = TextPattern(
    "[A-Z]{2}", "is not a country", "countries are called by two capitals (ISO 3166)", "write  DE",
)  # fmt: skip
_PICTURE = TextPattern(
    r"https://[^/\s;,'\"]+/\S+", "is not the address of a picture",
    "pages for customers fetch it over https from where it lies", "write  https://shop.example/logo.png",
)  # fmt: skip
_COLOUR = TextPattern(
    "#[0-9a-fA-F]{6}", "is not a colour", "a colour is a # and six digits or letters from a to f",
    'write  colour: "#8a4b22"  with the quotes: a # without them begins a comment',
)  # fmt: skip
SHOP = Construct(
    "shop",
    "shop",
    (
        Key("name", "text", "the name of the shop", example="Bean There"),
        Key("url", "text", "its address on the web", example="https://shop.example",
            pattern=web_address("it stands in messages as a link")),
        Key("address", "text", "the postal address that marketing e-mails must show",
            example='"Main Street 1, 1000 Sofia"'),
        Key("logo", "text", "a picture, on the pages that customers see", example="https://shop.example/logo.png",
            pattern=_PICTURE),
        Key("colour", "text", "of buttons and links on these pages", example='"#8a4b22"', pattern=_COLOUR),
        Key("country", "text", "of phone numbers without one, where the customer has none either",
            example="DE", pattern=_COUNTRY),
    ),
    "Who writes to the customers",
    (("color", "colour"),),
    blank=True,
)  # fmt: skip
WEBHOOK = Construct(
    "webhook",
    "a webhook",
    (
        Key("url", "text", "what is called", needed=True, example="https://crm.shop.example/hook",
            pattern=web_address("webhooks are called by http")),
        Key("secret", "secret", "signs the body"),
    ),
    "An address that journeys call",
)  # fmt: skip
CONFIG = Construct(
    "config",
    "config.yaml",
    (
        Key("shop", "block", "who writes to the customers", of=SHOP),
        Key("timezone", "text", "the place whose clock counts", example="Europe/Berlin",
            shape={"type": "string", "examples": ["Europe/Berlin"]}),
        Key("currency", "text", "of prices and sums", example="EUR",
            shape={"type": "string", "pattern": "^[A-Z]{3}$"}),
        Key("languages", "texts", "of the templates, the usual one first", example="[en, de]"),
        Key("store", "text", "where everything is kept", example="sqlite:///data/shop.db", pattern=_STORE,
            shape={"examples": ["sqlite:///data/shop.db"]}),
        Key("http", "block", "where the daemon listens, and how the world reaches it", of=HTTP),
        Key("egress", "block", "places beside the public internet that may be called", of=EGRESS),
        Key("holdout", "holdout", "share of all customers who get no marketing", example="2%", of=HOLDOUT),
        Key("channels", "free", "the ways to reach a customer", example="{email: {via: outbox}}",
            shape=CHANNEL_SHAPE),
        Key("policies", "named", "consent, quiet hours and caps", example="{marketing: {caps: 1 a day}}",
            of=POLICY),
        Key("codes", "free", "pools of codes", example="{welcome: {kind: shared, code: HELLO}}", of=POOL),
        Key("recommendations", "named", "products that messages show",
            example="{with_this_order: {from: [complements of trigger, bestsellers]}}",
            of=RECOMMENDATION),
        Key("points", "block", "what customers earn, and how long it is good", of=POINTS),
        Key("tiers", "block", "the tiers that they reach", of=TIERS),
        Key("tests", "any", "stories about points and tiers: what happens, and what the ledger says",
            shape={"type": "array", "minItems": 1, "items": {"type": "object"}}),
        Key("webhooks", "named", "addresses that journeys call",
            example="{crm: {url: https://crm.shop.example}}", of=WEBHOOK),
        Key("link_key", "any", "the secret that signs links, or a list with those before", shape={
            "type": ["string", "array"], "pattern": "^(env|file):", "items": {"pattern": "^(env|file):"}}),
        Key("tracking", "block", "what is noticed of a reader", of=TRACKING),
        Key("signup", "block", "sign-up forms", of=SIGNUP),
        Key("browser", "block", "events that browsers send", of=BROWSER),
        Key("catalogue", "block", "where the catalogue comes from", of=CATALOGUE),
        Key("mailbox", "block", "where reports by mail come in", of=MAILBOX),
        Key("alerts", "block", "who hears of troubles", of=ALERTS),
        Key("retention", "block", "how long what is kept for", of=RETENTION),
        Key("reports", "block", "who gets figures by mail, and when a customer is lost", of=REPORTS),
        Key("attribution", "block", "to which message an order belongs", of=ATTRIBUTION),
        Key("ceilings", "any", "how many messages a journey may send on a day",
            example="{each journey: 10000 a day}", shape=CEILINGS_SHAPE),
        Key("deploy", "choice", "who publishes: the daemon what it finds in the folder, or `deploy` alone",
            choices=("automatic", "manual"), example="manual"),
        Key("deliver_only", "texts", "the only people who get messages", example='["@shop.example"]',
            pattern=NAMES_SOMEBODY),
    ),
    "The shop",
)  # fmt: skip


def default_config() -> Config:
    """What holds where config.yaml is silent or cannot be read."""
    return Config(
        Shop("", "http://127.0.0.1:8080", ""), "UTC", "EUR", ("en",), "sqlite:///data/shop.db", HttpConfig(),
        (), 0, {}, {}, {}, {},
    )  # fmt: skip


def read_config(text: str | bytes, file: str = "config.yaml") -> tuple[Config, list[Problem]]:
    """The whole file; a part that is wrong has its default, so that the other files can still be checked."""
    node, problems = read(text, file)
    return (default_config(), problems) if node is None else config_of(node, problems)


def config_of(node: Node, problems: list[Problem]) -> tuple[Config, list[Problem]]:
    """As `read_config`, for a file that is read already; `problems`: what was wrong with its form."""
    context = config_context(problems)
    parts = context.block(node, CONFIG, Scalar("config.yaml", node.span, plain=True))
    return (_read_parts(parts) if parts else default_config()), context.problems


def _read_parts(parts: MapReader) -> Config:
    context, usual = parts.context, default_config()
    deploys = parts.choice("deploy")
    # Channels name policies, policies and forms name channels: the names come first.
    holdout, decide = parse_holdout(parts)
    channels, policies = (
        tuple(entry.key.text for entry in parts.entries(key)) for key in ("channels", "policies")
    )
    # Before the channels: their prices must be in it.
    currency = _read_currency(parts, usual.currency)
    # One key, or a list of them: the first signs, the others were used before.
    node = parts.node("link_key")
    nodes = node.items if isinstance(node, Sequence) else () if node is None else (node,)
    keys = [key for node in nodes if (key := secret_of(context, "link_key", node)) is not None]
    opened = (read_channel(context, entry, currency, policies) for entry in parts.entries("channels"))
    pools, offers = read_codes(parts)
    opened_webhooks = (_read_webhook(context, entry) for entry in parts.entries("webhooks"))
    webhooks = {webhook.name: webhook for webhook in opened_webhooks if webhook is not None}
    return Config(
        shop=_read_shop(parts.block("shop"), usual.shop),
        timezone=_read_timezone(parts, usual.timezone),
        currency=currency,
        # The order counts: the first language is the one of a customer whose language nobody knows.
        languages=_read_languages(parts) or usual.languages,
        store=_read_store(parts, usual.store),
        http=read_http(parts.block("http")),
        egress=read_egress(parts.block("egress")),
        # Nobody is held out by default: it costs sales, so a shop has to choose it.
        holdout=holdout,
        channels={channel.name: channel for channel in opened if channel is not None},
        decide=DecisionMoment(decide.people, decide.on) if decide is not None else None,
        policies={
            entry.key.text: read_policy(context, entry, channels) for entry in parts.entries("policies")
        },
        codes=pools,
        offers=offers,
        webhooks=webhooks,
        link_key=keys[0] if keys else None,
        old_link_keys=tuple(keys[1:]),
        tracking=read_tracking(parts.block("tracking")),
        mailbox=read_mailbox(parts.block("mailbox")),
        catalogue=read_catalogue(parts.block("catalogue")),
        retention=read_retention(parts.block("retention")),
        reports=read_reports(parts.block("reports"), channels),
        attribution=read_attribution(parts.block("attribution")),
        alerts=read_alerts(parts.block("alerts"), webhooks, channels),
        browser=read_browser(parts.block("browser")),
        signup=read_signup(parts.block("signup"), channels),
        ceilings=read_ceilings(parts),
        deploys=deploys.value if deploys is not None else None,
        deliver_only=read_deliver_only(parts),
        recommendations=read_recommendations(parts),
        points=read_points(parts.block("points"), currency),
        tiers=read_tiers(parts.block("tiers")),
        tests=_read_tests(parts),
    )


def _read_shop(reader: MapReader | None, usual: Shop) -> Shop:
    if reader is None:
        return usual
    values = values_of(reader)
    # Templates write  {{ shop.url }}/cart: a slash at the end would be there twice.
    return replace(usual, **{**values, "url": values.get("url", usual.url).rstrip("/")})


def _read_tests(parts: MapReader) -> tuple[Story, ...]:
    node = parts.node("tests")
    return () if node is None else parse_tests(parts.context, node, parts.at_key("tests"))


def _read_languages(parts: MapReader) -> tuple[str, ...]:
    """Codes as in the names of templates; a language by its name would be in the name of none."""
    languages: list[str] = []
    for word in parts.texts("languages", blank=True):
        if re.fullmatch(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*", word.value):
            languages.append(word.value)
            continue
        from babel import Locale  # read only when something is wrong

        names = Locale("en").languages
        written = word.value.casefold()
        code = (
            written
            if written in names
            else next((code for code, name in names.items() if name.casefold() == written), "")
        )
        parts.context.wrong(
            word,
            "is not the code of a language",
            "codes stand in the names of templates, as in  hello.email.de.mjml",
            f"write  {code}" if code else "write the code of two letters, as in  en",
        )
    return tuple(languages)


def _read_timezone(parts: MapReader, usual: str) -> str:
    place = parts.text("timezone")
    if place is None:
        return usual
    try:
        # The tz database decides, not a list of ours: zones come and go with the system.
        zone(place.value)
    except KeyError:
        parts.context.wrong(
            place, "is not a time zone", "time zones are called by a place", zone_fix(place.value)
        )
        return usual
    return place.value


def _read_currency(parts: MapReader, usual: str) -> str:
    text = parts.text("currency")
    if text is None:
        return usual
    currency = text.value
    if len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper():
        return currency
    # People write what stands on their price tags.
    signs = {"€": "EUR", "$": "USD", "£": "GBP"}
    meant = signs.get(currency, currency.upper() if len(currency) == 3 else "EUR")
    parts.context.report(
        text.span,
        parts.context.rules.wrong_value,
        f"{quoted(currency)} is not a currency",
        "a currency has three capital letters",
        f"write  {meant}",
        subject="currency",
    )
    return usual


def _read_store(parts: MapReader, usual: str) -> str:
    store = parts.text("store")
    if store is None:
        return usual
    # Only a login before the "@" can hold a password; a port behind it has a ":" too.
    login, at, _ = store.value.removeprefix("postgresql").partition("://")[2].partition("@")
    if at and ":" in login:
        refuse_literal(
            parts.context,
            store.span,
            "store",
            "keep the password in the environment: PGPASSWORD, or a ~/.pgpass file",
        )
    return store.value


def _read_webhook(context: ReadContext, entry: Entry) -> WebhookConfig | None:
    name = entry.key.text
    reader = context.block(entry.value, WEBHOOK, entry.key, f"the webhook {name}")
    # Without a url it stays known: journeys that call it are not wrong, too.
    return WebhookConfig(name, **{"url": "", **values_of(reader)}) if reader else None
