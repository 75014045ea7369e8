"""What a language model makes of a text, and where paragraphs begin."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """No phrase that is there begins a paragraph."""
    op.execute("ALTER TABLE segments ADD COLUMN paragraph boolean NOT NULL DEFAULT false")
    op.execute(
        """
        CREATE TABLE cleanups (
            id uuid PRIMARY KEY,
            transcript_id uuid NOT NULL UNIQUE REFERENCES transcripts ON DELETE CASCADE,
            version integer NOT NULL,
            state text NOT NULL CHECK (state IN ('queued', 'working', 'done', 'failed')),
            problem text NOT NULL DEFAULT '',
            turn integer NOT NULL DEFAULT 0,
            parts integer NOT NULL DEFAULT 0,
            done integer NOT NULL DEFAULT 0,
            refused integer NOT NULL DEFAULT 0,
            changes jsonb NOT NULL DEFAULT '[]',
            outlines jsonb NOT NULL DEFAULT '[]',
            summary text NOT NULL DEFAULT '',
            made_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
