"""WebVTT: what is written can be read back, fits, and never overlaps."""

from __future__ import annotations

import html
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.dubbing.captions import LINE, LINES, Cue, timestamp, webvtt

TIMES = re.compile(r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})")

texts = st.text(st.characters(codec="utf-8"), max_size=300)
words = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12), max_size=40
)


def cues(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[list[Cue]]:
    return st.lists(
        st.builds(
            lambda start, length, text: Cue(start, start + length, text),
            st.floats(0, 400_000),
            st.floats(0, 20),
            text,
        ),
        max_size=12,
    )


def read(document: str) -> list[tuple[int, int, list[str]]]:
    """A WebVTT document's cues: start and end in milliseconds, and the lines as a player shows them."""
    head, *blocks = document.split("\n\n")
    assert head.strip() == "WEBVTT"
    found = []
    for block in blocks:
        times, *lines = block.strip("\n").split("\n")
        match = TIMES.fullmatch(times)
        assert match is not None, times
        h1, m1, s1, r1, h2, m2, s2, r2 = map(int, match.groups())
        start = ((h1 * 60 + m1) * 60 + s1) * 1000 + r1
        end = ((h2 * 60 + m2) * 60 + s2) * 1000 + r2
        found.append((start, end, [html.unescape(line) for line in lines]))
    return found


@given(cues())
def test_any_text_gives_cues_of_two_lines_that_fit_and_are_in_order_without_overlap(
    given_cues: list[Cue],
) -> None:
    found = read(webvtt(given_cues))
    for start, end, lines in found:
        assert start < end
        assert 1 <= len(lines) <= LINES
        assert all(0 < len(line) <= LINE for line in lines)
    assert all(one[1] <= other[0] for one, other in pairwise(found))


@given(cues())
def test_no_text_ends_a_cue_early_or_becomes_markup(given_cues: list[Cue]) -> None:
    for block in webvtt(given_cues).split("\n\n")[1:]:
        text = block.strip("\n").split("\n", 1)[1]
        assert "-->" not in text
        assert "<" not in text
        assert not re.search(r"&(?!(amp|lt|gt);)", text)


@given(words, st.floats(0, 1000), st.floats(2, 20))
def test_one_cue_keeps_every_word_and_its_time(some_words: list[str], start: float, length: float) -> None:
    text = " ".join(some_words)
    found = read(webvtt([Cue(start, start + length, text)]))
    assert "".join("".join(lines) for _, _, lines in found).replace(" ", "") == "".join(some_words)
    if found:
        assert found[0][0] == round(start * 1000)
        assert found[-1][1] == round((start + length) * 1000)
        assert all(one[1] == other[0] for one, other in pairwise(found))


def test_a_document_reads_as_the_standard_says() -> None:
    document = webvtt(
        [
            Cue(3661.5, 3663.0, "Rock & roll <b> --> end"),
            Cue(1.0, 2.5, "The president said on Monday that the talks would go on for another week"),
        ]
    )
    assert document == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:02.500\n"
        "The president said on Monday that the\n"
        "talks would go on for another week\n\n"
        "01:01:01.500 --> 01:01:03.000\n"
        "Rock &amp; roll &lt;b&gt; --&gt; end\n"
    )


def test_a_document_without_cues_is_valid() -> None:
    assert webvtt([]) == "WEBVTT\n"


def test_a_cue_that_the_next_overlaps_ends_where_that_begins() -> None:
    found = read(webvtt([Cue(1.0, 3.0, "one"), Cue(2.0, 4.0, "two")]))
    assert [(start, end) for start, end, _ in found] == [(1000, 2000), (2000, 4000)]


def test_hours_grow_past_two_digits() -> None:
    assert timestamp(100 * 3_600_000 + 61_001) == "100:01:01.001"
