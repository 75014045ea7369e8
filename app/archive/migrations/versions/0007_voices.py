"""Voices that are known in later recordings, where that is switched on."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """None is known yet."""
    op.execute(
        """
        CREATE TABLE voices (
            id uuid PRIMARY KEY,
            owner text NOT NULL,
            name text NOT NULL,
            print real[] NOT NULL,
            transcript_id uuid NOT NULL,
            speaker text NOT NULL,
            made_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT voices_once UNIQUE (owner, name)
        )
        """
    )
