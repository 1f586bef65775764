"""Runs the scripts of `versions/` on the connection that `upgrade` hands over."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from engine.store.schema import tables

assert tables.MetaRow.metadata is SQLModel.metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
context.run_migrations()
