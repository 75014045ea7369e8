"""A file may be the sound of a text that is there already."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """No file that is here is."""
    op.execute("ALTER TABLE transcripts ADD COLUMN text_of uuid")
