"""Alembic's entrance: runs migrations on the connection that migrate() hands over."""

from alembic import context

from komadori.queue.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
