"""Names in what is said, in the spellings that are near to each, so that a search finds them misspelt."""

from alembic import op

revision = "0006"
down_revision = "0005"

NEAR_NAMES = r"""
CREATE FUNCTION near_names(said text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT spelling), '{}')
    FROM (
        SELECT regexp_replace(lower(found[1]), '(.)\1+', '\1', 'g') AS name
        FROM regexp_matches(
            regexp_replace(normalize(said, NFD), '[\u0300-\u036f]', '', 'g'),
            '(?<![^[:space:][:punct:]“”„«»‘’…–—¿¡])([[:upper:]][^[:space:][:punct:][:digit:]“”„«»‘’…–—]{3,})',
            'g'
        ) AS found
    ) AS names
    CROSS JOIN LATERAL generate_series(0, CASE WHEN length(name) > 4 THEN length(name) ELSE 0 END) AS place
    CROSS JOIN LATERAL (
        SELECT left(name, greatest(place - 1, 0)) || substr(name, place + 1) AS spelling
    ) AS each
$$
"""
"""Of each word with a capital and four letters or more: itself, and what it is without any one letter. Names
that have one of these in common differ by one letter that is missing, too many, another or in another place;
accents, capitals and doubled letters make no difference. It needs no extension, and the locale C does."""


def upgrade() -> None:
    """Names of what is there already are taken along."""
    # As it stands: a colon or a per cent sign is no parameter.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(NEAR_NAMES)
    op.execute("ALTER TABLE segments ADD COLUMN names text[] GENERATED ALWAYS AS (near_names(text)) STORED")
    op.execute("CREATE INDEX segments_names ON segments USING gin (names)")
