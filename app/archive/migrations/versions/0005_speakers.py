"""Speakers are told apart where that is wished."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Of no upload that is here it is."""
    op.execute("ALTER TABLE transcripts ADD COLUMN apart boolean NOT NULL DEFAULT false")
