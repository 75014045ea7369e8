"""Runs the migrations on the connection that app/archive/migrate.py holds."""

from alembic import context

from app.archive.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
