"""Transcripts, their pieces, segments and edits; the tables of the job queue (procrastinate)."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE transcripts (
    id uuid PRIMARY KEY,
    owner text NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    size bigint NOT NULL,
    received bigint NOT NULL DEFAULT 0,
    checksum text NOT NULL DEFAULT '',
    wanted_language text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT '',
    vocabulary text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('arriving', 'queued', 'working', 'done', 'failed', 'cancelled')),
    problem text NOT NULL DEFAULT '',
    seconds double precision,
    tags text[] NOT NULL DEFAULT '{}',
    speakers jsonb NOT NULL DEFAULT '{}',
    version integer NOT NULL DEFAULT 0,
    made_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    deleted_at timestamptz
);
CREATE INDEX transcripts_of_owner ON transcripts (owner, made_at);
CREATE INDEX transcripts_changed ON transcripts (changed_at);

CREATE TABLE pieces (
    id bigserial PRIMARY KEY,
    transcript_id uuid NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    number integer NOT NULL,
    start double precision NOT NULL,
    "end" double precision NOT NULL,
    heard double precision NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    done boolean NOT NULL DEFAULT false,
    CONSTRAINT pieces_once UNIQUE (transcript_id, number)
);

CREATE TABLE segments (
    id bigserial PRIMARY KEY,
    transcript_id uuid NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    start double precision NOT NULL,
    "end" double precision NOT NULL,
    speaker text NOT NULL DEFAULT '',
    words jsonb NOT NULL,
    text text NOT NULL,
    dictionary regconfig NOT NULL,
    search tsvector GENERATED ALWAYS AS (to_tsvector(dictionary, text)) STORED
);
CREATE INDEX segments_in_order ON segments (transcript_id, start, id);
CREATE INDEX segments_search ON segments USING gin (search);

CREATE TABLE edits (
    transcript_id uuid NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    number integer NOT NULL,
    what text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    undone boolean NOT NULL DEFAULT false,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transcript_id, number)
);
"""


def upgrade() -> None:
    """Makes all of it."""
    # Whole scripts, in which a colon or a per cent sign is no parameter.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(TABLES)
    connection.execute(SchemaManager.get_schema())
