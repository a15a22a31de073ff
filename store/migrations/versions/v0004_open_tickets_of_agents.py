"""Open tickets of agents, found at once"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_tickets_assignee", "tickets", ["assignee_id", "open", "line"])
    op.drop_index("ix_tickets_assignee_id", table_name="tickets")


def downgrade() -> None:
    op.create_index("ix_tickets_assignee_id", "tickets", ["assignee_id"])
    op.drop_index("ix_tickets_assignee", table_name="tickets")
