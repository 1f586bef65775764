"""config.yaml as one frozen value; secrets stay references (`env:NAME`, `file:/path`) until they are used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from engine.channel_kinds import UnknownAction
from engine.core.journey import DecisionMoment, Pool
from engine.core.points.rules import EarnLimit, PointsExpiry
from engine.core.policy import Policy
from engine.core.recommendations.rule import ProductExclusion, ProductSource
from engine.errors import InstallationError
from engine.language.syntax import AllOf, Story, Text
from engine.problem import Span
from engine.values import Duration, Money

if TYPE_CHECKING:
    from engine.config.channels import Options
    from engine.config.pools import OfferChoice

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret: `env:NAME` or `file:/path`. Never printed, never logged."""

    reference: str

    def reveal(self) -> str:
        """The secret itself. Raises InstallationError with the cure when it is missing."""
        kind, _, name = self.reference.partition(":")
        if kind == "env":
            secret = os.environ.get(name)
            # An empty variable counts as missing: a signature with an empty key is worth nothing.
            if secret:
                return secret
            raise InstallationError(
                f'the secret {self.reference} is not set: set the environment variable "{name}"'
            )
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except OSError as wrong:
            raise InstallationError(
                f"the secret {self.reference} cannot be read: {wrong.strerror}. Put it there, readable by us"
            ) from wrong


@dataclass(frozen=True, slots=True)
class Shop:
    """Who writes to the customers; `shop.x` in templates. `address` stands in every marketing e-mail.
    `logo` is an address on the web, `colour` is `#rrggbb`; both are "" where the shop names none. `country`
    (ISO 3166) is that of a phone number without one, where the customer has none either."""

    name: str
    url: str
    address: str
    logo: str = ""
    colour: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` per `seconds`."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """One entry of `channels:`. `options`: what its way of sending understands; `sender` (`from`), `reply_to`
    and `timeout` (seconds) mean the same for all of them, as far as they have them."""

    name: str
    options: Options
    price: Decimal = Decimal(0)
    """Per message; of a text message per part."""
    currency: str = "EUR"
    rate: RateLimit | None = None
    unknown: Mapping[str, UnknownAction] = field(default_factory=dict)
    """Policy ("": all others) -> what is done with a message of which nobody knows whether it left."""
    priced: bool = True
    """False: config.yaml names no price."""
    sender: str = ""
    reply_to: str = ""
    timeout: int | None = None

    @property
    def via(self) -> str:
        """How it sends."""
        return self.options.via

    def options_as(self, kind: type[Kind]) -> Kind:
        """The options, by whoever knows how the channel sends."""
        # A channel reads its own options alone: another kind here is a defect, not a mistake in config.yaml.
        assert isinstance(self.options, kind), f"{self.name} goes via {self.via}"
        return self.options

    def reveal(self, option: str, secret: Secret | None) -> str:
        """The secret behind an option, "" where there is none. Raises InstallationError with
        the name of the channel."""
        if secret is None:
            return ""
        try:
            return secret.reveal()
        except InstallationError as wrong:
            raise InstallationError(
                f'"{option}" of the channel "{self.name}": {wrong.what}', wrong.cure
            ) from wrong


def secrets_in(value: object) -> Iterator[Secret]:
    """Every secret in a record, a map or a list, in their order."""
    match value:
        case Secret():
            yield value
        case Mapping():
            for member in value.values():
                yield from secrets_in(member)
        # Lists of the file are tuples in the records: a record is never changed in place.
        case tuple():
            for item in value:
                yield from secrets_in(item)
        case _:
            for part in fields(value) if is_dataclass(value) else ():
                yield from secrets_in(getattr(value, part.name))


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """One entry of `webhooks:`. `secret` signs the body."""

    name: str
    url: str
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """Who hears of troubles beside `status`: addresses of operators, a webhook. `again`: milliseconds until a
    trouble that lasts is told again."""

    email: tuple[str, ...] = ()
    webhook: WebhookConfig | None = None
    again: int = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class CatalogueConfig:
    """Where the catalogue is published. `feed`: its address, or `secret_feed` where that is a secret itself;
    `every`: milliseconds between two looks; `missing`: what happens to products that are not in it any more.
    `fields`: field of schemas/product.yaml -> name in the feed. `user`, `password`: of its server."""

    feed: str = ""
    secret_feed: Secret | None = None
    every: int = 3_600_000
    missing: Literal["out of stock", "keep"] = "out of stock"
    fields: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """How many milliseconds the store keeps what it does not need to decide; None: for ever. `bodies`: words
    of providers, calls of webhooks that are over, refused items."""

    events: int | None = None
    traces: int = 400 * 86_400_000
    bodies: int = 400 * 86_400_000
    receipts: int = 400 * 86_400_000


@dataclass(frozen=True, slots=True)
class Attribution:
    """For how many milliseconds before an order a click, or an opening, makes it belong to the message; 0:
    never. `order`, `total`: the event that is an order, and its field with the amount."""

    click: int = 5 * 86_400_000
    open: int = 0
    order: str = "order_placed"
    total: str = "total"


@dataclass(frozen=True, slots=True)
class ReportsConfig:
    """Who gets reports by mail, on which day (0: Monday; None: every day), after how many days without an
    order a customer is lost, and which domains of recipients are named beside mailbox providers."""

    mail: tuple[str, ...] = ()
    weekday: int | None = None
    lost: int = 365
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxConfig:
    """Where reports by mail come in. `done`: the folder that mail goes to when it was read ("": it stays,
    marked as seen). `every`: seconds between two looks."""

    host: str
    user: str
    password: Secret
    port: int = 993
    tls: str = "tls"
    folder: str = "INBOX"
    done: str = ""
    every: float = 300.0


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where the daemon listens, and how the world reaches it."""

    # This machine alone, until somebody says otherwise: /metrics needs no key.
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = "http://127.0.0.1:8080"
    # Addresses and networks of proxies whose word on who calls is believed; nobody's until they are named.
    trusted_proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is noticed of a reader. `opens`: a pixel for nobody, for those who agreed to the purpose `opens`,
    or for all who did not object. `decoy`: a link in e-mails that no person sees, so that whoever follows it
    is a machine."""

    clicks: bool = True
    # Not by itself: in the EU a pixel needs consent (ePrivacy directive, article 5(3)).
    opens: Literal["never", "with consent", "always"] = "never"
    decoy: bool = True


@dataclass(frozen=True, slots=True)
class SignupList:
    """A list that anybody may ask to be on. `event` is appended, its journey asks for confirmation; `text` is
    what they agree to; `next`: where a form without JavaScript leads (empty: a page of ours)."""

    name: str
    channel: str
    purpose: str
    event: str
    text: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Signup:
    """Sign-up forms. `confirmed`: the event of a confirmation; `origins`: the sites whose pages may post; at
    most `per_network` sign-ups an hour from one network and `in_all` altogether."""

    confirmed: str = "optin_confirmed"
    origins: tuple[str, ...] = ()
    lists: Mapping[str, SignupList] = field(default_factory=dict)
    # Enough for an office behind one address, too few to flood a mailbox of somebody else.
    per_network: int = 20
    in_all: int = 1000


@dataclass(frozen=True, slots=True)
class BrowserConfig:
    """Events that browsers send by themselves. `origins`: the sites whose pages may; `identity_key`: what the
    shop's server proves with that a visitor is a customer."""

    origins: tuple[str, ...] = ()
    identity_key: Secret | None = None


@dataclass(frozen=True, slots=True)
class Ceilings:
    """How many messages a journey may hand over on a day of the project's calendar: `each` counts for those
    that `of` does not name; None: no ceiling. More than `sudden` times the average of the last seven days
    raises an alert."""

    each: int | None = None
    of: Mapping[str, int] = field(default_factory=dict)
    sudden: float = 3.0

    def of_journey(self, journey: str) -> int | None:
        """The ceiling of one journey."""
        # A ceiling of its own takes the place of the one for all, also where it is higher.
        return self.of.get(journey, self.each)


@dataclass(frozen=True, slots=True)
class RecommendationConfig:
    """One entry of `recommendations:`, as it is written: each source with its words. Whether the customer and
    the product have what it names, the catalogue says (`engine.compiler.recommendations`)."""

    name: Text
    sources: tuple[tuple[Text, ProductSource], ...]
    only: AllOf | None = None
    never: tuple[ProductExclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class EarnConfig:
    """One line of `earn:`, as it is written. `words`: the whole of it; `number`: of points, or so many for
    each `unit` of a field."""

    event: Text
    words: str
    number: int
    unit: Text | None = None
    field: Text | None = None
    who: AllOf | None = None
    where: AllOf | None = None
    limit: EarnLimit | None = None
    also: bool = False


@dataclass(frozen=True, slots=True)
class PointsConfig:
    """`points:`, as it is written; what it names the catalogue says (`engine.compiler.incentives.points`)."""

    earn: tuple[EarnConfig, ...] = ()
    pending: Duration | None = None
    less: tuple[Text, ...] = ()
    spent_by: tuple[Text, ...] = ()
    expire: PointsExpiry | None = None
    expire_at: Span | None = None
    warn: Duration | None = None
    worth: Money | None = None


@dataclass(frozen=True, slots=True)
class TiersConfig:
    """`tiers:`, as it is written: `into` from the lowest to the highest, each with what it takes."""

    by: Text | None = None
    into: tuple[tuple[Text, Text], ...] = ()
    keep: Duration | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The whole of config.yaml. `channels` keeps the order of the file; `egress`: private addresses that
    webhooks may reach (host:port or CIDR). `link_key`: the secret that signs links; None: a key kept in the
    store's folder. `deliver_only`: the only addresses, endings of addresses (`@shop.example`) and customers
    (`customer:anna`) that get messages; None: everybody does."""

    shop: Shop
    timezone: str
    currency: str
    languages: tuple[str, ...]
    store: str
    http: HttpConfig
    egress: tuple[str, ...]
    holdout: int
    channels: Mapping[str, ChannelConfig]
    policies: Mapping[str, Policy]
    codes: Mapping[str, Pool]
    webhooks: Mapping[str, WebhookConfig]
    link_key: Secret | None = None
    mailbox: MailboxConfig | None = None
    catalogue: CatalogueConfig | None = None
    alerts: AlertsConfig | None = None
    retention: Retention = field(default_factory=Retention)
    old_link_keys: tuple[Secret, ...] = ()
    """Those that signed before, the newest first: their links stay good."""
    tracking: Tracking = field(default_factory=Tracking)
    signup: Signup = field(default_factory=Signup)
    browser: BrowserConfig = field(default_factory=BrowserConfig)
    ceilings: Ceilings = field(default_factory=Ceilings)
    deliver_only: tuple[str, ...] | None = None
    deploys: str | None = None
    """`manual`: nothing but `deploy` publishes; `automatic`: the daemon, too; None: manual once a reviewed
    plan was published."""
    recommendations: Mapping[str, RecommendationConfig] = field(default_factory=dict)
    offers: Mapping[str, OfferChoice] = field(default_factory=dict)
    """Choices between pools, by the name that journeys call them."""
    reports: ReportsConfig = field(default_factory=ReportsConfig)
    attribution: Attribution = field(default_factory=Attribution)
    points: PointsConfig | None = None
    tiers: TiersConfig | None = None
    decide: DecisionMoment | None = None
    """When it is said what the holdout of the whole shop shows."""
    tests: tuple[Story, ...] = ()
    """Stories about points and tiers."""
