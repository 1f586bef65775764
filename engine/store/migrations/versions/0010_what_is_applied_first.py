"""What happens now is applied before imported history"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version: what waits already is applied in its order, as what happens now is."""
    op.add_column("inbox", sa.Column("lane", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index("inbox_order", "inbox", ["bucket", "lane", "number"])
    op.drop_index("inbox_customer", "inbox")
    op.create_index("inbox_customer", "inbox", ["bucket", "customer", "number"])


def downgrade() -> None:
    """To the version before, which applies everything in the order of receipt."""
    op.drop_index("inbox_customer", "inbox")
    op.create_index("inbox_customer", "inbox", ["bucket", "customer"])
    op.drop_index("inbox_order", "inbox")
    op.drop_column("inbox", "lane")
