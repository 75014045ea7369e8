"""Sentences and their pace: nothing is invented, said over, or stale (COM-1, COM-7)."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commentary.change import Colour
from app.commentary.history import export
from app.commentary.messages import Comment
from app.commentary.pace import STALE, Pacer
from app.commentary.scene import Happening, Happens, Light, Way
from app.commentary.wording import SENTENCES, sentence

COLOURS = set(get_args(Colour))
LIGHTS = {"black": "black", "dark": "dark", "bright": "bright", "white": "white"}
TOWARDS = {"left": "to the left", "right": "to the right", "up": "upwards", "down": "downwards"}
MOVING = {"pan", "moves"}

happened = st.builds(
    Happening,
    what=st.sampled_from(get_args(Happens)),
    at=st.floats(0, 100),
    light=st.sampled_from(get_args(Light)),
    colour=st.sampled_from([None, *COLOURS]),
    way=st.sampled_from(get_args(Way)),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    seconds=st.floats(15, 4000),
)


@given(happened)
def test_where_there_is_little_time_the_shorter_ways_of_saying_it_are_taken(happening: Happening) -> None:
    every = sorted((sentence(happening, turn) for turn in range(len(SENTENCES[happening.what]))), key=len)
    brief = {sentence(happening, turn, brief=True) for turn in range(len(every))}
    assert brief == set(every[:2])


@given(happened, st.integers(0, 100))
def test_a_sentence_says_nothing_that_was_not_measured(happening: Happening, turn: int) -> None:
    said = sentence(happening, turn)
    words = set(said.lower().replace(".", "").replace(",", "").replace(":", "").split())
    assert "{" not in said
    assert "  " not in said
    assert said[0].isupper()
    assert said.endswith(".")
    assert words & COLOURS <= {happening.colour}
    told_light = words & set(LIGHTS)
    assert told_light <= ({happening.light} | ({"black"} if happening.what == "fade_out" else set()))
    for way, phrase in TOWARDS.items():
        assert phrase not in said or (happening.what in MOVING and way == happening.way)
    if "on the left" in said or "top left" in said or "bottom left" in said:
        assert happening.x < 1 / 3
    if "on the right" in said or "top right" in said or "bottom right" in said:
        assert happening.x > 2 / 3


def test_sentences_differ_from_one_time_to_the_next() -> None:
    cut = Happening("cut", 0.0, "even", "blue")
    assert len({sentence(cut, turn) for turn in range(4)}) == 4
    assert set(SENTENCES) == set(get_args(Happens))


def at(what: Happens, when: float) -> Happening:
    return Happening(what, when, "even", None)


def test_a_new_scene_is_told_at_once_and_what_happens_in_it_after_a_pause() -> None:
    pacer = Pacer("normal")
    pacer.offer(at("cut", 10.0))
    assert pacer.due(10.2, quiet_at=0.0) == at("cut", 10.0)
    pacer.offer(at("moves", 12.0))
    assert pacer.due(12.0, quiet_at=0.0) is None
    pacer.offer(at("cut", 12.2))
    assert pacer.due(12.4, quiet_at=0.0) == at("cut", 12.2)


def test_speech_finishes_before_the_next_comment_and_what_is_stale_by_then_is_dropped() -> None:
    pacer = Pacer("lively")
    pacer.offer(at("cut", 1.0))
    assert pacer.due(1.1, quiet_at=2.0) is None
    assert pacer.due(2.4, quiet_at=2.0) == at("cut", 1.0)
    pacer.offer(at("cut", 3.0))
    assert pacer.due(3.0 + STALE + 0.1, quiet_at=0.0) is None
    assert pacer.dropped == 1


def test_the_more_important_of_two_is_said_and_the_newer_of_two_alike() -> None:
    pacer = Pacer()
    pacer.offer(at("cut", 1.0))
    pacer.offer(at("moves", 1.2))
    assert pacer.due(1.4, quiet_at=0.0) == at("cut", 1.0)
    pacer.offer(at("cut", 2.0))
    pacer.offer(at("cut", 2.6))
    assert pacer.due(2.8, quiet_at=0.0) == at("cut", 2.6)
    assert not pacer.holds(at("moves", 2.0))


@given(st.lists(st.tuples(st.floats(0.2, 10), st.booleans()), max_size=60))
def test_a_quiet_scene_is_commented_on_once_a_minute_at_most(steps: list[tuple[float, bool]]) -> None:
    pacer, now, said = Pacer("lively"), 0.0, []
    for wait, still in steps:
        now += wait
        if still:
            pacer.offer(at("still", now))
        if pacer.due(now, quiet_at=0.0):
            said.append(now)
    assert all(after - before >= 60.0 for before, after in pairwise(said))


def comment(id: int, shown: float, text: str, **more: Any) -> Comment:
    return Comment(
        id=id,
        seen=shown,
        shown=shown,
        position=0,
        text=text,
        why="cut",
        describer="scene",
        language="en",
        **more,
    )


def test_a_history_is_subtitles_and_json() -> None:
    said = [
        comment(1, 0.5, "Cut to a <b> scene --> now."),
        comment(2, 1.0, "Dark."),
        comment(3, 3661.25, "End."),
    ]
    srt, vtt = export(said, "srt"), export(said, "vtt")
    assert srt.startswith("1\n00:00:00,500 --> 00:00:01,000\nCut to a <b> scene")
    assert "3\n01:01:01,250 --> 01:01:02,750\nEnd.\n" in srt
    assert vtt.startswith("WEBVTT\n\n1\n00:00:00.500 --> 00:00:01.000\nCut to a &lt;b> scene → now.")
    assert [each["text"] for each in json.loads(export(said, "json"))][1] == "Dark."


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_what_is_longer_spoken_than_read_stays_as_long(form: Any) -> None:
    assert (
        "09" in export([comment(1, 0.0, "Short.", spoken=9.0)], form).splitlines()[1 if form == "srt" else 3]
    )
