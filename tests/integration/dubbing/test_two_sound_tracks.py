"""A source whose voice has a sound track of its own: the dub takes its place, and the rest stays as it is."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.demo.sample import sample_video
from tests.integration.dubbing.clips import RATE, Samples, ffmpeg, play, record, sound_of
from tests.stack import Stack, free_port, wait_for

INTERNATIONAL, VOICE = 11_000, 13_000
"""Hz. Tones tell which track is heard, the international sound or the voice; no dub goes so high."""
WINDOW = 0.02
JSON = {"content-type": "application/json"}


def clip(target: Path) -> Path:
    """The sample's picture; its speech with a tone in the first sound track, another tone in the second."""
    voice = f"sine=frequency={VOICE}:sample_rate=48000,volume=-12dB"
    beside = f"sine=frequency={INTERNATIONAL}:sample_rate=48000,volume=-6dB"
    mixed = "[0:a][1:a]amix=inputs=2:duration=first:normalize=0[voice]"
    ffmpeg(
        *("-i", str(sample_video(60.0)), "-f", "lavfi", "-i", voice, "-f", "lavfi", "-i", beside),
        *("-filter_complex", mixed, "-map", "0:v", "-map", "[voice]", "-map", "2:a", "-c:v", "copy"),
        *("-c:a", "aac", "-b:a", "160k", "-t", "40", str(target)),
    )
    return target


def both_tracks(clip: Path) -> list[str]:
    return [*play(clip), "-map", "0:v", "-map", "0:a"]


def tone(sound: Samples, frequency: int) -> Samples:
    """The level in dB of a tone in windows of 20 ms (one bin of a discrete Fourier transform)."""
    size = round(WINDOW * RATE)
    blocks = sound[: len(sound) // size * size].reshape(-1, size) * np.hanning(size)
    turn = np.exp(-2j * np.pi * frequency * np.arange(size) / RATE)
    return np.asarray(20 * np.log10(np.abs(blocks @ turn) + 1e-9), np.float32)


def track_of(clip: Path, number: int) -> Samples:
    single = clip.with_name(f"track-{number}.mka")
    ffmpeg("-i", str(clip), "-map", f"0:a:{number}", "-c", "copy", str(single))
    return sound_of(single)


def phrases(stack: Stack, name: str) -> int:
    counts = ((stack.dub(name) or {}).get("counts")) or {}
    return int(counts.get("in_time", 0) + counts.get("late", 0))


def used(stack: Stack, name: str) -> dict[str, int]:
    """The numbers of the sound tracks that are used, by what they are used as."""
    tracks: list[dict[str, Any]] = (stack.dub(name) or {}).get("tracks", [])
    return {track["use"]: track["number"] for track in tracks if track["use"]}


@contextmanager
def published(stack: Stack, clip: Path, name: str, protocol: str, profile: str = "") -> Iterator[None]:
    folder = stack.settings.profiles_dir
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(profile, encoding="utf-8")
    publisher = stack.publish(both_tracks(clip), name, protocol)
    try:
        yield
    finally:
        publisher.stop()
        stack.http.delete(f"/streams/{name}/es", headers=JSON)


@pytest.mark.parametrize("protocol", ["rtsp", pytest.param("srt", marks=pytest.mark.thorough)])
def test_the_dub_takes_the_voice_s_place_and_the_international_sound_stays_as_loud(
    stack: Stack, tmp_path: Path, protocol: str
) -> None:
    source = clip(tmp_path / "clip.mkv")
    name = f"two-tracks-{protocol}"
    with published(stack, source, name, protocol, "voice_track = 1\nbackground_track = 2\n"):
        wait_for("dubbed phrases", lambda: phrases(stack, name) >= 3, 40)
        out = record(f"{stack.rtsp}/dub/{name}/es", tmp_path / "out.mkv", 15)
        assert used(stack, name) == {"voice": 1, "background": 2}
    heard = sound_of(out)[RATE:]
    usual = {
        INTERNATIONAL: float(np.median(tone(track_of(source, 1), INTERNATIONAL))),
        VOICE: float(np.median(tone(track_of(source, 0), VOICE))),
    }
    voice = tone(heard, VOICE) - usual[VOICE]
    beside = tone(heard, INTERNATIONAL) - usual[INTERNATIONAL]
    dubbed, alone = voice < -25, voice > -1
    assert np.count_nonzero(dubbed) * WINDOW > 3.0
    assert abs(float(np.median(beside[dubbed]))) < 0.5
    assert abs(float(np.percentile(beside[dubbed], 10))) < 1.0
    assert float(np.median(voice[dubbed])) < -40
    if np.count_nonzero(alone) > 10:
        assert abs(float(np.median(beside[alone]))) < 0.5


def two_channels(clip: Path, target: Path) -> Path:
    """The voice of a clip of two tracks on the left channel of one, the international sound on the right."""
    mono = "[0:a:0]pan=mono|c0=c0[v];[0:a:1]pan=mono|c0=c0[b];[v][b]join=inputs=2:channel_layout=stereo[a]"
    ffmpeg(
        *("-i", str(clip), "-filter_complex", mono, "-map", "0:v", "-map", "[a]", "-c:v", "copy"),
        *("-c:a", "aac", "-b:a", "160k", str(target)),
    )
    return target


def test_over_rtmp_the_voice_is_one_channel_and_the_international_sound_the_other(
    stack: Stack, tmp_path: Path
) -> None:
    source = two_channels(clip(tmp_path / "clip.mkv"), tmp_path / "channels.mkv")
    name = "two-channels"
    with published(stack, source, name, "rtmp", 'voice_channel = "left"\n'):
        wait_for("dubbed phrases", lambda: phrases(stack, name) >= 3, 40)
        out = record(f"{stack.rtsp}/dub/{name}/es", tmp_path / "out.mkv", 15)
        assert used(stack, name) == {"voice": 1}
    heard = sound_of(out)[RATE:]
    # Of two channels the mean is told: half of what is on one, and all of what is on both.
    half = 20 * np.log10(2)
    voice = tone(heard, VOICE) - float(np.median(tone(sound_of(source), VOICE))) - half
    beside = tone(heard, INTERNATIONAL) - float(np.median(tone(sound_of(source), INTERNATIONAL))) - half
    dubbed = voice < -25
    assert np.count_nonzero(dubbed) * WINDOW > 3.0
    assert abs(float(np.median(beside[dubbed]))) < 0.5
    assert float(np.median(voice[dubbed])) < -40


@pytest.mark.thorough
def test_the_voice_is_heard_while_nothing_is_dubbed_and_one_choice_takes_it_apart(
    stack: Stack, tmp_path: Path
) -> None:
    """The media server passes no titles on: the first track is dubbed as ever until both are chosen."""
    source, name = clip(tmp_path / "clip.mkv"), "chosen-later"
    with published(stack, source, name, "rtsp"):
        wait_for("a dubbed phrase", lambda: phrases(stack, name) >= 1, 40)
        assert used(stack, name) == {"voice": 1}
        chosen = {"voice_track": 1, "background_track": 2}
        assert stack.http.put(f"/streams/{name}/profile", json=chosen).status_code == 200
        wait_for("both tracks", lambda: used(stack, name) == {"voice": 1, "background": 2}, 20)
        stack.http.post(f"/streams/{name}/es/bypass", json={"on": True})
        wait_for("bypass", lambda: (stack.dub(name) or {}).get("status") == "bypassed", 20)
        at = (stack.dub(name) or {})["position"]
        wait_for("it has been played", lambda: (stack.dub(name) or {})["position"] > at + 5, 30)
        out = record(f"{stack.rtsp}/dub/{name}/es", tmp_path / "out.mkv", 5)
        assert (stack.dub(name) or {})["restarts"] == 0
        swapped = {"voice_track": 2, "background_track": 3}
        assert stack.http.put(f"/streams/{name}/profile", json=swapped).status_code == 200
        told = "sound track 3 was chosen, but the source has 2 sound tracks"
        wait_for("the problem", lambda: told in (stack.dub(name) or {}).get("note", ""), 20)
    heard = sound_of(out)[RATE:]
    for number, frequency in ((0, VOICE), (1, INTERNATIONAL)):
        usual = float(np.median(tone(track_of(source, number), frequency)))
        assert abs(float(np.median(tone(heard, frequency))) - usual) < 0.5


@contextmanager
def sent_on(stack: Stack, name: str, seconds: float, out: Path) -> Iterator[None]:
    """The dub is sent on with the original beside it, into that file."""
    port = free_port(socket.SOCK_DGRAM)
    listener = f"srt://127.0.0.1:{port}?mode=listener"
    receiver = subprocess.Popen(
        [
            *("ffmpeg", "-loglevel", "error", "-nostdin", "-probesize", "5M", "-i", listener),
            *("-map", "0", "-c", "copy", "-t", str(seconds), str(out)),
        ]
    )
    target = {"address": f"srt://127.0.0.1:{port}", "original": True}
    assert stack.http.put(f"/restreams/{name}/es/both", json=target).status_code == 201
    try:
        yield
        assert receiver.wait(60.0) == 0
    finally:
        receiver.kill()
        stack.http.delete(f"/restreams/{name}/es/both", headers=JSON)


def test_the_original_among_all_languages_and_sent_on_has_voice_and_international_sound(
    stack: Stack, tmp_path: Path
) -> None:
    source, name = clip(tmp_path / "clip.mkv"), "both-joined"
    beside = tmp_path / "sent-on.ts"
    with published(stack, source, name, "rtsp", "voice_track = 1\nbackground_track = 2\n"):
        wait_for("the dub", lambda: (stack.dub(name) or {}).get("status") == "dubbing", 40)
        with sent_on(stack, name, 14.0, beside):
            out = joined_original(stack, name, tmp_path / "original.mka")
    ffmpeg("-ss", "6", "-i", str(beside), "-map", "0:a:1", "-c", "copy", str(tmp_path / "second.mka"))
    for each in (out, tmp_path / "second.mka"):
        heard = sound_of(each)[RATE:]
        for number, frequency in ((0, VOICE), (1, INTERNATIONAL)):
            usual = float(np.median(tone(track_of(source, number), frequency)))
            assert abs(float(np.median(tone(heard, frequency))) - usual) < 0.5


def joined_original(stack: Stack, name: str, out: Path) -> Path:
    """Five seconds of the original as `all/<name>` has it."""
    sound = f"/all/{name}/sound.m3u8"

    def segments() -> int:
        # The first who asks waits until it is there.
        answer = stack.http.get(sound, timeout=30.0)
        return answer.text.count("#EXTINF") if answer.status_code == 200 else 0

    wait_for("some of the original", lambda: segments() >= 3, 60)
    address = f"{stack.settings.dubber_address}{sound}"
    ffmpeg("-live_start_index", "0", "-i", address, "-c", "copy", "-t", "5", str(out))
    return out
