"""Alembic's entry: one connection, handed over by `baotu.warehouse.migrate`, which holds the lock."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, version_table="schema_version", version_table_schema="ops", transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
