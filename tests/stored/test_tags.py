"""Every tag and every name that is stored or seen from outside stands in `tags.golden`, as text.

Classes, attributes and modules may be renamed; what a store holds, what a link says and what a dashboard
reads may not. A line of the golden file changes only together with a migration, and a line that a new release
adds is added there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import get_args

import orjson

import engine
from engine.channels.base import Delivery, Message, OutcomeKind, ReportKind
from engine.channels.links import ConfirmationLink, Links, UnsubscribeLink
from engine.channels.mime import token_of
from engine.cli.importing.progress import ImportProgress, load_progress, save_progress
from engine.compiler.journeys.fingerprint import fingerprint
from engine.core import enrollment
from engine.core.conditions import condition as conditions
from engine.core.decision import effects
from engine.core.definition import definition
from engine.core.enrollment import (
    AwaitingCode,
    AwaitingReaction,
    AwaitingSend,
    Deferred,
    Due,
    Enrollment,
    EnrollmentState,
    Relocating,
    SentMessage,
    TakenCode,
    Waiting,
)
from engine.core.facts import customer
from engine.core.facts.customer import Closed
from engine.core.facts.learned import EngagementStats
from engine.core.facts.rfm import Group, GroupTable
from engine.core.handlers import message_outcomes
from engine.core.handlers.joining import JOINED
from engine.core.handlers.migrate import MoveRule
from engine.core.happening import (
    CodeTaken,
    Event,
    FactsRedefined,
    Happening,
    HistoryHalf,
    Joined,
    MemberAdmitted,
    MessageOutcome,
    MessageReturned,
    MessageSent,
    Occurrence,
    PointsSpent,
    ProductChanged,
    ProfileChanged,
    Reaction,
    SegmentChanged,
)
from engine.core.points.ledger import (
    MEMORY,
    Booking,
    EarnedPoints,
    EarnOffer,
    Ledger,
    SpentPoints,
    TakenBackPoints,
)
from engine.core.products.signals import Collecting, ProductSignal
from engine.core.reasons import HoldReason, ReturnReason, SkipReason
from engine.http.metrics import Metrics
from engine.ids import derive, unit
from engine.language.parse import parse_journey, parse_segment
from engine.runtime.advance import learning, scoring
from engine.runtime.publish import one_off
from engine.store import migrations
from engine.store.copies import identity
from engine.store.copies.identity import OwnerRecord, StoreOwner
from engine.store.customers import customer_codec, enrollments
from engine.store.customers.suppressions import SuppressionReason
from engine.store.database import open_store
from engine.store.inbox import inbox_codec
from engine.store.messages import daily_limits
from engine.store.meta import address_hash
from engine.store.recommendations import build
from engine.store.schema.message_tables import OUTBOX_STATES
from engine.store.serialization import dump
from engine.values import Birthday, Duration, Instant, Money, Type

HERE = Path(__file__).parent
LEDGER = Ledger(
    {
        "order_placed o1": EarnedPoints(
            "order_placed o1",
            Instant(1),
            "order_placed",
            (EarnOffer("key", "words", 2, "1", "EUR", "39.90", 1, "2026-03"),),
            Instant(2),
            Instant(3),
            "2027-03-02",
            {"order_id": "1"},
        ),
    },
    {
        "- order_returned b1": TakenBackPoints(
            "- order_returned b1", Instant(4), "order_returned", "order_id", "1", {"EUR": "5"}
        )
    },
    {"$spend k1": SpentPoints("$spend k1", Instant(5), "till", 10, firm=True)},
    {"order_placed o1": Booking(78, 1)},
    Instant(6),
    {"2026-01-01": 5},
    {"key ": 1},
    ("2027-03-02",),
    "gold",
    Instant(7),
)
ENGINE = Path(engine.__file__).parent

STATES: tuple[EnrollmentState | None, ...] = (
    None,
    Waiting("w", Instant(11), 12),
    Deferred("s", "email", HoldReason.QUIET_HOURS, Instant(13), ("push",), Instant(14)),
    AwaitingSend("s", "email", "key", Instant(15), ("push",), unknown=True),
    AwaitingReaction("s", "push", Instant(16), ("email",), unknown=True),
    AwaitingCode("c"),
    Relocating("next", "was"),
    Relocating(None, "was"),
)
HAPPENINGS: tuple[Happening, ...] = (
    Event(
        1, "e1", "order_placed", Instant(5), Instant(6), {"total": Money(Decimal("1.50"), "EUR")},
        starts=False,
    ),
    Event(1, "e1", "journey_finished", Instant(5), Instant(6), {"journey": "a"}, causes={"a": 2}),
    ProfileChanged(
        2, Instant(7), {"born": Birthday(2, 29), "on": dt.date(2026, 1, 2), "$x": None},
        {"email": "ada@example.com"},
        {("email", "marketing"): "given"}, {"sms": "all", "push": None}, True, (("push", "a"),),
        (("push", "b"),),
    ),
    ProfileChanged(2, Instant(7), {"tags": ("a", "b"), "items": [{"sku": "x"}], "none": []}),
    ProductChanged(3, Instant(8), "p", {"stock": 4}),
    ProductChanged(3, Instant(8), "p", {"stock": 4}, {"stock": 12}, {"viewed": Instant(7)}),
    ProductChanged(3, Instant(8), "p", {}, {}, {"bought": Instant(7)}, Money(Decimal(5), "EUR")),
    SegmentChanged(4, Instant(9), "vip", member=True, starts=False),
    MemberAdmitted(4, Instant(9), "win_back", "vip"),
    FactsRedefined(4, Instant(9), ("net_spent",)),
    Occurrence(5, "weekly", Instant(10), dt.date(2026, 3, 2)),
    MessageSent(6, Instant(11), "key", "run"),
    MessageReturned(7, Instant(12), "key", "run", ReturnReason.EXPIRED),
    MessageOutcome(8, Instant(13), "key", "run", "bounced", "detail", "email"),
    Reaction(9, Instant(14), "key", "run", "clicked"),
    CodeTaken(10, Instant(15), "run", "POOL", None),
    PointsSpent(13, Instant(18), "key", 40, "till"),
    Joined(
        11,
        Instant(16),
        ("run",),
        HistoryHalf(("order_placed",), ("tier",), is_reached=True),
        HistoryHalf(),
    ),
)  # fmt: skip
MESSAGE = Message(
    "key", "email", "ada@example.com", "hello", "en", "marketing", "text", "<p>", "subject",
    "shop@example.com",
    "reply@example.com", "pre", {"X-A": "b"}, {"url": "u"}, Instant(17), Instant(18),
)  # fmt: skip
REF = conditions.Ref("customer", "total", Type("list of", ("a",), (("x", Type("text")),)))
CONDITIONS: tuple[conditions.Condition, ...] = (
    conditions.IsOneOf(
        REF, ("x", 1, Decimal("1.5"), True, Money(Decimal(2), "EUR"), dt.date(2026, 1, 2), Birthday(1, 2))
    ),
    conditions.IsOneOf(REF, ("only",)),
    conditions.IsSet(REF),
    conditions.Compare(REF, "at least", REF),
    conditions.Between(REF, 1, 2),
    conditions.RelativeAge(REF, "more than", Duration(1, 2, 3)),
    conditions.BeforeAfter(REF, "before", dt.date(2026, 1, 2)),
    conditions.Today(REF),
    conditions.TextMatch(REF, "contains", "x"),
    conditions.Did("order_placed", 1, 2, Duration(days=3), True, conditions.AllOf(())),
    conditions.InSegment(("vip",)),
    conditions.InsideJourney(("welcome",)),
    conditions.Can(("sms",), "marketing"),
    conditions.Reacted("clicked", "hello"),
    conditions.Not(conditions.AnyOf((conditions.GoalReached(),))),
)  # fmt: skip


def pinned_lines(folder: Path) -> Iterator[str]:
    """Everything that is pinned, line by line."""
    for rest in STATES:
        yield f"run  {enrollments.encode(_run(rest))}"
    caused = _run(None)
    caused.causes, caused.began_at = {"a": 2}, Instant(31)
    assert enrollments.decode(enrollments.encode(caused)) == caused
    yield f"run  {enrollments.encode(caused)}"
    for what in HAPPENINGS:
        yield "  ".join(("inbox", *inbox_codec.to_row(what)))
    yield from _customer()
    yield f"body  {orjson.dumps(MESSAGE.to_document()).decode()}"
    for condition in CONDITIONS:
        yield f"definition  {definition(condition)}"
    groups = GroupTable((Group("best", (4, 5), (1, 2), (3, 3)),), "other")
    yield f"definition  {definition(('order_placed', 'total', None, groups))}"
    for file in sorted((HERE / "written").glob("*.yaml")):
        parse = parse_segment if file.stem.startswith("segment") else parse_journey
        written, problems = parse(file.read_bytes(), file.name)
        assert (written is None, problems) == (False, []), (file, problems)
        assert written is not None
        yield f"fingerprint  {file.name}  {fingerprint(written)}"
    yield from _derived()
    yield from _words()
    yield from _store(folder)
    for line in Metrics().text().decode().splitlines():
        if line.startswith("# TYPE"):
            yield f"metric  {line}"
    slugs = set()
    for source in ENGINE.rglob("*.py"):
        slugs |= set(re.findall(r"\blog\.\w+\(\s*\"(\w+)\"", source.read_text()))
    yield from (f"log  {slug}" for slug in sorted(slugs))


def _run(rest: EnrollmentState | None) -> Enrollment:
    part = SentMessage("hello", "email", "key", Instant(1), 2, Instant(3), Instant(4), bounced=True)
    code = TakenCode("POOL", "X1", Instant(5), dt.date(2026, 1, 2), used=True)
    return Enrollment(
        "run", "welcome", "per", Instant(20), 21, Instant(22), Instant(23), {"total": Decimal("1.50")},
        "product",
        dt.date(2026, 1, 3), True, 24, rest, Due(Instant(25), dt.datetime(2026, 1, 4, 5, 6), "Europe/Berlin"),  # noqa: DTZ001
        Instant(26), 27, {"split": "a"}, {"POOL": code}, {"s": (part,)}, {"t": SkipReason.CAPPED}, {"b", "a"},
        Instant(28),
        "finish", Instant(29), Instant(30), "commit",
    )  # fmt: skip


def _customer() -> Iterator[str]:
    reach = {
        "email": customer.Reach("ada@example.com", {"marketing": "given"}, "any purpose", bounced=True),
        "sms": customer.Reach(),
    }
    stored = customer_codec.dump_reach(reach)
    assert customer_codec.load_reach(stored) == reach
    yield f"reach  {stored}"
    yield (
        f"seen  "
        f"{customer_codec.dump_event_counters({'a': customer.EventCounter(1, Instant(2), Instant(3), 4)})}"
    )
    marks = customer_codec.CustomerMarks(
        {("j", "per"): customer.LastStart(Instant(1), "run")}, {("j", "2026-01-02")}, {"vip": Instant(3)},
        [customer.CapSlot("key", Instant(4), "email", counts_total=False)],
        EngagementStats({"email": (5, 6)}, (7,)),
    )  # fmt: skip
    yield f"marks  {customer_codec.dump_marks(marks, '2026-01-01')}"
    price = Money(Decimal("2.50"), "EUR")
    drop = ProductSignal("price_drop", "p1", Decimal("12.5"), price, Money(Decimal(2), "EUR"))
    marks.collecting = {"j": Collecting("price_drop", Instant(8), (drop,))}
    marks.turns = {"run": Instant(9)}
    assert customer_codec.load_marks(customer_codec.dump_marks(marks, "2026-01-01")) == marks
    yield f"marks  {customer_codec.dump_marks(marks, '2026-01-01')}"
    yield f"ledger  {customer_codec.dump_fact_state({MEMORY: LEDGER})}"
    yield (
        f"memory  {customer_codec.dump_fact_state({'a': (1, Money(Decimal('2.50'), 'EUR')), 'b': {'x': 1}})}"
    )


def _derived() -> Iterator[str]:
    for parts in (
        ("emit", "run", 3, 1, "goal_reached"), ("run", "ada", "cart", "k", 7, 1000), ("run", "s", "email"),
        ("body", "{}"),
    ):  # fmt: skip
        yield f"derive  {parts}  {derive(*parts)}"
    for drawn in (
        ("holdout", "cart", "ada"),
        ("global holdout", "ada"),
        ("split", "ada", "cart", "offer", "a"),
    ):
        yield f"draw  {drawn}  {unit(*drawn)}"
    links = Links(["secret"], "https://shop.example.com")
    yield f"link  {links.unsubscribe(UnsubscribeLink('ada', 'email', 'marketing', 'key'))}"
    yield f"link  {links.confirm(ConfirmationLink('ada', 'email', 'marketing', 'key', 'list'))}"
    yield (
        f"link  {links.preferences('ada')}  {links.click('key', 'https://example.com')}  {links.open('key')}"
    )
    yield f"link  {links.seen('list', 1)}"
    yield f"token  {token_of('secret', 'key')}  {address_hash('secret', 'email', 'ada@example.com')}"


def _words() -> Iterator[str]:
    yield f"states  {' '.join(OUTBOX_STATES)}"
    for name, words in (
        ("trace", effects.TraceKind), ("closed", Closed), ("outcome", OutcomeKind), ("report", ReportKind),
        ("fault", Delivery.__annotations__["fault"]),
    ):  # fmt: skip
        yield f"{name}  {get_args(words) or words}"
    refused, skipped = (
        sorted(map(str, reasons)) for reasons in (message_outcomes.REFUSED, message_outcomes.SKIPPED)
    )
    yield f"refused  {refused}  skipped  {skipped}"
    reasons = (
        customer.ANY_PURPOSE, enrollment.CARRIED, JOINED, ReturnReason.UNWANTED, daily_limits.WHY,
        ReturnReason.DRY_RUN, identity.RESTORED,
        SuppressionReason.UNSUBSCRIBED, ReturnReason.NOT_LISTED, one_off.PREFIX, scoring.SWEEP,
        learning.SWEEP, build.SWEEP,
    )  # fmt: skip
    yield from (f"reason  {reason}" for reason in reasons)
    yield f"moved  {' '.join(MoveRule)}"


def _store(folder: Path) -> Iterator[str]:
    path = folder / "store.db"
    progress = ImportProgress(Instant(1), 2, 3, 4, 5, done=True, round=6)
    with contextlib.closing(open_store(f"sqlite:///{path}", folder)) as store:
        store.write(lambda conn: save_progress(conn, "abc", progress))
        with store.read() as conn:
            assert load_progress(conn, "abc") == progress
            assert migrations.differences(conn) == []
    owner = StoreOwner(path)
    owner.note(OwnerRecord("token", "path", 1, 2, 3, 4, stopped=True))
    yield f"owner  {owner.file.read_text().strip()}"
    with sqlite3.connect(path) as database:
        yield (
            f"meta  "
            f"{database.execute('SELECT name, value FROM meta WHERE name LIKE ?', ('import:%',)).fetchone()}"
        )
        yield f"revision  {database.execute('SELECT version_num FROM alembic_version').fetchone()[0]}"
        tables = database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
        for (table,) in tables:
            columns = database.execute(
                f'SELECT name, type, "notnull", pk FROM pragma_table_info({table!r})'
            ).fetchall()
            yield f"table  {table}  {json.dumps(columns)}"
        indexes = database.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        )
        for (sql,) in indexes.fetchall():
            yield f"index  {' '.join(sql.split())}"


def test_what_is_stored_keeps_its_names(tmp_path: Path) -> None:
    assert "\n".join(pinned_lines(tmp_path)) + "\n" == (HERE / "tags.golden").read_text()


def test_money_is_stored_as_amount_and_currency() -> None:
    assert dump(Money(Decimal("1.50"), "EUR")) == '{"amount":1.50,"currency":"EUR"}'


def test_a_body_comes_back_also_when_it_is_of_an_older_version() -> None:
    assert Message.from_document(orjson.loads(orjson.dumps(MESSAGE.to_document()))) == MESSAGE
    short = dict.fromkeys(("key", "channel", "address", "template", "language", "purpose", "body"), "x")
    assert Message.from_document(short) == Message(*"xxxxxxx")
