"""Work that was done on tickets"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "work_log",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", store.types.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_work_log_agent_id_agents")),
        sa.ForeignKeyConstraint(["number"], ["tickets.number"], name=op.f("fk_work_log_number_tickets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_log")),
    )
    op.create_index("ix_work_log_number", "work_log", ["number", "at"])


def downgrade() -> None:
    op.drop_index("ix_work_log_number", table_name="work_log")
    op.drop_table("work_log")
