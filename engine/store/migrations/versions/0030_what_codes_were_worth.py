"""What a code was worth when it was given"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version. Of codes that were given before nobody noted it: they are worth what their pool
    says."""
    op.add_column("code", sa.Column("text", sa.String(), nullable=True))


def downgrade() -> None:
    """To the version before, which told of every code what its pool says."""
    op.drop_column("code", "text")
