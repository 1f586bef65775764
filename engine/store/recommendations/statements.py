"""The statements of the nightly build, for both databases. They fill tables of the session (`rb_...`), so
that nobody who writes waits for them.

Weights and scores are whole numbers, so that a sum does not depend on the order of its parts and both
databases find the same. docs/recommendations.md states the formulas.
"""

from __future__ import annotations

from engine.core.products.event_products import ID_NAMES, LIST_NAMES
from engine.store.sql import IDS

UNIT = 1_000_000
"""The weight of one order of today."""

ORDERS_HALVE_DAYS = 180
"""An order of this age says half as much of what goes together as one of today."""

SALES_HALVE_DAYS = 30
"""An order of this age counts half for the bestsellers."""

VIEWS_HALVE_DAYS = 30
"""A view of this age counts half."""

BASKET = 50
"""Products of a larger order that are counted: those whose ids come first."""

SUPPORT = 3
"""So many orders, or customers who looked, make a pair."""

NEIGHBOURS = 50
"""So many products are kept for each."""

LISTED = 100
"""So many products are kept in each list."""

SELF, OTHERS = 3, 2
"""What people buy again counts so much as something that goes with itself, beside what goes with others."""

SESSION = 30 * 60_000
"""Milliseconds between two views that belong together, at most."""

NEAR = 10
"""A view is paired with so many that come next."""

VIEWS = 200
"""So many views of a customer count, the newest."""

DAY_MS = 86_400_000

TABLES = (
    "rb_product (num INTEGER PRIMARY KEY, id TEXT NOT NULL, category TEXT)",
    "rb_value (field TEXT NOT NULL, value TEXT NOT NULL, num INTEGER NOT NULL)",
    "rb_line (o BIGINT NOT NULL, p INTEGER NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (o, p))",
    (
        "rb_order (o BIGINT PRIMARY KEY, at BIGINT NOT NULL, size INTEGER NOT NULL, w BIGINT NOT NULL,"
        " sold BIGINT NOT NULL)"
    ),
    "rb_bought (p INTEGER PRIMARY KEY, n BIGINT NOT NULL)",
    (
        "rb_look (c INTEGER NOT NULL, place INTEGER NOT NULL, at BIGINT NOT NULL, p INTEGER NOT NULL,"
        " w BIGINT NOT NULL, PRIMARY KEY (c, place))"
    ),
    (
        "rb_near (a INTEGER NOT NULL, b INTEGER NOT NULL, w BIGINT NOT NULL, n INTEGER NOT NULL,"
        " ab_w BIGINT NOT NULL, ab_n INTEGER NOT NULL, ba_w BIGINT NOT NULL, ba_n INTEGER NOT NULL)"
    ),
    "rb_seen (p INTEGER NOT NULL, n BIGINT NOT NULL)",
    (
        "rb_close (a INTEGER NOT NULL, b INTEGER NOT NULL, w BIGINT NOT NULL, n BIGINT NOT NULL,"
        " next_w BIGINT NOT NULL, next_n BIGINT NOT NULL, PRIMARY KEY (a, b))"
    ),
    "rb_viewed (p INTEGER PRIMARY KEY, n BIGINT NOT NULL)",
)
"""The tables of the session, in the order in which they are filled."""

INDEXES = ("rb_product_id ON rb_product (id)", "rb_line_product ON rb_line (p, o)")


def products(dialect: str) -> str:
    """The catalogue, numbered in the order of ids, so that ties go by id."""
    category = _text("p.fields", "category", dialect)
    return (
        "INSERT INTO rb_product (num, id, category)"  # noqa: S608 - texts of this module
        f" SELECT row_number() OVER (ORDER BY p.id), p.id, {category} FROM product p"
    )


def values(dialect: str, field: str) -> str:
    """The products by the value of one of their fields. `field`: a name of schemas/product.yaml."""
    value = _text("p.fields", field, dialect)
    return (
        "INSERT INTO rb_value (field, value, num)"  # noqa: S608 - as above
        f" SELECT ?, {value}, r.num FROM product p JOIN rb_product r ON r.id = p.id"
        f" WHERE {value} <> ''"
    )


def lines(dialect: str) -> str:
    """What the orders of a slice of customers hold. Parameters: bucket, customer, bucket, customer, name,
    since, until."""
    source, ident = _exploded(dialect)
    return (
        "INSERT INTO rb_line (o, p, at) SELECT e.number, r.num, e.occurred_at"  # noqa: S608 - as above
        f" FROM event e CROSS JOIN {source} JOIN rb_product r ON r.id = {ident}"
        f" WHERE {_SLICE} AND e.name = ? AND e.occurred_at > ? AND e.occurred_at <= ? ON CONFLICT DO NOTHING"
    )


_SLICE = (
    "(e.bucket, e.customer) > (CAST(? AS INTEGER), CAST(? AS TEXT))"
    " AND (e.bucket, e.customer) <= (CAST(? AS INTEGER), CAST(? AS TEXT))"
)

CUT_BASKETS = (
    "DELETE FROM rb_line WHERE (o, p) IN (SELECT o, p FROM (SELECT o, p, row_number() OVER (PARTITION BY o"  # noqa: S608
    f" ORDER BY p) AS place FROM rb_line) basket WHERE place > {BASKET})"
)

ORDERS = (
    "INSERT INTO rb_order (o, at, size, w, sold) SELECT o, at, size,"  # noqa: S608
    f" ({UNIT} * {ORDERS_HALVE_DAYS}) / ({ORDERS_HALVE_DAYS} + age) / size,"
    f" ({UNIT} * {SALES_HALVE_DAYS}) / ({SALES_HALVE_DAYS} + age)"
    " FROM (SELECT o, max(at) AS at, count(*) AS size,"
    f" (CAST(? AS BIGINT) - max(at)) / {DAY_MS} AS age FROM rb_line GROUP BY o) found"
)
"""Each order has one vote, which its products share: what lies beside a hundred others says little.
Parameter: now."""

DROP_OLDEST = (
    "DELETE FROM rb_order WHERE o IN (SELECT o FROM (SELECT o,"
    " sum(size * size) OVER (ORDER BY at DESC, o DESC) AS pairs FROM rb_order) counted WHERE pairs > ?)"
)
"""So many pairs are counted at most, those of the newest orders. Parameter: how many."""

BOUGHT = (
    "INSERT INTO rb_bought (p, n) SELECT l.p, sum(r.w) FROM rb_order r JOIN rb_line l ON l.o = r.o"
    " GROUP BY l.p"
)


def _ranked(pairs: str, counts: str) -> str:
    """The best neighbours of each product of `pairs` (a, b, w, n): the source with its score, the sum of the
    weights by the square root of how much a is bought and the eighth root of how much b is."""
    # The cast cuts on SQLite and rounds on PostgreSQL: the fraction goes before it.
    score = (
        f"CAST(floor({UNIT} * CAST(f.w AS DOUBLE PRECISION) / (sqrt(CAST(na.n AS DOUBLE PRECISION))"
        f" * sqrt(sqrt(sqrt(CAST(nb.n AS DOUBLE PRECISION)))))) AS BIGINT)"
    )
    return (
        "SELECT pa.id, pb.id, s.score, s.n, s.place, s.apart, s.apart_place FROM ("  # noqa: S608 - as above
        "SELECT a, b, score, n, apart,"
        " row_number() OVER (PARTITION BY a ORDER BY score DESC, b) AS place,"
        " row_number() OVER (PARTITION BY a, apart ORDER BY score DESC, b) AS apart_place FROM ("
        f"SELECT f.a, f.b, f.n, {score} AS score,"
        " CASE WHEN ca.category <> cb.category THEN 1 ELSE 0 END AS apart"
        f" FROM ({pairs}) f JOIN {counts} na ON na.p = f.a JOIN {counts} nb ON nb.p = f.b"
        " JOIN rb_product ca ON ca.num = f.a JOIN rb_product cb ON cb.num = f.b) scored) s"
        " JOIN rb_product pa ON pa.num = s.a JOIN rb_product pb ON pb.num = s.b"
        f" WHERE s.place <= {NEIGHBOURS} OR (s.apart = 1 AND s.apart_place <= {NEIGHBOURS})"
        " ORDER BY pa.num, s.place"
    )


BOUGHT_TOGETHER = _ranked(
    "SELECT x.p AS a, y.p AS b,"  # noqa: S608 - as above
    f" CAST(sum(r.w) AS BIGINT) * CASE WHEN x.p = y.p THEN {SELF} ELSE {OTHERS} END / {OTHERS} AS w,"
    " count(*) AS n"
    " FROM rb_line x JOIN rb_order r ON r.o = x.o JOIN rb_line y ON y.o = x.o"
    f" WHERE x.p > ? AND x.p <= ? GROUP BY x.p, y.p HAVING count(*) >= {SUPPORT}",
    "rb_bought",
)
"""Parameters: products from, to (by number). (product, other, score, support, place, of another category?,
place among those)."""


def looks(dialect: str) -> str:
    """The views of a slice of customers, numbered by customer; of each the newest. Parameters: now, and those
    of `lines`."""
    if dialect == "sqlite":
        named = "CAST(COALESCE(e.fields ->> '$.product_id', e.fields ->> '$.sku') AS TEXT)"
    else:
        named = "COALESCE(e.fields ->> 'product_id', e.fields ->> 'sku')"
    return (
        "INSERT INTO rb_look (c, place, at, p, w) SELECT c, row_number() OVER (PARTITION BY c ORDER BY newest"  # noqa: S608
        f" DESC), at, p, ({UNIT} * {VIEWS_HALVE_DAYS}) / ({VIEWS_HALVE_DAYS} + age) FROM ("
        "SELECT dense_rank() OVER (ORDER BY e.bucket, e.customer) AS c, e.occurred_at AS at, r.num AS p,"
        f" (CAST(? AS BIGINT) - e.occurred_at) / {DAY_MS} AS age,"
        " row_number() OVER (PARTITION BY e.bucket, e.customer ORDER BY e.occurred_at DESC, e.number DESC)"
        f" AS newest FROM event e JOIN rb_product r ON r.id = {named}"
        f" WHERE {_SLICE} AND e.name = ? AND e.occurred_at > ? AND e.occurred_at <= ?) seen"
        f" WHERE newest <= {VIEWS}"
    )


NEAR_LOOKS = (
    "INSERT INTO rb_near (a, b, w, n, ab_w, ab_n, ba_w, ba_n) SELECT a, b, sum(w), count(*), sum(w * ab),"  # noqa: S608
    " sum(ab), sum(w * ba), sum(ba) FROM (SELECT CASE WHEN s.p < t.p THEN s.p ELSE t.p END AS a,"
    " CASE WHEN s.p < t.p THEN t.p ELSE s.p END AS b, max(t.w) AS w,"
    " max(CASE WHEN t.place = s.place + 1 AND s.p < t.p THEN 1 ELSE 0 END) AS ab,"
    " max(CASE WHEN t.place = s.place + 1 AND s.p > t.p THEN 1 ELSE 0 END) AS ba FROM rb_look s"
    f" JOIN rb_look t ON t.c = s.c AND t.place > s.place AND t.place <= s.place + {NEAR}"
    f" AND t.at <= s.at + {SESSION} WHERE s.p <> t.p GROUP BY s.c, 1, 2) one GROUP BY a, b"
)
"""Each two products once, the lower number first. Every customer has one vote for a pair, however often they
looked."""

SEEN = (
    "INSERT INTO rb_seen (p, n) SELECT p, sum(w) FROM (SELECT c, p, max(w) AS w FROM rb_look GROUP BY c, p)"
    " one GROUP BY p"
)

VIEWED = "INSERT INTO rb_viewed (p, n) SELECT p, sum(n) FROM rb_seen GROUP BY p"

CLOSE = (
    "INSERT INTO rb_close (a, b, w, n, next_w, next_n) WITH pair AS (SELECT a, b, sum(w) AS w, sum(n) AS n,"  # noqa: S608
    " sum(ab_w) AS ab_w, sum(ab_n) AS ab_n, sum(ba_w) AS ba_w, sum(ba_n) AS ba_n FROM rb_near GROUP BY a, b"
    f" HAVING sum(n) >= {SUPPORT}) SELECT a, b, w, n, ab_w, ab_n FROM pair"
    " UNION ALL SELECT b, a, w, n, ba_w, ba_n FROM pair"
)

VIEWED_NEXT = _ranked(
    "SELECT a, b, next_w AS w, next_n AS n FROM rb_close"  # noqa: S608 - as above
    f" WHERE a > ? AND a <= ? AND next_n >= {SUPPORT}",
    "rb_viewed",
)
VIEWED_TOGETHER = _ranked("SELECT a, b, w, n FROM rb_close WHERE a > ? AND a <= ?", "rb_viewed")
"""Parameters and rows as of `BOUGHT_TOGETHER`."""

BESTSELLERS = (
    "WITH sold AS (SELECT l.p, sum(r.sold) AS score FROM rb_order r JOIN rb_line l ON l.o = r.o"  # noqa: S608
    " GROUP BY l.p), listed AS (SELECT '' AS field, '' AS value, p, score FROM sold"
    " UNION ALL SELECT v.field, v.value, s.p, s.score FROM sold s JOIN rb_value v ON v.num = s.p)"
    " SELECT field, value, place, p.id, score FROM (SELECT field, value, p, score, row_number() OVER"
    " (PARTITION BY field, value ORDER BY score DESC, p) AS place FROM listed) ranked"
    f" JOIN rb_product p ON p.num = ranked.p WHERE place <= {LISTED} ORDER BY field, value, place"
)
"""(field, value, place, product, score)."""

NEW = (
    "WITH listed AS (SELECT '' AS field, '' AS value, r.num AS p, k.added_at AS score"  # noqa: S608 - as above
    " FROM rb_product r JOIN product k ON k.id = r.id UNION ALL"
    " SELECT v.field, v.value, r.num, k.added_at FROM rb_value v JOIN rb_product r ON r.num = v.num"
    " JOIN product k ON k.id = r.id)"
    " SELECT field, value, place, p.id, score FROM (SELECT field, value, p, score, row_number() OVER"
    " (PARTITION BY field, value ORDER BY score DESC, p) AS place FROM listed) ranked"
    f" JOIN rb_product p ON p.num = ranked.p WHERE place <= {LISTED} ORDER BY field, value, place"
)
"""As `BESTSELLERS`: the newest first; the score is the moment since which it is known."""

SLICE_END = (
    "SELECT bucket, id FROM customer WHERE (bucket, id) > (CAST(? AS INTEGER), CAST(? AS TEXT))"
    " ORDER BY bucket, id LIMIT 1 OFFSET ?"
)
"""The last customer of a slice. Parameters: bucket, customer, how many less one."""

CHEAPER = (
    "SELECT p.id, CAST(p.fields AS TEXT) FROM (SELECT product FROM product_price GROUP BY product"
    " HAVING max(at) > ?) c JOIN product p ON p.id = c.product ORDER BY p.id"
)
"""Products whose present price began after a moment."""

CATALOGUE = f"SELECT p.id, CAST(p.fields AS TEXT) FROM {IDS} CROSS JOIN product p WHERE p.id = j.value"  # noqa: S608


def _text(document: str, key: str, dialect: str) -> str:
    """A field of a document as text. `key` is a name of the project's own: letters, digits, _."""
    assert key.replace("_", "a").isalnum(), key
    path = f"$.{key}" if dialect == "sqlite" else key
    return f"CAST({document} ->> '{path}' AS TEXT)"


def _exploded(dialect: str) -> tuple[str, str]:
    """The products of an order as a table `i`, and the id in one of its rows."""
    if dialect == "sqlite":
        whens = " ".join(
            f"WHEN json_type(e.fields, '$.{name}') = 'array' THEN e.fields -> '$.{name}'"
            for name in (*LIST_NAMES, "product_id")
        )
        alone = "json_array(COALESCE(e.fields ->> '$.product_id', e.fields ->> '$.sku'))"
        names = ", ".join(f"i.value ->> '$.{name}'" for name in ID_NAMES)
        ident = f"CAST(CASE i.type WHEN 'object' THEN COALESCE({names}) ELSE i.value END AS TEXT)"
        return f"json_each(CASE {whens} ELSE {alone} END) i", ident
    whens = " ".join(
        f"WHEN jsonb_typeof(e.fields -> '{name}') = 'array' THEN e.fields -> '{name}'"
        for name in (*LIST_NAMES, "product_id")
    )
    alone = "jsonb_build_array(COALESCE(e.fields -> 'product_id', e.fields -> 'sku'))"
    names = ", ".join(f"i.value ->> '{name}'" for name in ID_NAMES)
    ident = f"CASE jsonb_typeof(i.value) WHEN 'object' THEN COALESCE({names}) ELSE i.value #>> '{{}}' END"
    return f"jsonb_array_elements(CASE {whens} ELSE {alone} END) AS i(value)", ident
