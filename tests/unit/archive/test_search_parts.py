"""What the archive decides without its database. (TRN-2)"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.archive import database, jobs, languages, search
from app.settings import load

TEXT = st.text(st.characters(exclude_characters=search.FROM + search.TO, exclude_categories=["Cs"]))


@given(st.lists(TEXT, min_size=1).filter(lambda each: len(each) % 2 == 1))
def test_every_second_part_of_a_marked_text_is_what_was_looked_for(parts: list[str]) -> None:
    marked = "".join(f"{search.FROM}{part}{search.TO}" if at % 2 else part for at, part in enumerate(parts))
    assert search.parts(marked) == tuple(parts)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_shorter_a_file_the_sooner_its_pieces(one: float, other: float) -> None:
    short, long = sorted((one, other))
    assert jobs.LONG >= jobs.priority(short) >= jobs.priority(long) >= 0
    assert jobs.priority(59.9) == jobs.LONG
    assert jobs.priority(3600.0) == 0


def test_languages_have_their_dictionary_and_others_the_plain_one() -> None:
    assert languages.dictionary("de") == "german"
    assert languages.dictionary("ja") == languages.dictionary("") == "simple"


def test_a_refusal_names_the_setting_and_what_may_pass_is_waited_for() -> None:
    settings = load({"DB_USER": "someone"})
    assert "DB_PASSWORD" in database.refusal('FATAL:  password authentication failed for user "x"', settings)
    assert "DB_USER" in database.refusal('FATAL:  role "someone" does not exist', settings)
    for passing in ("connection refused", "the database system is starting up", "timeout expired"):
        assert database.refusal(passing, settings) == ""


def test_a_password_of_any_characters_reaches_the_database_whole() -> None:
    settings = load({"DB_PASSWORD": "p@ss/w:rd?#%", "DB_HOST": "db.example", "DB_PORT": "6000"})
    from psycopg.conninfo import conninfo_to_dict

    told = conninfo_to_dict(database.plain_address(settings))
    assert (told["password"], told["host"], told["port"]) == ("p@ss/w:rd?#%", "db.example", "6000")
    assert "p@ss" not in str(database.address(settings))
