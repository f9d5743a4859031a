"""Alembic's entry point. `storage.schema` hands it the connection; there is no alembic.ini."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
