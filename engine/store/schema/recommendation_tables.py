"""The tables of recommendations: what the nightly build found, and what was shown to whom."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from engine.store.schema.types import INSTANT, NUMBER


class RecommendedPairRow(SQLModel, table=True):
    """A product that goes with another one, as the build of that number found it. `source`: how (in the words
    of config.yaml); `support`: so many orders or customers say so."""

    __tablename__ = "recommended_pair"
    __table_args__ = ({"sqlite_with_rowid": False},)

    build: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    source: str = Field(primary_key=True)
    product: str = Field(primary_key=True)
    other: str = Field(primary_key=True)
    score: int = Field(sa_type=NUMBER)
    support: int = Field(sa_type=NUMBER)


class RecommendedListRow(SQLModel, table=True):
    """A place in a list: the bestsellers, what is new, what is cheaper now; of the whole shop (`field` and
    `value` are "") or of the products whose field has a value."""

    __tablename__ = "recommended_list"
    __table_args__ = ({"sqlite_with_rowid": False},)

    build: int = Field(primary_key=True, sa_type=NUMBER, sa_column_kwargs={"autoincrement": False})
    source: str = Field(primary_key=True)
    field: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    place: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    product: str
    score: int = Field(sa_type=NUMBER)


class ShownProductRow(SQLModel, table=True):
    """A recommended product in a message, at its place in the list of that name, with where it is from."""

    __tablename__ = "shown_product"
    __table_args__ = ({"sqlite_with_rowid": False},)

    bucket: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    customer: str = Field(primary_key=True)
    send_key: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    place: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    product: str
    source: str
    at: int = Field(sa_type=INSTANT)
