"""A feed becomes the catalogue as a whole or not at all: what is missing, what comes back, what is refused,
and what happens when somebody dies in the middle."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.compiler.catalogue.catalogue import MONEY, NUMBER, TEXT, YES_NO, Catalogue
from engine.config import CatalogueConfig
from engine.config.file import read_config
from engine.runtime.feeds import applying
from engine.runtime.feeds.catalogue_feed import FeedTerms, TakenFeed, take, terms_of
from engine.runtime.feeds.reading import StoppedError
from engine.store.database import Store
from engine.store.feeds import feed_state, membership
from engine.store.products import catalogue as products
from engine.store.sql import rows
from engine.values import Instant
from tests.stores import new_store

CATALOGUE = Catalogue(
    product={"name": TEXT, "price": MONEY, "old_price": MONEY, "in_stock": YES_NO, "stock": NUMBER}
)
CONFIG = read_config("currency: EUR")[0]
NOW = Instant(1_795_867_200_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = new_store(tmp_path)
    yield opened
    opened.close()


def feed(*products_: str, columns: str = "product_id,price,in_stock") -> bytes:
    """A table; each product as `id price yes`."""
    return "\n".join([columns, *(one.replace(" ", ",") for one in products_)]).encode()


def taken(
    store: Store, content: bytes, now: Instant = NOW, *, full: bool = True, anyway: bool = False
) -> TakenFeed:
    terms = terms_of(CATALOGUE, CONFIG, is_full=full, anyway=anyway)
    return take(store, io.BytesIO(content), terms, now)


def found(store: Store, product: str) -> dict[str, str]:
    with store.read() as conn:
        fields = products.find(conn, [product]).get(product, {})
    return {name: str(value) for name, value in fields.items()}


def told(store: Store) -> list[str]:
    """The products whose change somebody has to be told of, in order."""
    with store.read() as conn:
        return [product for (product,) in rows(conn, "SELECT product FROM product_change ORDER BY number")]


def test_a_feed_becomes_the_catalogue_and_the_same_one_changes_nothing(store: Store) -> None:
    first = taken(store, feed("a 5 yes", "b 6 no"))
    assert (first.refused, first.applied.changed, first.applied.missing) == ("", 2, 0)
    assert found(store, "a") == {"price": "5 EUR", "in_stock": "True"}
    again = taken(store, feed("a 5 yes", "b 6 no"))
    assert again.applied.changed == 0
    assert told(store) == ["a", "b"]


def test_what_is_missing_in_a_full_feed_goes_out_of_stock_and_comes_back(store: Store) -> None:
    taken(store, feed("a 5 yes", "b 6 yes", "c 7 yes"))
    gone = taken(store, feed("a 5 yes", "b 6 yes"))
    assert (gone.applied.missing, gone.applied.changed) == (1, 0)
    assert found(store, "c") == {"price": "7 EUR", "in_stock": "False"}
    assert taken(store, feed("a 5 yes", "b 6 yes")).applied.missing == 0
    back = taken(store, feed("a 5 yes", "b 6 yes", "c 7 yes"))
    assert back.applied.changed == 1
    assert found(store, "c")["in_stock"] == "True"
    with store.read() as conn:
        assert membership.count(conn) == (3, 0)


def test_a_feed_that_says_nothing_of_stock_brings_a_product_back_by_naming_it(store: Store) -> None:
    columns = "product_id,price"
    taken(store, feed("a 5", "b 6", "c 7", columns=columns))
    taken(store, feed("a 5", "b 6", columns=columns))
    assert found(store, "c")["in_stock"] == "False"
    taken(store, feed("a 5", "b 6", "c 7", columns=columns))
    assert found(store, "c")["in_stock"] == "True"
    assert "in_stock" not in found(store, "a")


def test_stock_goes_to_nothing_where_the_feed_counts(store: Store) -> None:
    columns = "product_id,price,stock"
    taken(store, feed("a 5 10", "b 6 20", "c 7 30", columns=columns))
    taken(store, feed("a 5 10", "b 6 20", columns=columns))
    assert found(store, "c") == {"price": "7 EUR", "in_stock": "False", "stock": "0"}


def test_products_that_never_came_by_the_feed_are_left_alone(store: Store) -> None:
    store.write(lambda conn: products.write(conn, {"own": {"name": "By HTTP", "in_stock": True}}, NOW))
    taken(store, feed("a 5 yes"))
    taken(store, feed("a 6 yes"))
    assert found(store, "own") == {"name": "By HTTP", "in_stock": "True"}


def test_a_field_that_the_feed_gives_no_more_goes_and_one_that_it_never_gave_stays(store: Store) -> None:
    taken(store, feed("a 5 yes 9", "b 5 yes 9", columns="product_id,price,in_stock,old_price"))
    store.write(lambda conn: products.write(conn, {"a": {"name": "By HTTP"}}, NOW))
    taken(store, feed("a 9 yes", "b 9 yes"))
    assert found(store, "a") == {"price": "9 EUR", "in_stock": "True", "name": "By HTTP"}


@pytest.mark.parametrize("content", [b"product_id,price\n", b"product_id,price\n\n,\n"])
def test_an_empty_feed_is_not_taken(store: Store, content: bytes) -> None:
    taken(store, feed("a 5 yes"))
    assert "empty" in taken(store, content).refused
    assert "empty" in taken(store, content, anyway=True).refused
    assert found(store, "a")["in_stock"] == "True"


def test_a_feed_without_a_right_product_is_not_taken(store: Store) -> None:
    wrong = taken(store, feed("a five yes", "b six yes"))
    assert "none of its 2 products is right; the first: line 2, product a: price" in wrong.refused


def test_a_halved_feed_is_not_taken_unless_a_person_means_it(store: Store) -> None:
    everything = [f"p{n} 5 yes" for n in range(10)]
    taken(store, feed(*everything))
    for kept in (0, 1, 5):
        assert taken(store, feed(*everything[:kept])).refused
    assert all(found(store, f"p{n}")["in_stock"] == "True" for n in range(10))
    assert taken(store, feed(*everything[:6])).refused == ""
    meant = taken(store, feed(*everything[:2]), anyway=True)
    assert (meant.refused, meant.applied.missing) == ("", 4)
    assert taken(store, feed(*everything[:2])).refused == ""  # that is how large it is from now on


def test_a_wrong_item_is_in_the_feed_all_the_same(store: Store) -> None:
    taken(store, feed("a 5 yes", "b 6 yes"))
    one = taken(store, feed("a 4 yes", "b oops yes"))
    assert (one.reading.faulty, one.applied.changed, one.applied.missing) == (1, 1, 0)
    assert found(store, "b") == {"price": "6 EUR", "in_stock": "True"}


def test_a_part_of_a_catalogue_takes_nothing_away(store: Store) -> None:
    taken(store, feed(*(f"p{n} 5 yes" for n in range(10))))
    part = taken(store, feed("p1 4 yes"), full=False)
    assert (part.refused, part.applied.changed, part.applied.missing, part.applied.left) == ("", 1, 0, 9)
    assert found(store, "p2")["in_stock"] == "True"


def test_products_may_be_kept_that_are_not_in_the_feed_any_more(store: Store) -> None:
    keeping = terms_of(CATALOGUE, CONFIG)
    keeping = FeedTerms(keeping.fields, takes_out=False)
    taken(store, feed("a 5 yes", "b 6 yes", "c 7 yes"))
    kept = take(store, io.BytesIO(feed("a 5 yes", "b 6 yes")), keeping, NOW)
    assert (kept.applied.missing, kept.applied.left) == (0, 1)
    assert found(store, "c")["in_stock"] == "True"
    assert CatalogueConfig().missing == "out of stock"


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_who_dies_in_the_middle_loses_nothing_and_tells_nobody_twice(
    store: Store, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "SLICE", 3)
    before = [f"p{n} 9 yes" for n in range(10)]
    taken(store, feed(*before))
    store.write(lambda conn: conn.exec_driver_sql("DELETE FROM product_change"))
    now = feed(*(f"p{n} 5 yes" for n in range(9)))
    asked = 0

    def is_stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked >= after

    terms = terms_of(CATALOGUE, CONFIG)
    if after < 5:
        with pytest.raises(StoppedError):
            take(store, io.BytesIO(now), terms, NOW, is_stopped=is_stopped)
        with store.read() as conn:
            assert feed_state.load(conn).missing == 0
    taken(store, now)
    taken(store, now)
    assert sorted(told(store)) == [f"p{n}" for n in range(10)]
    assert found(store, "p9")["in_stock"] == "False"
