"""Transcripts as files: paragraphs, subtitles, everything, Word. (TRN-1)"""

from __future__ import annotations

import io
import json
import re
from uuid import UUID

import docx
from hypothesis import given
from hypothesis import strategies as st

from app.archive.editing import Line
from app.archive.exports import export
from app.archive.rows import row
from app.archive.tables import Cleanup, Segment, Transcript
from app.speech.types import Word

ID = UUID(int=1)
TIMES = re.compile(r"\d\d:\d\d:\d\d[,.]\d{3} --> \d\d:\d\d:\d\d[,.]\d{3}")


def transcript(**values: object) -> Transcript:
    given = {"title": "A talk", "name": "talk.mp3", "language": "en", "seconds": 9.0, "tags": ["t"]}
    return Transcript(id=ID, **{**given, "speakers": {"S1": "Ada"}, **values})


def said(text: str, start: float, speaker: str = "") -> Segment:
    texts = text.split()
    words = tuple(Word(each, start + at / 10, start + (at + 1) / 10) for at, each in enumerate(texts))
    return row(ID, "en", Line(start, start + len(texts) / 10, speaker, words))


TALK = [
    said("Good morning.", 0.0, "S1"),
    said("How are you?", 0.5, "S1"),
    said("Fine & <well>.", 1.0, "S2"),
    said("After a pause.", 4.0, "S2"),
]


def test_text_has_a_paragraph_for_each_turn_and_after_each_long_pause() -> None:
    assert export(transcript(), TALK, "txt").decode() == (
        "Ada: Good morning. How are you?\n\nS2: Fine & <well>.\n\nS2: After a pause.\n"
    )
    assert export(transcript(), [], "txt") == b"\n"


def test_subtitles_name_the_speaker_where_a_turn_begins() -> None:
    srt = export(transcript(), TALK, "srt").decode()
    assert srt.startswith("1\n00:00:00,000 --> 00:00:00,200\nAda: Good morning.\n\n2\n")
    assert "\nHow are you?\n" in srt
    assert "\nS2: Fine & <well>.\n" in srt
    assert "\nAfter a pause.\n" in srt
    vtt = export(transcript(), TALK, "vtt").decode()
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.200\nAda: Good morning.\n")
    assert "S2: Fine &amp; &lt;well&gt;." in vtt


def test_json_has_everything_that_is_known() -> None:
    told = json.loads(export(transcript(), TALK, "json"))
    assert (told["title"], told["file"], told["language"], told["tags"]) == (
        "A talk",
        "talk.mp3",
        "en",
        ["t"],
    )
    assert [each["speaker"] for each in told["segments"]] == ["Ada", "Ada", "S2", "S2"]
    assert told["segments"][1]["words"][0] == {"word": "How", "start": 0.5, "end": 0.6}


def test_word_opens_the_document() -> None:
    found = docx.Document(io.BytesIO(export(transcript(), TALK, "docx")))
    assert [each.text for each in found.paragraphs] == [
        "A talk",
        "00:00:00  Ada: Good morning. How are you?",
        "00:00:01  S2: Fine & <well>.",
        "00:00:04  S2: After a pause.",
    ]


def cleaned(state: str = "done") -> Cleanup:
    outlines = [
        {"chapters": [{"start": 0.0, "title": "Hello"}], "actions": ["Ada writes"]},
        {"chapters": [{"start": 3661.5, "title": "The end"}], "actions": ["Ada writes", "S2 reads"]},
    ]
    return Cleanup(state=state, summary="They greet.", outlines=outlines, changes=[])


def test_what_a_model_found_stands_before_the_text() -> None:
    assert export(transcript(), TALK[:1], "txt", cleaned()).decode() == (
        "Summary\nThey greet.\n\nChapters\n00:00:00  Hello\n01:01:01  The end\n\n"
        "To be done\n- Ada writes\n- S2 reads\n\nText\n\nAda: Good morning.\n"
    )
    found = docx.Document(io.BytesIO(export(transcript(), TALK[:1], "docx", cleaned())))
    assert [each.text for each in found.paragraphs if each.style and each.style.name == "Heading 2"] == [
        "Summary", "Chapters", "To be done", "Text",
    ]  # fmt: skip
    assert [each.text for each in found.paragraphs[1:4]] == ["Summary", "They greet.", "Chapters"]
    assert found.paragraphs[-1].text == "00:00:00  Ada: Good morning."


def test_json_tells_what_a_model_found() -> None:
    told = json.loads(export(transcript(), TALK, "json", cleaned()))
    assert told["summary"] == "They greet."
    assert told["chapters"][1] == {"start": 3661.5, "title": "The end"}
    assert told["actions"] == ["Ada writes", "S2 reads"]
    told = json.loads(export(transcript(), TALK, "json"))
    assert (told["summary"], told["chapters"], told["actions"]) == ("", [], [])


def test_what_is_not_done_yet_is_in_no_file_and_nothing_is_in_subtitles() -> None:
    for kind in ("txt", "srt", "vtt", "json"):
        plain = export(transcript(), TALK, kind)
        assert export(transcript(), TALK, kind, cleaned("working")) == plain
    for kind in ("srt", "vtt"):
        assert b"greet" not in export(transcript(), TALK, kind, cleaned())  # type: ignore[arg-type]
    only_a_summary = Cleanup(state="done", summary="They greet.", outlines=[], changes=[])
    assert b"Chapters" not in export(transcript(), TALK, "txt", only_a_summary)


def test_a_document_keeps_spaces_and_joiners_that_are_not_seen_but_matter() -> None:
    # A space that doesn't break, and the joiner without which Persian and Hindi words change.
    text = "10\u00a0km می\u200cخواهم"
    segment = Segment(start=0.0, end=1.0, speaker="", text=text, words=[[text, 0.0, 1.0]])
    found = docx.Document(io.BytesIO(export(transcript(title=text), [segment], "docx")))
    assert [each.text for each in found.paragraphs] == [text, f"00:00:00  {text}"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.text(max_size=5))
def test_no_text_breaks_an_export(text: str, name: str) -> None:
    segments = [said(text, 0.0, "S1"), said("end", 9.0)]
    whole = transcript(title=text or "x", speakers={"S1": name.encode(errors="ignore").decode()})
    for kind in ("txt", "srt", "vtt", "json"):
        export(whole, segments, kind).decode()
    docx.Document(io.BytesIO(export(whole, segments, "docx")))


@given(st.lists(st.text("abc .,", min_size=1, max_size=120), min_size=1, max_size=4))
def test_every_subtitle_is_a_number_a_time_and_one_line(texts: list[str]) -> None:
    segments = [said(text, 20.0 * at) for at, text in enumerate(texts) if text.split()]
    blocks = export(transcript(), segments, "srt").decode().split("\n\n")
    assert blocks.pop() == ""
    for number, block in enumerate(blocks, 1):
        first, times, text = block.split("\n")
        assert first == str(number)
        assert TIMES.fullmatch(times)
        assert len(text) <= 120
