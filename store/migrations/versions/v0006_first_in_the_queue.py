"""Tickets that nobody could be given stand first of their priority"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_QUEUES = {"ix_tickets_queue": ["line", "open"], "ix_tickets_all": ["open"]}


def _reorder(*columns: str) -> None:
    for name, first in _QUEUES.items():
        op.drop_index(name, table_name="tickets")
        op.create_index(name, "tickets", [*first, *columns])


def upgrade() -> None:
    op.add_column("tickets", sa.Column("place", sa.Integer(), nullable=False, server_default="1"))
    _reorder("priority", "place", "due_sort", "number")


def downgrade() -> None:
    _reorder("priority", "due_sort", "number")
    with op.batch_alter_table("tickets") as batch:
        batch.drop_column("place")
