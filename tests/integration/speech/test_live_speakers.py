"""Two speakers of a live stream have two voices that stay theirs, through the real sts. (DUB-3)"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from websockets.sync.client import ClientConnection

from app.speech.models.table import VOICEPRINT
from app.speech.pitch import median_pitch
from app.speech.protocol import Config, KnownSpeaker, PhraseMark, Speakers, pack_sound
from app.speech.sound import Resampler, from_pcm
from app.speech.sts.apart import BY_PITCH
from app.speech.sts.speakers import HIGH
from app.speech.types import RECOGNISER_RATE
from tests.dialogue import as_a_worker_hears, dialogue, who_says
from tests.integration.speech.conftest import ANSWER_WITHIN, Client, open_client, spoken
from tests.stack import Stack

FIRST = 10.0
"""Seconds in which voices may still be found."""
DEADLINE = 20.0


@dataclass
class Dubbed:
    """A phrase's answer: whom said it, its seconds, who it was taken for, and how high the dub is in Hz."""

    who: str
    start: float
    speaker: int
    voice: str
    pitch: float
    note: str


def begin(socket: ClientConnection, speakers: Speakers, voice: str = "") -> dict[str, Any]:
    """Opens the session as a worker does; what sts can."""
    socket.send(Config(source="en", target="es", voice=voice).model_dump_json())
    ready: dict[str, Any] = json.loads(socket.recv(timeout=ANSWER_WITHIN))
    socket.send(speakers.model_dump_json())
    return ready


def dubbed(
    socket: ClientConnection, first: float, last: float, known: dict[int, KnownSpeaker]
) -> list[Dubbed]:
    """The dubs of what is said in these seconds of the dialogue; `known` as sts tells of them."""
    sound, turns = dialogue()
    found = []
    asked = 0
    for heard in as_a_worker_hears(sound):
        for position, pcm in heard.sounds:
            if first <= position / RECOGNISER_RATE < last:
                socket.send(pack_sound(position, pcm))
        for cut in heard.cuts:
            start, end = cut.start / RECOGNISER_RATE, cut.end / RECOGNISER_RATE
            if start < first or end >= last:
                continue
            asked += 1
            mark = PhraseMark(id=asked, start=cut.start, end=cut.end, deadline=DEADLINE, pause=cut.pause)
            socket.send(mark.model_dump_json())
            answer = json.loads(socket.recv(timeout=ANSWER_WITHIN))
            if answer["type"] != "dub":
                assert answer["code"] == "no_speech", answer
                continue
            speech = np.zeros(0, np.float32)
            if answer["samples"]:
                spoken = socket.recv(timeout=ANSWER_WITHIN)
                assert isinstance(spoken, bytes)
                speech = from_pcm(spoken)
            told = KnownSpeaker.model_validate(answer["speaker"])
            known[told.number] = told
            pitch = median_pitch(Resampler(answer["sample_rate"], RECOGNISER_RATE)(speech))
            who = who_says(turns, start, end)
            found.append(Dubbed(who, start, told.number, told.voice, pitch, answer.get("note", "")))
    return found


def share(dubs: list[Dubbed], right: dict[str, int]) -> float:
    """How many are in the voice of who said them."""
    later = [each for each in dubs if each.start >= FIRST]
    return sum(each.speaker == right[each.who] for each in later) / len(later)


def telling(sts: Stack) -> ClientConnection:
    return open_client(sts, "?tell=speaker&tell=note")


@pytest.mark.thorough
def test_two_speakers_keep_their_voices_also_after_a_reconnect(sts: Stack) -> None:
    known: dict[int, KnownSpeaker] = {}
    with telling(sts) as socket:
        ready = begin(socket, Speakers())
        dubs = dubbed(socket, 0.0, 28.0, known)
    assert ready["apart"] == "voice"
    assert len(known) == 2, known
    with telling(sts) as socket:
        begin(socket, Speakers(known=tuple(known.values())))
        later = dubbed(socket, 28.0, 1000.0, known)
    assert len(known) == 2, known

    both = [*dubs, *later]
    right = {each.who: each.speaker for each in reversed(dubs[: len(dubs) // 2])}
    assert sorted(right.values()) == [1, 2], "the first two turns are two people's"
    assert share(both, right) >= 0.95, both
    assert share(later, right) >= 0.95, later
    voices = {(each.speaker, each.voice) for each in both if each.start >= FIRST}
    assert len(voices) == 2, voices
    # Pico's English voice is a woman's, Piper's a man's: so are the voices of the dub, as they are heard.
    for each in both:
        if each.start >= FIRST and each.pitch and each.speaker == right[each.who]:
            assert (each.pitch > HIGH) is (each.who == "host"), each


def test_a_speaker_s_phrases_are_given_to_another_with_one_message_and_voices_too(sts: Stack) -> None:
    known: dict[int, KnownSpeaker] = {}
    with telling(sts) as socket:
        ready = begin(socket, Speakers())
        assert len({each.speaker for each in dubbed(socket, 0.0, 14.0, known)}) == 2
        taken = {each.voice for each in known.values()}
        wanted = next(voice for voice in ready["voices"] if voice not in taken)
        socket.send(Speakers(same={2: 1}, voices={1: wanted, 3: "nobody"}).model_dump_json())
        dubs = dubbed(socket, 14.0, 28.0, known)
        assert {(each.speaker, each.voice) for each in dubs} == {(1, wanted)}
        assert "there is no voice 'nobody' for es" in dubs[0].note
        socket.send(Speakers(on=False).model_dump_json())
        client = Client(socket)
        client.position = client.marked = 1000 * RECOGNISER_RATE
        client.hear(spoken("The government will help the schools."))
        client.mark()
        assert "speaker" not in client.answer().message


def test_a_voice_that_the_operator_chose_is_everybody_s(sts: Stack) -> None:
    with telling(sts) as socket:
        begin(socket, Speakers(), voice="es-ES")
        known: dict[int, KnownSpeaker] = {}
        dubs = dubbed(socket, 0.0, 14.0, known)
    assert {each.voice for each in dubs} == {"es-ES"}
    assert len({each.speaker for each in dubs}) == 2


@pytest.fixture(scope="module")
def sts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """sts with a voice that is ready at once."""
    with Stack(tmp_path_factory.mktemp("sts"), ("sts",), {"TTS_ENGINE": "pico"}) as running:
        yield running


@pytest.fixture(scope="module")
def without_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """sts where the model of voices can't be read."""
    folder = tmp_path_factory.mktemp("sts")
    broken = folder / "data" / "models" / VOICEPRINT
    broken.mkdir(parents=True)
    (broken / "model.pt").write_bytes(b"not a model")
    with Stack(folder, ("sts",), {"TTS_ENGINE": "pico"}) as running:
        yield running


def test_without_the_model_pitch_tells_and_that_is_said(without_weights: Stack) -> None:
    known: dict[int, KnownSpeaker] = {}
    with telling(without_weights) as socket:
        assert begin(socket, Speakers())["apart"] == "pitch"
        dubs = dubbed(socket, 0.0, 1000.0, known)
    assert len(known) == 2, known
    right = {each.who: each.speaker for each in reversed(dubs[: len(dubs) // 2])}
    assert share(dubs, right) >= 0.95, dubs
    assert {each.note for each in dubs} == {BY_PITCH}
