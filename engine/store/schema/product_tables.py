"""The tables of the catalogue: products, their prices and stock, and who watches them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from engine.store.schema.types import DOCUMENT, INSTANT, NUMBER


class ProductRow(SQLModel, table=True):
    """The present state of the catalogue. `added_at`: since when a product is known."""

    __tablename__ = "product"

    id: str = Field(primary_key=True)
    fields: dict[str, Any] = Field(sa_type=DOCUMENT)
    changed_at: int = Field(sa_type=INSTANT)
    added_at: int = Field(sa_type=INSTANT)


class ProductPriceRow(SQLModel, table=True):
    """A price of a product, from `at` until the next one. `amount`: None, there was no price; `currency`: ""
    of a price that is a plain number."""

    __tablename__ = "product_price"
    __table_args__ = ({"sqlite_with_rowid": False},)

    product: str = Field(primary_key=True)
    at: int = Field(primary_key=True, sa_type=INSTANT, sa_column_kwargs={"autoincrement": False})
    amount: int | None = Field(sa_type=INSTANT)
    currency: str


class ProductStockRow(SQLModel, table=True):
    """How much was left of a product at the end of a day (of UTC, as its first moment) on which that
    changed; in millionths, as amounts are."""

    __tablename__ = "product_stock"
    __table_args__ = (Index("product_stock_day", "day"), {"sqlite_with_rowid": False})

    product: str = Field(primary_key=True)
    day: int = Field(primary_key=True, sa_type=INSTANT, sa_column_kwargs={"autoincrement": False})
    stock: int | None = Field(sa_type=INSTANT)
    in_stock: bool | None


class ProductChangeRow(SQLModel, table=True):
    """A change of the catalogue that not everybody was told of yet. Those up to `bucket` and `customer` were;
    telling the last deletes the row."""

    __tablename__ = "product_change"
    __table_args__ = (Index("product_change_product", "product"), {"sqlite_autoincrement": True})

    number: int | None = Field(default=None, primary_key=True, sa_type=NUMBER)
    product: str
    at: int = Field(sa_type=INSTANT)
    before: str
    after: str
    bucket: int
    customer: str


class WatchRow(SQLModel, table=True):
    """Who touched which product, and when last (0: never), and who bought it. `told`: number of the newest
    change of the product that the customer was told of, or that came before the touch.

    By product first, unlike the other tables that grow: a change of the catalogue asks for the customers of
    all buckets.
    """

    __tablename__ = "watch"
    __table_args__ = (Index("watch_customer", "bucket", "customer"), {"sqlite_with_rowid": False})

    product: str = Field(primary_key=True)
    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    viewed_at: int = Field(sa_type=INSTANT)
    cart_at: int = Field(sa_type=INSTANT)
    wishlist_at: int = Field(sa_type=INSTANT)
    bought_at: int = Field(sa_type=INSTANT)
    told: int = Field(sa_type=NUMBER)
