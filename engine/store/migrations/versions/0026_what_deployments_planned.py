"""What deployments planned, and what happened"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.store.schema.types import DOCUMENT

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: of former deployments nothing is known."""
    for name in ("plan", "happened"):
        op.add_column("deployment", sa.Column(name, DOCUMENT, nullable=False, server_default="{}"))


def downgrade() -> None:
    """To the version before."""
    for name in ("happened", "plan"):
        op.drop_column("deployment", name)
