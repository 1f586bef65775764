"""The make-believe people of the demo: names, homes, addresses that nobody owns, and how they are."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from dataclasses import dataclass

from engine.values import Instant, at_local, local_date, zone

_FIRST = {
    "en": (
        "Alice",
        "Ben",
        "Chloe",
        "Daniel",
        "Ella",
        "Finn",
        "Grace",
        "Harry",
        "Iris",
        "Jack",
        "Kate",
        "Liam",
        "Mia",
        "Noah",
    ),
    "de": (
        "Anna",
        "Bernd",
        "Clara",
        "David",
        "Emma",
        "Felix",
        "Greta",
        "Hannes",
        "Ida",
        "Jürgen",
        "Käthe",
        "Lukas",
        "Sören",
    ),
    "bg": (
        "Ана",
        "Борис",
        "Вера",
        "Георги",
        "Елена",
        "Иван",
        "Калина",
        "Лилия",
        "Мария",
        "Никола",
        "Петър",
        "Рада",
        "Стоян",
    ),
}
_PLAIN = {
    "Jürgen": "juergen", "Käthe": "kaethe", "Sören": "soeren", "Ана": "ana", "Борис": "boris", "Вера": "vera",
    "Георги": "georgi", "Елена": "elena", "Иван": "ivan", "Калина": "kalina", "Лилия": "lilia",
    "Мария": "maria",
    "Никола": "nikola", "Петър": "petar", "Рада": "rada", "Стоян": "stoyan",
}  # fmt: skip
_SYLLABLES = (
    "ber",
    "dor",
    "fen",
    "gal",
    "hal",
    "kor",
    "lin",
    "mor",
    "nor",
    "pel",
    "ros",
    "sal",
    "tar",
    "ven",
    "wil",
)
_ENDINGS = ("ard", "er", "ev", "ini", "land", "mann", "ova", "sen", "ski", "ton", "wood")
_HOMES = (  # weight, country, zone, language
    (28, "DE", "Europe/Berlin", "de"), (18, "BG", "Europe/Sofia", "bg"), (12, "GB", "Europe/London", "en"),
    (6, "AT", "Europe/Vienna", "de"), (5, "PT", "Europe/Lisbon", "en"), (5, "GR", "Europe/Athens", "en"),
    (7, "US", "America/New_York", "en"), (4, "US", "America/Los_Angeles", "en"),
    (4, "IN", "Asia/Kolkata", "en"),
    (4, "JP", "Asia/Tokyo", "en"), (3, "BR", "America/Sao_Paulo", "en"), (3, "AU", "Australia/Sydney", "en"),
    (1, "NZ", "Pacific/Auckland", "en"),
)  # fmt: skip
_DOMAINS = ("example.com", "example.org", "example.net")
_AREAS = (
    "202",
    "206",
    "212",
    "213",
    "303",
    "305",
    "312",
    "404",
    "415",
    "503",
    "512",
    "602",
    "617",
    "702",
    "713",
    "801",
    "916",
)


@dataclass(slots=True)
class ShopCustomer:
    """One customer, with what the shop knows (the upper half) and what only the person knows (from `rhythm`
    on).

    `addresses` and `consents` by channel. `rhythm`: days between orders. `taste`: share of categories in what
    is bought. `attention`: how likely a message of a channel is answered by a click. `dead`: the e-mail
    address bounces.
    """

    id: str
    first_name: str
    last_name: str
    language: str
    country: str
    timezone: str | None
    addresses: dict[str, str]
    consents: dict[str, str]
    birthday: str | None
    member: bool
    joined: Instant
    rhythm: float
    taste: str
    brew: str
    attention: Mapping[str, float]
    thrift: float  # how much a code moves this person, 0 to 1
    quits: Instant | None
    dead: bool
    home: str  # the real zone, also where the shop does not know it

    def moment(self, day: dt.date, hour: float) -> Instant:
        """A local time of this person's day."""
        clock = dt.time(int(hour) % 24, int(hour * 60) % 60)
        return at_local(day, clock, zone(self.home))

    def today(self, now: Instant) -> dt.date:
        """The local date."""
        return local_date(now, zone(self.home))

    def traits(self) -> dict[str, object]:
        """What the shop knows when somebody signs up: attributes in our own format."""
        known: dict[str, object] = {
            "first_name": self.first_name, "last_name": self.last_name, "language": self.language,
            "country": self.country, "loyalty_member": self.member, "open_tickets": 0,
            "addresses": dict(self.addresses), "consent": dict(self.consents),
        }  # fmt: skip
        if self.timezone:
            known["timezone"] = self.timezone
        if self.birthday:
            known["birthday"] = self.birthday
        return known


def make_customer(number: int, dice: random.Random, joined: Instant) -> ShopCustomer:
    """The `number`-th customer. Every address is unique and belongs to nobody: example domains, fictional
    phones."""
    _, country, home, language = dice.choices(_HOMES, [weight for weight, *_ in _HOMES])[0]
    first = dice.choice(_FIRST[language])
    last = (dice.choice(_SYLLABLES) + dice.choice(_SYLLABLES + _ENDINGS) + dice.choice(_ENDINGS)).capitalize()
    addresses = {
        "email": f"{_PLAIN.get(first, first.lower())}.{last.lower()}.{number}@{_DOMAINS[number % 3]}"
    }
    if number < _PHONES and dice.random() < 0.55:
        addresses["sms"] = phone(number)
    if dice.random() < 0.45:
        addresses["push"] = f"demo-token-{number:06d}"
    return ShopCustomer(
        id=f"c{number:05d}",
        first_name=first,
        last_name=last,
        language=language,
        country=country,
        timezone=home if dice.random() < 0.96 else None,
        addresses=addresses,
        consents={channel: _consent(channel, dice) for channel in addresses},
        birthday=_birthday(dice),
        member=dice.random() < 0.6,
        joined=joined,
        rhythm=min(160.0, max(10.0, dice.lognormvariate(3.6, 0.55))),
        taste=dice.choices(("coffee", "tea", "machines"), (78, 17, 5))[0],
        brew=dice.choices(("filter", "espresso", "capsules"), (45, 40, 15))[0],
        attention={
            "email": dice.betavariate(2, 9),
            "push": dice.betavariate(2, 12),
            "sms": dice.betavariate(3, 10),
        },
        thrift=dice.random(),
        quits=None,
        dead=dice.random() < 0.015,
        home=home,
    )


def phone(number: int) -> str:
    """A phone number that is kept free for films: +44 7700 900xxx, and 555-01xx in many American areas."""
    if number < 1000:
        return f"+447700900{number:03d}"
    area, last = divmod(number - 1000, 100)
    return f"+1{_AREAS[area]}55501{last:02d}"


_PHONES = 1000 + 100 * len(_AREAS)


def _consent(channel: str, dice: random.Random) -> str:
    given = {"email": 0.84, "push": 0.92, "sms": 0.5}[channel]
    chance = dice.random()
    if chance < given:
        return "given"
    return "withdrawn" if chance < given + 0.04 else "none"


def _birthday(dice: random.Random) -> str | None:
    if dice.random() < 0.35:
        return None
    day = dt.date(1955, 1, 1) + dt.timedelta(days=dice.randrange(50 * 365))
    return day.isoformat()
