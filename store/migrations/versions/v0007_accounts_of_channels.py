"""How far each account of a channel was read, and how it fares"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bookmarks",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("value", store.types.Json(), nullable=False),
        sa.Column("at", store.types.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("adapter", "account", "place", name=op.f("pk_bookmarks")),
    )
    op.create_table(
        "channel_accounts",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("since", store.types.UTCDateTime(timezone=True), nullable=False),
        sa.Column("told_at", store.types.UTCDateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("last_message_at", store.types.UTCDateTime(timezone=True), nullable=True),
        sa.Column("oldest_at", store.types.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("adapter", "account", name=op.f("pk_channel_accounts")),
    )


def downgrade() -> None:
    op.drop_table("channel_accounts")
    op.drop_table("bookmarks")
