"""What is told to WEBHOOK_URL."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """What is finished already is not told."""
    op.execute("ALTER TABLE transcripts ADD COLUMN announced boolean NOT NULL DEFAULT false")
    op.execute("UPDATE transcripts SET announced = true WHERE state IN ('done', 'failed')")
    op.execute(
        """
        CREATE TABLE deliveries (
            id uuid PRIMARY KEY,
            transcript_id uuid NOT NULL REFERENCES transcripts ON DELETE CASCADE,
            body text NOT NULL,
            attempts integer NOT NULL DEFAULT 0,
            ended boolean NOT NULL DEFAULT false,
            problem text NOT NULL DEFAULT '',
            made_at timestamptz NOT NULL DEFAULT now(),
            next_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX deliveries_due ON deliveries (next_at) WHERE NOT ended")
