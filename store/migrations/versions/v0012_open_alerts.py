"""Open tickets of monitoring systems, found at once"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_tickets_alerts",
        "tickets",
        ["channel", "number"],
        sqlite_where=sa.text("channel = 'alert' AND open = 1"),
        postgresql_where=sa.text("channel = 'alert' AND open"),
    )


def downgrade() -> None:
    op.drop_index("ix_tickets_alerts", table_name="tickets")
