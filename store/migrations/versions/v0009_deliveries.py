"""What is sent, and why nothing reaches an address"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = {
    "ix_deliveries_state": ["state", "next_at"],
    "ix_deliveries_number": ["number"],
    "ix_deliveries_identity_id": ["identity_id", "created_at"],
    "ix_deliveries_native_id": ["native_id"],
    "ix_deliveries_message_id": ["message_id"],
}


def upgrade() -> None:
    moment = store.types.UTCDateTime(timezone=True)
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=True),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("identity_id", sa.String(), nullable=True),
        sa.Column("agent_id", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("letter", sa.String(), nullable=True),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", moment, nullable=False),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_deliveries_agent_id_agents")),
        sa.ForeignKeyConstraint(["identity_id"], ["identities.id"], name=op.f("fk_deliveries_identity_id_identities")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_deliveries_message_id_messages")),
        sa.ForeignKeyConstraint(["number"], ["tickets.number"], name=op.f("fk_deliveries_number_tickets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, "deliveries", columns)
    op.add_column("identities", sa.Column("unreachable", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("identities") as batch:
        batch.drop_column("unreachable")
    for name in _INDEXES:
        op.drop_index(name, table_name="deliveries")
    op.drop_table("deliveries")
