"""Audiences: those that an agent serves, and those that a ticket's requester met"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_audiences",
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_audiences_agent_id_agents")),
        sa.PrimaryKeyConstraint("agent_id", "audience", name=op.f("pk_agent_audiences")),
    )
    op.add_column("tickets", sa.Column("audiences", store.types.Json(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("tickets") as batch:
        batch.drop_column("audiences")
    op.drop_table("agent_audiences")
