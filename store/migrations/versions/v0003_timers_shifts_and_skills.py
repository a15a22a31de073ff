"""Timers, shifts and skills"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = store.types.UTCDateTime(timezone=True)


def _moments(name: str) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("clock_id", sa.String(), nullable=True),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(f"ix_{name}_at", name, ["at"])


def upgrade() -> None:
    _moments("timers")
    op.create_index("ix_timers_number", "timers", ["number"])
    _moments("firings")
    op.create_index("ix_firings_clock_id", "firings", ["clock_id"])
    with op.batch_alter_table("clocks") as batch:
        batch.add_column(sa.Column("warn", store.types.Json(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("fired", store.types.Json(), nullable=False, server_default="[]"))
    with op.batch_alter_table("tickets") as batch:
        batch.add_column(sa.Column("checks", store.types.Json(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("parent", _BIG, nullable=True))
        batch.add_column(sa.Column("status_at", _INSTANT, nullable=True))
        batch.create_index(batch.f("ix_tickets_parent"), ["parent"])
    with op.batch_alter_table("agents") as batch:
        batch.add_column(sa.Column("presence", sa.String(), nullable=False, server_default="on"))
        batch.add_column(sa.Column("away_until", _INSTANT, nullable=True))
        batch.add_column(sa.Column("calendar", sa.String(), nullable=True))
        batch.add_column(sa.Column("capacity", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("assigned_at", _INSTANT, nullable=True))
    op.create_table(
        "agent_groups",
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_groups_agent_id_agents")),
        sa.PrimaryKeyConstraint("agent_id", "line", "group", name=op.f("pk_agent_groups")),
    )
    op.create_table(
        "agent_skills",
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("skill", sa.String(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_skills_agent_id_agents")),
        sa.PrimaryKeyConstraint("agent_id", "skill", name=op.f("pk_agent_skills")),
    )
    with op.batch_alter_table("organizations") as batch:
        batch.add_column(sa.Column("engineer_id", sa.String(), nullable=True))
    op.create_table(
        "organization_groups",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("group", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_organization_groups_organization_id_organizations"),
        ),
        sa.PrimaryKeyConstraint("organization_id", "group", name=op.f("pk_organization_groups")),
    )
    with op.batch_alter_table("persons") as batch:
        batch.add_column(sa.Column("contact", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("persons") as batch:
        batch.drop_column("contact")
    op.drop_table("organization_groups")
    with op.batch_alter_table("organizations") as batch:
        batch.drop_column("engineer_id")
    op.drop_table("agent_skills")
    op.drop_table("agent_groups")
    with op.batch_alter_table("agents") as batch:
        for column in ("assigned_at", "capacity", "calendar", "away_until", "presence"):
            batch.drop_column(column)
    with op.batch_alter_table("tickets") as batch:
        batch.drop_index(batch.f("ix_tickets_parent"))
        batch.drop_column("status_at")
        batch.drop_column("parent")
        batch.drop_column("checks")
    with op.batch_alter_table("clocks") as batch:
        for column in ("fired", "warn"):
            batch.drop_column(column)
    op.drop_index("ix_firings_clock_id", table_name="firings")
    op.drop_table("firings")
    op.drop_index("ix_timers_number", table_name="timers")
    op.drop_table("timers")
