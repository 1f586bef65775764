"""The rows of a large shop: what each customer ordered, got, clicked, was shown and went through. Made by the
database itself from the customers that are there, since millions of rows take minutes otherwise."""

from __future__ import annotations

import msgspec

from engine.core.enrollment import Enrollment
from engine.store.database import Store
from engine.values import DAY, HOUR, Instant

MESSAGES_EACH, ORDERS_EACH = 3, 2
SHOWN_EACH = 3
"""Products in each message that recommends."""

_PATHS = Enrollment.__struct_fields__.index("paths")


def fill_history(store: Store, now: Instant, days: int, journeys: int) -> None:
    """Of the last so many days, as evenly as whole numbers let it be; needs customers called `c0000001`."""
    store.write(lambda conn: conn.exec_driver_sql(_numbered(store.engine.dialect.name)))
    for statement in _statements(store.engine.dialect.name, now, days, journeys):
        # psycopg takes a single % for a parameter
        sql = statement if store.engine.dialect.name == "sqlite" else statement.replace("%", "%%")
        store.write(lambda conn, sql=sql: conn.exec_driver_sql(sql))  # type: ignore[misc]
    store.write(lambda conn: conn.exec_driver_sql("DROP TABLE numbered"))


def _numbered(dialect: str) -> str:
    kind = "BIGINT" if dialect != "sqlite" else "INTEGER"
    return (
        "CREATE TABLE numbered AS SELECT bucket, id AS customer, CAST(substr(id, 2) AS "
        f"{kind}) AS n FROM customer"
    )


def _each(times: int, name: str = "k") -> str:
    """A table of this name, whose column `k` has so many numbers from 0 on."""
    return "(" + " UNION ALL ".join(f"SELECT {k} AS k" for k in range(times)) + f") {name}"


def _statements(dialect: str, now: Instant, days: int, journeys: int) -> list[str]:
    """Orders; messages, with what was clicked and shown; runs; segments; codes and their uses. Moments are
    scattered by multiples of primes, whose remainders hardly ever repeat."""

    def at(step: int) -> str:
        minutes = days * 24 * 60
        return f"({now} - ((c.n * 7919 + k.k * {step}) % {minutes}) * 60000)"

    yes, no = ("1", "0") if dialect == "sqlite" else ("TRUE", "FALSE")
    as_json = "" if dialect == "sqlite" else "::json"
    # a key that each message has alone; journeys of messages and of runs go together
    key = f"('m' || (c.n * {MESSAGES_EACH} + k.k))"
    place = f"((c.n + k.k * 7) % {journeys})"
    journey = f"('journey_' || substr('0' || {place}, -2))" if dialect == "sqlite" else (
        f"('journey_' || lpad(({place})::text, 2, '0'))"
    )  # fmt: skip
    is_open = "c.n % 10 = 0 AND k.k = 0"
    before, after = _state()
    left, joined = at(300007), f"FROM numbered c CROSS JOIN {_each(MESSAGES_EACH)}"
    once = f"FROM numbered c CROSS JOIN {_each(1)}"
    order = '{"order_id": "o", "total": {"amount": 50, "currency": "EUR"}, "product_id": ["p1", "p2"]}'
    orders = f"FROM numbered c CROSS JOIN {_each(ORDERS_EACH)} WHERE c.n % 5 <> 0"
    return [
        f"""INSERT INTO event (bucket, customer, name, occurred_at, number, received_at, id, starts, fields)
            SELECT c.bucket, c.customer, 'order_placed', {at(400009)}, c.n * {ORDERS_EACH} + k.k + 1,
                {at(400009)}, 'o' || (c.n * {ORDERS_EACH} + k.k), {no}, '{order}'{as_json} {orders}""",
        f"""INSERT INTO credit (bucket, customer, occurred_at, event, amount, currency, send_key, journey,
                step, channel, is_service)
            SELECT c.bucket, c.customer, {at(400009)}, 'o' || k.k, 50000000, 'EUR', '', '', '', '', {no}
                {orders}""",
        f"""INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel,
                policy, purpose, state, why, fence, planned_at, due_at, valid_until, ready_at, attempts,
                handed_at, settled_at, counts, resent, names, address, detail, was)
            SELECT c.bucket, c.customer, {key}, 'r' || k.k, {journey}, 'step_' || k.k, 'letter', 'email',
                'marketing', 'marketing', 'accepted', '', 1, {left}, {left}, {left}, {left}, 1,
                {left}, {left}, {yes}, 0, '', '', '', 'accepted' {joined}""",
        f"""INSERT INTO reaction (bucket, customer, send_key, kind, at, target, who)
            SELECT c.bucket, c.customer, {key}, 'clicked', {left} + (c.n * 31 % 2880) * 60000, '', 'human'
                {joined} WHERE (c.n + k.k * 5) % 16 = 0""",
        f"""INSERT INTO shown_product (bucket, customer, send_key, name, place, product, source, at)
            SELECT c.bucket, c.customer, {key}, 'for_you', p.k, 'p' || ((c.n + p.k) % 50), 'bestsellers',
                {left} {joined} CROSS JOIN {_each(SHOWN_EACH, "p")} WHERE (c.n + k.k) % 5 = 0""",
        # the first run is still open for one in ten
        f"""INSERT INTO enrollment (bucket, customer, id, journey, key, seq, step, started_at, ended_at,
                outcome, goal_at, holdout, state)
            SELECT c.bucket, c.customer, 'r' || k.k, {journey}, '', k.k,
                CASE WHEN {is_open} THEN 'step_1' END, {left},
                CASE WHEN NOT ({is_open}) THEN {left} + {3 * DAY} END,
                CASE WHEN NOT ({is_open}) THEN 'finish' END,
                CASE WHEN (c.n + k.k * 3) % 8 = 0 THEN {left} + {HOUR} END,
                CASE WHEN (c.n + k.k) % 20 = 0 THEN {yes} ELSE {no} END,
                '{before}' || CASE WHEN (c.n + k.k) % 2 = 0 THEN 'a' ELSE 'b' END || '{after}' {joined}""",
        f"""INSERT INTO membership (bucket, customer, segment, entered_at, left_at)
            SELECT c.bucket, c.customer, 'segment_' || k.k, {left},
                CASE WHEN c.n % 3 = 0 THEN {left} + {DAY} END {joined} WHERE (c.n + k.k) % 2 = 0""",
        f"""INSERT INTO code (bucket, pool, value, enrollment, customer, taken_at, expires_at, used_at,
                given_back_at, kind, journey, asked)
            SELECT c.bucket, 'POOL_' || (c.n % 5), 'CODE-' || c.n, 'r0', c.customer, {at(1)},
                {at(1)} + {7 * DAY}, CASE WHEN c.n % 10 = 0 THEN {at(1)} + {DAY} END, NULL, 'generated',
                {journey}, '' {once} WHERE c.n % 2 = 0""",
        f"""INSERT INTO code_use (number, value, pool, customer, at, source, order_id, amount, currency,
                verdict)
            SELECT c.n, 'CODE-' || c.n, 'POOL_' || (c.n % 5), c.customer, {at(1)} + {DAY}, 'order',
                'o' || c.n, 50000000, 'EUR', 'used' {once} WHERE c.n % 10 = 0 AND c.n > 0""",
    ]


def _state() -> tuple[str, str]:
    """What is stored of a run, before and behind the name of the path that it took."""
    run = Enrollment("r", "journey", "", Instant(0), 0, Instant(0), Instant(0), {}, None)
    text = msgspec.json.encode(msgspec.structs.replace(run, paths={"split": "@"})).decode()
    before, after = text.split("@")
    return before, after
