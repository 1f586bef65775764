"""The column types that all tables share, on both databases."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Integer
from sqlalchemy.dialects.postgresql import JSONB

INSTANT = BigInteger()
"""Whole milliseconds since 1970, UTC: plain integers compare alike in Python and in both databases."""

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""A number given by the database, growing in the order of receipt."""

DOCUMENT = JSON().with_variant(JSONB(), "postgresql")
"""A small JSON object that `engine.store.serialization` writes and reads."""
