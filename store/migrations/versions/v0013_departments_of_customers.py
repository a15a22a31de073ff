"""The department of a customer that takes what is forwarded to it"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("organizations", sa.Column("department", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("organizations") as batch:
        batch.drop_column("department")
