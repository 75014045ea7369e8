"""diarized_json through the unmodified `openai` client: who says what in a file."""

from __future__ import annotations

import io
import wave
from collections import Counter

import numpy as np
import openai
import pytest

from app.demo.uploads.interview import LINES, RATE
from app.demo.uploads.interview import spoken as speak
from app.speech.sound import to_pcm
from tests.stack import Stack

PAUSE = 0.6


def interview() -> tuple[bytes, list[tuple[float, str]]]:
    """Six lines of two voices in turn as a WAV file, and when whom has ended."""
    ends: list[tuple[float, str]] = []
    parts, now = [], 0.0
    for (who, _), sound in zip(LINES[:6], speak(LINES[:6]), strict=True):
        parts += [sound, np.zeros(round(PAUSE * RATE), np.float32)]
        now += sound.size / RATE + PAUSE
        ends.append((now, who))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(to_pcm(np.concatenate(parts)))
    return content.getvalue(), ends


@pytest.mark.thorough
def test_two_voices_of_a_file_are_called_a_and_b(tmp_path_factory: pytest.TempPathFactory) -> None:
    content, ends = interview()
    extra = {"ASR_ENGINE": "pocketsphinx"}
    with Stack(tmp_path_factory.mktemp("diarized"), ("asr",), extra) as asr:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{asr.settings.asr_port}/v1", api_key="none")
        told = client.audio.transcriptions.create(
            model="gpt-4o-transcribe-diarize",
            file=("talk.wav", content),
            language="en",
            response_format="diarized_json",
            chunking_strategy="auto",
        )
        with pytest.raises(openai.BadRequestError) as streamed:
            client.audio.transcriptions.create(
                model="gpt-4o-transcribe-diarize",
                file=("talk.wav", content),
                response_format="diarized_json",
                stream=True,
            )
        assert streamed.value.param == "response_format"
        with pytest.raises(openai.BadRequestError) as named:
            client.audio.transcriptions.create(
                model="gpt-4o-transcribe-diarize",
                file=("talk.wav", content),
                response_format="diarized_json",
                known_speaker_names=["Ann"],
            )
        assert named.value.param == "known_speaker_names"
    assert told.task == "transcribe"
    assert told.duration == pytest.approx(ends[-1][0], abs=0.1)
    assert {each.type for each in told.segments} == {"transcript.text.segment"}
    assert told.segments[0].speaker == "A"
    said: dict[str, Counter[str]] = {}
    for each in told.segments:
        middle = (each.start + each.end) / 2
        who = next(who for end, who in ends if middle < end)
        said.setdefault(each.speaker, Counter())[who] += len(each.text.split())
    assert set(said) == {"A", "B"}
    right = sum(max(count.values()) for count in said.values()) / sum(map(Counter.total, said.values()))
    assert right > 0.9, said
    assert len({max(count, key=count.__getitem__) for count in said.values()}) == 2
    assert told.text.split() == " ".join(each.text for each in told.segments).split()
