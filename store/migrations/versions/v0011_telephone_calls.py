"""Telephone calls, whose events belong together"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = store.types.UTCDateTime(timezone=True)
    op.create_table(
        "calls",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("number", _BIG, nullable=True),
        sa.Column("wait_until", moment, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.ForeignKeyConstraint(["number"], ["tickets.number"], name=op.f("fk_calls_number_tickets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_wait_until", "calls", ["wait_until"])
    for name, key, more in (
        ("call_keys", "key", ()),
        ("call_events", "envelope_id", ("at", "payload")),
    ):
        columns = {"at": moment, "payload": store.types.Json()}
        op.create_table(
            name,
            sa.Column(key, sa.String(), nullable=False),
            sa.Column("call_id", sa.String(), nullable=False),
            *(sa.Column(column, columns[column], nullable=False) for column in more),
            sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f(f"fk_{name}_call_id_calls")),
            sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{name}")),
        )
        op.create_index(f"ix_{name}_call_id", name, ["call_id"])


def downgrade() -> None:
    for name in ("call_events", "call_keys"):
        op.drop_index(f"ix_{name}_call_id", table_name=name)
        op.drop_table(name)
    op.drop_index("ix_calls_wait_until", table_name="calls")
    op.drop_table("calls")
