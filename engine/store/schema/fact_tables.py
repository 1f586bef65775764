"""The table of facts: by which definition the values in the rows of customers were computed."""

from __future__ import annotations

from sqlalchemy import Boolean
from sqlmodel import Field, SQLModel

from engine.store.schema.types import INSTANT


class FactDefinitionRow(SQLModel, table=True):
    """A computed fact that is kept, and how far a changed definition of it has come
    (`engine.store.facts.definitions.FactDefinition` says what each column means)."""

    __tablename__ = "fact_definition"

    name: str = Field(primary_key=True)
    state: str
    fingerprint: str
    deployment: int
    since: int = Field(sa_type=INSTANT)
    counted_from: int | None = Field(default=None, sa_type=INSTANT)
    short: int
    attempt: int
    coming: str
    asked: bool = Field(sa_type=Boolean)
    from_kept: bool = Field(sa_type=Boolean)
    begun_at: int = Field(sa_type=INSTANT)
    at_bucket: int
    at_customer: str
    done: int
    people: int
    found_from: int | None = Field(default=None, sa_type=INSTANT)
    found_short: int
    again: bool = Field(sa_type=Boolean)
