"""What closed an address stands beside the words that were said of it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: until now the reason was the beginning of the text."""
    op.add_column("suppression", sa.Column("reason", sa.String(), nullable=False, server_default=""))
    for reason in ("unsubscribed", "bounced", "complained"):
        begins = sa.text("UPDATE suppression SET reason = :reason WHERE substr(why, 1, :length) = :reason")
        op.execute(begins.bindparams(reason=reason, length=len(reason)))


def downgrade() -> None:
    """To the version before."""
    with op.batch_alter_table("suppression", recreate="never") as batch:
        batch.drop_column("reason")
