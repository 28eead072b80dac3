"""Alembic's entry: runs the revisions inside the transaction that `service.store.migrate` began."""

from __future__ import annotations

from alembic import context

from service.store.tables import metadata
from trainables.failpoints import failpoint

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    on_version_apply=lambda **_: failpoint("migration.after_step"),
)
with context.begin_transaction():
    context.run_migrations()
