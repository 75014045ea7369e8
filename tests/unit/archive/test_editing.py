"""Edits of lines: whatever is done, no word loses its time and no two lines overlap. (TRN-3)"""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive.editing import Line, Refused, bare, merged, rewritten, split, spoken_by, spread
from app.archive.edits import kept, restored
from app.archive.rows import line, row
from app.speech.types import Word

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=8)
GAPS = st.floats(0.0, 3.0)
ID = UUID(int=7)


@st.composite
def lines_in_order(draw: st.DrawFn) -> list[Line]:
    """Lines one after the other, each with words one after the other in it."""
    now, found = 0.0, []
    for _ in range(draw(st.integers(1, 5))):
        now += draw(GAPS)
        start, words = now, []
        for text in draw(st.lists(TEXTS, min_size=1, max_size=5)):
            now += draw(GAPS)
            began = now
            now += draw(GAPS)
            words.append(Word(text, began, now))
        now += draw(GAPS)
        found.append(Line(start, now, draw(st.sampled_from(["", "A", "B"])), tuple(words)))
    return found


def check(lines: list[Line]) -> None:
    now = 0.0
    for each in lines:
        assert now <= each.start <= each.end
        now = each.start
        for word in each.words:
            assert now <= word.start <= word.end <= each.end
            now = word.start
        now = each.end


def another_text(data: st.DataObject, old: Line) -> list[str]:
    """Some of its words in their order, others in between."""
    new: list[str] = []
    for word in old.words:
        new += data.draw(st.lists(TEXTS, max_size=2))
        new += [word.text] if data.draw(st.booleans()) else []
    return new


@given(
    lines_in_order(), st.lists(st.sampled_from(["text", "split", "merge", "speaker"]), max_size=12), st.data()
)
def test_after_any_edits_lines_are_in_order_and_words_inside_them(
    lines: list[Line], edits: list[str], data: st.DataObject
) -> None:
    for what in edits:
        at = data.draw(st.integers(0, len(lines) - 1))
        old = lines[at]
        if what == "text":
            new = another_text(data, old)
            if new:
                lines[at] = rewritten(old, " ".join(new))
                assert [word.text for word in lines[at].words] == new
        elif what == "split" and len(old.words) > 1:
            lines[at : at + 1] = split(old, data.draw(st.integers(1, len(old.words) - 1)))
        elif what == "merge" and at + 1 < len(lines):
            lines[at : at + 2] = [merged(old, lines[at + 1])]
        elif what == "speaker":
            lines[at] = spoken_by(old, "C")
            assert lines[at].words == old.words
        check(lines)


@given(lines_in_order(), st.data())
def test_splitting_merging_and_naming_keep_every_word_and_its_time(
    lines: list[Line], data: st.DataObject
) -> None:
    everything = [word for each in lines for word in each.words]
    for _ in range(8):
        at = data.draw(st.integers(0, len(lines) - 1))
        if len(lines[at].words) > 1 and data.draw(st.booleans()):
            lines[at : at + 1] = split(lines[at], data.draw(st.integers(1, len(lines[at].words) - 1)))
        elif at + 1 < len(lines):
            lines[at : at + 2] = [merged(lines[at], lines[at + 1])]
        assert [word for each in lines for word in each.words] == everything


@given(lines_in_order(), st.data())
def test_words_that_stay_in_a_rewritten_line_keep_their_times(lines: list[Line], data: st.DataObject) -> None:
    old = lines[0]
    position = data.draw(st.integers(0, len(old.words)))
    words = [word.text for word in old.words]
    # One that differs from a word by its signs alone is that word, rewritten.
    known = {bare(word) for word in words}
    new_word = st.integers(0, 999).map(lambda each: f"<{each}>").filter(lambda each: bare(each) not in known)
    inserted = data.draw(st.lists(new_word, max_size=4))
    new = rewritten(old, " ".join([*words[:position], *inserted, *words[position:]]))
    assert [word for word in new.words if not word.text.startswith("<") or word in old.words] == [
        word for word in new.words if word in old.words
    ]
    assert [word for word in new.words if word in old.words][: len(old.words)] == list(old.words)


@given(lines_in_order())
def test_what_an_edit_keeps_of_a_line_gives_the_line_again(lines: list[Line]) -> None:
    now = [row(ID, "en", each) for each in lines]
    for number, each in enumerate(now):
        each.id = number
    stored = [line(each) for each in now]
    check(stored)
    assert [line(restored(ID, "en", kept(each))) for each in now] == stored


def test_words_share_the_time_of_what_they_replace_by_their_lengths() -> None:
    old = Line(0.0, 4.0, "", (Word("a", 0.0, 1.0), Word("bbbb", 1.0, 3.0), Word("c", 3.0, 4.0)))
    assert rewritten(old, "a x yyy c").words == (
        Word("a", 0.0, 1.0), Word("x", 1.0, 1.5), Word("yyy", 1.5, 3.0), Word("c", 3.0, 4.0),
    )  # fmt: skip
    assert spread(["", ""], 1.0, 2.0) == [Word("", 1.0, 1.0), Word("", 1.0, 1.0)]


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_a_line_is_never_left_without_words(text: str) -> None:
    old = Line(0.0, 1.0, "", (Word("a", 0.0, 1.0),))
    with pytest.raises(Refused, match="needs a word"):
        rewritten(old, text)
    for at in (-1, 0, 1, 5):
        with pytest.raises(Refused, match="split"):
            split(old, at)
