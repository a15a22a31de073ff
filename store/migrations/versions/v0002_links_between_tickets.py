"""Links between tickets"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ticket_links",
        sa.Column("number", _BIG, nullable=False),
        sa.Column("other", _BIG, nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", store.types.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["tickets.number"], name=op.f("fk_ticket_links_number_tickets")),
        sa.ForeignKeyConstraint(["other"], ["tickets.number"], name=op.f("fk_ticket_links_other_tickets")),
        sa.PrimaryKeyConstraint("number", "other", "relation", name=op.f("pk_ticket_links")),
    )
    op.create_index("ix_ticket_links_other", "ticket_links", ["other"])


def downgrade() -> None:
    op.drop_index("ix_ticket_links_other", table_name="ticket_links")
    op.drop_table("ticket_links")
