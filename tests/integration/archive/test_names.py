"""Names are found although they are written a little wrong, after what is written so. (TRN-5)"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from app.archive import database, migrate
from app.settings import Settings
from tests.integration.archive.conftest import Archive, Owner

SAID = (
    "Then Philippa Zwetschkenbaum, the mayor, spoke about the harbour.",
    "Mr Zwetschgenbaum did not answer.",
    "Élodie Krüger-Lüdenscheidt asked “Ambrosius” about the harbour.",
    "The zwetschkenbaum stands in the garden.",
    "ÄRGERLICH, said Иванова.",
)


@pytest.fixture(scope="module")
def known(archive: Archive) -> str:
    """A transcript in which that is said."""
    archive.wait_healthy()
    segments = [{"start": at, "end": at + 1.0, "text": text} for at, text in enumerate(SAID)]
    wish = {"title": "Names", "language": "en", "segments": segments}
    answer = archive.one.http.post("/transcripts/text", json=wish)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def found(owner: Owner, words: str) -> list[tuple[str, bool, Sequence[str]]]:
    """What a search finds: the text, whether it is only similar, and what is marked."""
    phrases = owner.http.get("/search", params={"words": words}).raise_for_status().json()["phrases"]
    return [("".join(each["parts"]), each["similar"], each["parts"][1::2]) for each in phrases]


def test_what_is_written_so_comes_first_and_then_what_is_like_it(archive: Archive, known: str) -> None:
    del known
    assert found(archive.one, "Zwetschgenbaum") == [
        (SAID[1], False, ["Zwetschgenbaum"]),
        (SAID[0], True, ["Zwetschkenbaum"]),
    ]


@pytest.mark.parametrize(
    ("words", "marked"),
    [
        ("Filippa", []),  # Two letters are too much.
        ("philipa", ["Philippa"]),
        ("Phillipa", ["Philippa"]),
        ("zwetschkenbuam", ["Zwetschkenbaum"]),
        ("elodie", ["Élodie"]),
        ("krueger", ["Krüger-Lüdenscheidt"]),
        ("Ambrosios", ["Ambrosius"]),
        ("иваноа", ["Иванова"]),
        ("who is Elodi of the harbor", []),  # Every word counts: nobody said harbor.
        ("who is Elodi at the harbour", ["Élodie", "harbour"]),
    ],
)
def test_a_letter_that_is_wrong_missing_or_too_many_is_no_matter(
    archive: Archive, known: str, words: str, marked: list[str]
) -> None:
    del known
    similar = [each for _, only_similar, each in found(archive.one, words) if only_similar]
    assert similar[:1] == ([marked] if marked else [])


@pytest.mark.parametrize("words", ['"Philipa"', "Philipa -garden", "Philipa or Elodi", "gardem", "harbuor"])
def test_who_says_exactly_what_is_meant_gets_that_and_other_words_stay_exact(
    archive: Archive, known: str, words: str
) -> None:
    del known
    assert found(archive.one, words) == []


def test_capitals_of_all_scripts_are_no_matter(archive: Archive, known: str) -> None:
    del known
    for words, marked in (("ärgerlich", "ÄRGERLICH"), ("иванова", "Иванова")):
        assert found(archive.one, words) == [(SAID[4], False, [marked])]


def test_nobody_finds_what_is_not_theirs_or_is_deleted(archive: Archive, known: str) -> None:
    assert found(archive.one, "Ambrosios")
    assert found(archive.two, "Ambrosios") == []
    archive.one.http.delete(f"/transcripts/{known}").raise_for_status()
    try:
        assert found(archive.one, "Ambrosios") == []
    finally:
        archive.one.http.post(f"/transcripts/{known}/restore").raise_for_status()


def test_an_edited_name_is_found_as_it_is_now(archive: Archive, known: str) -> None:
    one, whole = archive.one, archive.one.get(known)
    edit = {
        "segment": whole["segments"][1]["id"],
        "what": "text",
        "text": "Mr Hollunderbusch did not answer.",
    }
    edited = one.post(known, "edits", version=whole["version"], **edit).raise_for_status().json()
    assert [text for text, *_ in found(one, "Holunderbush")] == [edit["text"]]
    one.post(known, "undo", version=edited["version"]).raise_for_status()
    assert found(one, "Holunderbush") == []


def test_names_that_were_there_before_are_found_too(new_database: Settings) -> None:
    asyncio.run(migrate.ready(new_database))
    address = database.plain_address(new_database)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP TABLE voices")
        connection.execute("ALTER TABLE segments DROP COLUMN names")
        connection.execute("DROP FUNCTION near_names")
        connection.execute("UPDATE alembic_version SET version_num = '0005'")
        connection.execute(
            "INSERT INTO transcripts (id, owner, name, title, size, state)"
            " VALUES (gen_random_uuid(), 'o', '', '', 0, 'done')"
        )
        connection.execute(
            'INSERT INTO segments (transcript_id, start, "end", words, text, dictionary)'
            " SELECT id, 0, 1, '[]', 'Dear Ambrosius', 'simple' FROM transcripts"
        )
    asyncio.run(migrate.ready(new_database))
    with psycopg.connect(address) as connection:
        query = "SELECT text FROM segments WHERE names && near_names('Ambrosios')"
        assert connection.execute(query).fetchall() == [("Dear Ambrosius",)]
