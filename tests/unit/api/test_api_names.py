"""What senders say of their files, however hostile. (TRN-1)"""

from __future__ import annotations

import base64
import contextlib

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.messages import Changes, EditWish
from app.api.routes import download
from app.api.uploads import LONGEST_NAME, UNPRINTABLE, metadata_of, plain, wishes_of


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("talk.mp3", "talk.mp3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\talk.mp3", "talk.mp3"),
        ("folder/", "upload"),
        ("", "upload"),
        ("\x00", "upload"),
        ("a\x00b\r\n.mp3", "ab.mp3"),
        ("ann\u202e3pm.exe", "ann3pm.exe"),
        ("\u200fשלום\u200f.mp3", "שלום.mp3"),
        ("x" * 300 + ".mp3", "x" * 251 + ".mp3"),
    ],
)
def test_a_name_is_kept_without_folders_and_what_is_not_seen(sent: str, name: str) -> None:
    assert wishes_of({"filename": sent}).name == name


@given(st.text())
def test_no_name_leads_out_of_a_folder_or_hides_anything(sent: str) -> None:
    name = wishes_of({"filename": sent}).name
    assert 0 < len(name) <= LONGEST_NAME
    assert not set("/\\") & set(name)
    assert not UNPRINTABLE.search(name)
    assert plain(name) == name or name == "upload"


def test_a_title_may_have_a_slash_in_it() -> None:
    assert wishes_of({"title": "Interview 3/4 \x00"}).title == "Interview 3/4"
    assert len(wishes_of({"title": "x" * 400}).title) == 300


def test_languages_are_two_or_three_letters() -> None:
    assert wishes_of({"language": "DE-ch"}).language == "de"
    assert wishes_of({}).language == ""
    for wrong in ("english", "e", "e1", "é", "en\n"):
        with pytest.raises(HTTPException, match="two or three letters"):
            wishes_of({"language": wrong})


@given(st.dictionaries(st.text("abcdefgh", min_size=1), st.text(st.characters(exclude_categories=["Cs"]))))
def test_metadata_comes_back_as_it_was_sent(sent: dict[str, str]) -> None:
    header = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in sent.items())
    assert metadata_of(header) == sent


@pytest.mark.parametrize(
    "header", ["filename é", "filename !!!", "filename /w==", "filename \xff\xfe", "a b c"]
)
def test_metadata_that_is_no_text_is_refused_by_name(header: str) -> None:
    with pytest.raises(HTTPException) as refused:
        metadata_of(header)
    assert refused.value.status_code == 400
    assert header[0] in str(refused.value.detail)


@given(st.text(st.characters(codec="latin-1")))
def test_no_header_of_metadata_is_a_server_error(header: str) -> None:
    with contextlib.suppress(HTTPException):
        metadata_of(header)


@pytest.mark.parametrize("bad", ["a\x00b", "a\x02b", "\x7f", "\ud800"])
def test_control_characters_are_refused_where_people_write(bad: str) -> None:
    wrong: list[dict[str, object]] = [
        {"title": bad},
        {"tags": [bad]},
        {"speakers": {bad: "x"}},
        {"speakers": {"x": bad}},
    ]
    for each in wrong:
        with pytest.raises(ValidationError):
            Changes.model_validate(each)
    with pytest.raises(ValidationError):
        EditWish.model_validate({"version": 0, "segment": 1, "what": "text", "text": bad})
    EditWish.model_validate({"version": 0, "segment": 1, "what": "text", "text": "two\nlines\tand"})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_an_export_is_saved_under_a_name_that_every_system_takes(title: str) -> None:
    value = download(title, "txt")["content-disposition"]
    assert value.isascii()
    assert value.startswith("attachment; filename*=UTF-8''")
    assert not set('/\\:"<>|\r\n\x00') & set(value.partition("UTF-8''")[2])
