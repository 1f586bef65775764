"""Reads config.yaml: every key is known, every value has its words, a secret written out is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.config import Config, HttpConfig, Secret, Shop, WebhookConfig
from engine.config.channels import read_channel
from engine.config.egress import read_egress
from engine.config.guards import read_ceilings, read_deliver_only
from engine.config.mailbox import read_mailbox
from engine.config.nodes import Reader
from engine.config.policies import read_policy
from engine.config.signup import read_signup
from engine.config.tracking import read_tracking
from engine.core.journey import Pool
from engine.core.policy import Policy
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.share import parse_share
from engine.language.wording import quoted
from engine.language.yaml.source import read
from engine.problem import Problem
from engine.values import zone

PARTS = (
    "shop", "timezone", "currency", "languages", "store", "http", "egress", "holdout", "channels", "policies", "codes",
    "webhooks", "link_key", "tracking", "signup", "mailbox", "ceilings", "deliver_only",
)  # fmt: skip
POOL_KINDS = {"generated": "pattern", "shared": "code", "file": "path"}
_STORES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")

Thing = TypeVar("Thing")


def default_config() -> Config:
    """What holds where config.yaml is silent or cannot be read."""
    return Config(
        Shop("", "http://127.0.0.1:8080", ""), "UTC", "EUR", ("en",), "sqlite:///data/shop.db", HttpConfig(), (), 0,
        {}, {}, {}, {},
    )  # fmt: skip


def read_config(text: str | bytes, file: str = "config.yaml") -> tuple[Config, list[Problem]]:
    """The whole file; a part that is wrong has its default, so that the other files can still be checked."""
    node, problems = read(text, file)
    return (default_config(), problems) if node is None else config_of(node, problems)


def config_of(node: Node, problems: list[Problem]) -> tuple[Config, list[Problem]]:
    """As `read_config`, for a file that is read already; `problems`: what was wrong with its form."""
    reader = Reader(problems)
    parts = reader.parts(node, PARTS, "config.yaml")
    return _config(parts, reader), reader.problems


def _config(parts: dict[str, Entry], reader: Reader) -> Config:
    start = default_config()
    currency = _currency(parts, reader, start.currency)
    keys, policies = _link_keys(parts, reader), _names(parts, "policies")
    return Config(
        shop=_shop(parts, reader, start.shop),
        timezone=_timezone(parts, reader, start.timezone),
        currency=currency,
        languages=_languages(parts, reader, start.languages),
        store=_store(parts, reader, start.store),
        http=_http(parts, reader, start.http),
        egress=read_egress(parts, reader),
        holdout=_holdout(parts, reader),
        channels=_named(
            parts, "channels", reader, lambda entry: read_channel(entry, currency, reader, policies)
        ),
        policies=_policies(parts, reader),
        codes=_named(parts, "codes", reader, lambda entry: _pool(entry, reader)),
        webhooks=_named(parts, "webhooks", reader, lambda entry: _webhook(entry, reader)),
        link_key=keys[0] if keys else None,
        old_link_keys=tuple(keys[1:]),
        tracking=read_tracking(parts, reader),
        mailbox=read_mailbox(parts, reader),
        signup=read_signup(parts, _channel_names(parts), reader),
        ceilings=read_ceilings(parts, reader),
        deliver_only=read_deliver_only(parts, reader),
    )


def _named(
    parts: dict[str, Entry], name: str, reader: Reader, read_one: Callable[[Entry], Thing | None]
) -> dict[str, Thing]:
    entry = parts.get(name)
    whole = reader.mapping(entry.value, name) if entry else None
    found = {each.key.text: read_one(each) for each in (whole.entries if whole else ())}
    return {key: value for key, value in found.items() if value is not None}


def _policies(parts: dict[str, Entry], reader: Reader) -> dict[str, Policy]:
    names = _channel_names(parts)
    return _named(parts, "policies", reader, lambda entry: read_policy(entry, names, reader))


def _channel_names(parts: dict[str, Entry]) -> tuple[str, ...]:
    return _names(parts, "channels")


def _names(parts: dict[str, Entry], part: str) -> tuple[str, ...]:
    """What the entries of a part are called."""
    entry = parts.get(part)
    if entry is None or not isinstance(entry.value, Mapping):
        return ()
    return tuple(each.key.text for each in entry.value.entries)


def _link_keys(parts: dict[str, Entry], reader: Reader) -> list[Secret]:
    """One key, or a list of them: the first signs, the others were used before."""
    entry = parts.get("link_key")
    if entry is None:
        return []
    nodes = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
    return [key for node in nodes if (key := reader.secret(entry.key, node)) is not None]


def _shop(parts: dict[str, Entry], reader: Reader, start: Shop) -> Shop:
    entry = parts.get("shop")
    fields = reader.parts(entry.value, ("name", "url", "address"), "shop") if entry else {}
    words = {name: reader.word(field.value, name) or "" for name, field in fields.items()}
    url = words.get("url", "")
    if url and not url.startswith(("http://", "https://")):
        reader.refuse(
            fields["url"].value.span,
            f"{quoted(url)} is not an address on the web",
            "it stands in messages as a link",
            f"write  https://{url}",
        )
    return Shop(
        words.get("name", start.name), (url or start.url).rstrip("/"), words.get("address", start.address)
    )


def _timezone(parts: dict[str, Entry], reader: Reader, start: str) -> str:
    found = reader.text(parts, "timezone")
    if found is None:
        return start
    try:
        zone(found.text)
    except KeyError:
        reader.refuse(
            found.span,
            f"{quoted(found.text)} is not a time zone",
            "time zones are called by a place",
            "write  Europe/Berlin",
        )
        return start
    return found.text


def _currency(parts: dict[str, Entry], reader: Reader, start: str) -> str:
    found = reader.text(parts, "currency")
    if found is None:
        return start
    if len(found.text) == 3 and found.text.isascii() and found.text.isalpha() and found.text.isupper():
        return found.text
    meant = {"€": "EUR", "$": "USD", "£": "GBP"}.get(
        found.text, found.text.upper() if len(found.text) == 3 else "EUR"
    )
    reader.refuse(
        found.span,
        f"{quoted(found.text)} is not a currency",
        "a currency has three capital letters",
        f"write  {meant}",
    )
    return start


def _languages(parts: dict[str, Entry], reader: Reader, start: tuple[str, ...]) -> tuple[str, ...]:
    entry = parts.get("languages")
    words = tuple(word.text for word in reader.words(entry.value, "languages")) if entry else ()
    return words or start


def _store(parts: dict[str, Entry], reader: Reader, start: str) -> str:
    found = reader.text(parts, "store")
    if found is None:
        return start
    if found.text.startswith(_STORES):
        address = found.text.removeprefix("postgresql").partition("://")[2].partition("@")
        if address[1] and ":" in address[0]:
            reader.literal_secret(
                found.span, "store", "keep the password in the environment: PGPASSWORD, or a ~/.pgpass file"
            )
        return found.text
    reader.refuse(
        found.span, f"{quoted(found.text)} is not a store", "a store is a SQLite file or a PostgreSQL database",
        "write  sqlite:///data/shop.db  or  postgresql://host/name",
    )  # fmt: skip
    return start


def _http(parts: dict[str, Entry], reader: Reader, start: HttpConfig) -> HttpConfig:
    entry = parts.get("http")
    fields = reader.parts(entry.value, ("listen", "public_url"), "http") if entry else {}
    host, port = start.host, start.port
    listen = reader.text(fields, "listen")
    if listen is not None:
        name, _, number = listen.text.rpartition(":")
        if name and number.isascii() and number.isdigit() and int(number) < 65_536:
            host, port = name.strip("[]"), int(number)
        else:
            reader.refuse(
                listen.span,
                f"{quoted(listen.text)} is not a place to listen at",
                "it is an address and a port",
                "write  127.0.0.1:8080",
            )
    public = reader.text(fields, "public_url")
    url = public.text.rstrip("/") if public else f"http://{host}:{port}"
    if public and not url.startswith(("http://", "https://")):
        reader.refuse(
            public.span,
            f"{quoted(url)} is not an address on the web",
            "links in messages begin with it",
            f"write  https://{url}",
        )
    return HttpConfig(host, port, url)


def _holdout(parts: dict[str, Entry], reader: Reader) -> int:
    found = reader.text(parts, "holdout")
    if found is None:
        return 0
    share = parse_share(found.whole())
    return reader.kept(share) or 0


def _pool(entry: Entry, reader: Reader) -> Pool | None:
    fields = reader.parts(entry.value, ("kind", *POOL_KINDS.values()), f"the pool {entry.key.text}")
    kind = reader.choice(fields, "kind", tuple(POOL_KINDS), entry)
    if kind is None:
        return None
    needed = POOL_KINDS[kind]
    for name, field in fields.items():
        if name not in ("kind", needed):
            reader.refuse(
                field.key.span, f"a {kind} pool has no {quoted(name)}", f"it has: kind, {needed}", "remove it"
            )
    value = reader.needed(fields, needed, entry)
    if value is None:
        return None
    if kind == "generated" and value.text.count("?") < 4:
        reader.refuse(
            value.span, f"{quoted(value.text)} leaves too few characters to draw", "every customer gets a code of their own",
            'write at least four question marks, for example  "WELCOME-????-????"',
        )  # fmt: skip
        return None
    match kind:
        case "generated":
            return Pool(entry.key.text, "generated", pattern=value.text)
        case "shared":
            return Pool(entry.key.text, "shared", code=value.text)
        case _:
            return Pool(entry.key.text, "file", path=_inside(value, reader))


def _inside(path: Scalar, reader: Reader) -> str:
    if path.text.startswith(("/", "\\")) or ".." in path.text.replace("\\", "/").split("/"):
        reader.refuse(
            path.span,
            f"{quoted(path.text)} leaves the project",
            "the project is one folder",
            "write a path inside it, for example  codes/welcome.csv",
        )
    return path.text


def _webhook(entry: Entry, reader: Reader) -> WebhookConfig | None:
    fields = reader.parts(entry.value, ("url", "secret"), f"the webhook {entry.key.text}")
    url = reader.needed(fields, "url", entry)
    secret: Secret | None = None
    if "secret" in fields:
        secret = reader.secret(fields["secret"].key, fields["secret"].value)
    if url is None:
        return None
    if not url.text.startswith(("http://", "https://")):
        reader.refuse(
            url.span,
            f"{quoted(url.text)} is not an address on the web",
            "webhooks are called by http",
            f"write  https://{url.text}",
        )
    return WebhookConfig(entry.key.text, url.text, secret)
