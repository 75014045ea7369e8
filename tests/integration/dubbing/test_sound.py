"""What a viewer hears: the original ducked under the dub and whole beside it; the words of the dub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.demo.sample import sample_video
from app.speech.engines.pocketsphinx import PocketSphinx
from app.speech.types import RECOGNISER_RATE
from tests.integration.dubbing.clips import RATE, Samples, ffmpeg, levels, play, record, sound_of
from tests.stack import Stack, wait_for

NewStack = Callable[..., Stack]
PILOT = 9000
PILOT_WINDOW = 0.02
# Nobody speaks in the last 4 s of every 12: a dub may fill the short pauses of a programme's speech.
SPEECH_PAUSES = "volume=0:enable='gte(mod(t,12),8)'"


def pilot_level(sound: Samples) -> Samples:
    """The level in dB of the pilot tone in windows of 20 ms (one bin of a discrete Fourier transform)."""
    size = round(PILOT_WINDOW * RATE)
    blocks = sound[: len(sound) // size * size].reshape(-1, size) * np.hanning(size)
    turn = np.exp(-2j * np.pi * PILOT * np.arange(size) / RATE)
    return np.asarray(20 * np.log10(np.abs(blocks @ turn) + 1e-9), np.float32)


def test_the_original_is_ducked_under_the_dub_and_left_alone_beside_it(stack: Stack, tmp_path: Path) -> None:
    """DUB-3: a steady tone in the original shows how loud the original is at any time."""
    clip = tmp_path / "clip.mp4"
    tone = f"sine=frequency={PILOT}:sample_rate=48000,volume=-6dB"
    mixed = f"[0:a]{SPEECH_PAUSES}[s];[s][1:a]amix=inputs=2:duration=first:normalize=0[a]"
    ffmpeg(
        *("-i", str(sample_video(60.0)), "-f", "lavfi", "-i", tone, "-filter_complex", mixed),
        *("-map", "0:v", "-map", "[a]", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k", "-t", "40"),
        str(clip),
    )
    publisher = stack.publish(play(clip), "ducked")
    wait_for("dubs", lambda: ((stack.dub("ducked") or {}).get("counts") or {}).get("in_time", 0) >= 2, 30)
    out = record(f"{stack.rtsp}/dub/ducked/es", tmp_path / "out.mkv", 15)
    publisher.stop()
    original, heard = pilot_level(sound_of(clip)), pilot_level(sound_of(out))
    usual = float(np.median(original))
    change = heard - usual
    alone, ducked = change[change > -3], change[change < -10]
    assert len(alone) > 25
    assert len(ducked) > 150
    assert abs(float(np.median(alone))) < 1.0
    assert abs(float(np.median(ducked)) - 20 * np.log10(0.2)) < 1.5
    assert float(np.percentile(levels(sound_of(out)), 90)) > -30


def test_the_words_of_the_dub_can_be_heard_in_the_output(new_stack: NewStack, tmp_path: Path) -> None:
    """With no translation the dub says what the recogniser heard, in another voice."""
    stack = new_stack(MT_ENGINE="identity", TARGET_LANGUAGES="en", TTS_ENGINE="piper")
    stack.publish_sample("words")
    wait_for(
        "dubs", lambda: ((stack.dub("words", "en") or {}).get("counts") or {}).get("in_time", 0) >= 2, 30
    )
    out = record(f"{stack.rtsp}/dub/words/en", tmp_path / "out.mkv", 12)
    said = stack.http.get("/streams/words/en/phrases").json()["phrases"]
    told = {word for phrase in said for word in phrase["target"].split()}
    engine = PocketSphinx()
    engine.load()
    session = engine.session("en")
    sound = sound_of(out)[:: RATE // RECOGNISER_RATE]
    session.feed(np.ascontiguousarray(sound))
    heard = [word.text for word in session.commit(len(sound) / RECOGNISER_RATE, True)]
    assert len(heard) > 8
    assert sum(word in told for word in heard) > 0.5 * len(heard)
