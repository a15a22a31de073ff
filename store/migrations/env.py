"""Alembic's entry: runs on the connection that ``store.schema`` hands over."""

from alembic import context

from store.migrations.env_options import include_object
from store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    include_object=include_object,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
