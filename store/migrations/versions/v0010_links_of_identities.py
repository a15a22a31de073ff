"""How identities came to be one person's"""

import sqlalchemy as sa
from alembic import op

import store.types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = store.types.UTCDateTime(timezone=True)
    op.create_table(
        "identity_links",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("undone_at", moment, nullable=True),
        sa.Column("undone_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["before"], ["persons.id"], name=op.f("fk_identity_links_before_persons")),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identities.id"], name=op.f("fk_identity_links_identity_id_identities")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_identity_links_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_links")),
    )
    op.create_index(op.f("ix_identity_links_identity_id"), "identity_links", ["identity_id"])
    op.create_index(op.f("ix_identity_links_person_id"), "identity_links", ["person_id"])
    op.create_table(
        "identity_invites",
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("identity_id", sa.String(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["identity_id"], ["identities.id"], name=op.f("fk_identity_invites_identity_id_identities")
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_identity_invites")),
    )
    op.create_index(op.f("ix_identity_invites_identity_id"), "identity_invites", ["identity_id"])


def downgrade() -> None:
    op.drop_table("identity_invites")
    op.drop_table("identity_links")
