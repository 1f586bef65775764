"""The table of what came by the catalogue feed."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from engine.store.schema.types import INSTANT


class FeedProductRow(SQLModel, table=True):
    """A product that came by the feed. `missing_since`: it is not in the feed any more and was taken out of
    stock; 0: it is in the feed."""

    __tablename__ = "feed_product"
    __table_args__ = ({"sqlite_with_rowid": False},)

    product: str = Field(primary_key=True)
    missing_since: int = Field(sa_type=INSTANT)
