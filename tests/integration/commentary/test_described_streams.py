"""A stream with an audio description: spoken in the gaps of its dialogue alone (COM-5)."""

from __future__ import annotations

import io
import itertools
import subprocess
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import numpy.typing as npt
import pytest

from app.demo.read import watch_address
from tests.stack import Stack, wait_for
from tests.unit.commentary.moving_pictures import video

Samples = npt.NDArray[np.float32]
Stretch = tuple[float, float]

RATE = 48_000
FRAME = 0.02
GAP = 2.5
# Seven gaps; where the machine stands still for a moment, one or two of them are cut.
WATCHED_FOR = 46.0
MOST_OVERLAP, FEWEST_USED = 0.02, 0.8
HEARD, ALIKE = 10 ** (-45 / 20), 0.2
DIALOGUE = (
    "I have waited for this letter since the spring, you know.",
    "Nobody told me that you would come back to the house.",
    "We should talk about it tomorrow, after the others have left.",
    "My brother never believed a word of that old story.",
    "Tell them that the boat is ready and that we can go.",
    "It was the last time that anybody saw him in the village.",
)
COLOURS = ((200, 40, 40), (40, 60, 200), (40, 180, 60), (190, 190, 40), (60, 60, 60), (230, 230, 230))


def spoken(stack: Stack, text: str) -> Samples:
    """The text by the stack's own voice at 48 kHz, without silence at its ends."""
    answer = httpx.post(
        f"{stack.settings.tts_address}/v1/audio/speech",
        json={"input": text, "language": "en", "response_format": "wav"},
        trust_env=False,
        timeout=30.0,
    )
    with wave.open(io.BytesIO(answer.content)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(10_000_000), "<i2").astype(np.float32) / 32768.0
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    sound = sound[loud[0] : loud[-1] + 1]
    times = np.arange(round(len(sound) / rate * RATE)) / RATE
    resampled: Samples = np.interp(times, np.arange(len(sound)) / rate, sound).astype(np.float32)
    return resampled


def programme(stack: Stack, path: Path) -> None:
    """Dialogue on the left channel with gaps of 2.5 s; a cut shortly before each of them."""
    rng = np.random.default_rng(1)
    left, cuts = [], [0.0]
    for text in DIALOGUE:
        left += [spoken(stack, text), np.zeros(round(GAP * RATE), np.float32)]
        cuts.append(sum(map(len, left)) / RATE - GAP - 0.4)
    sound = np.concatenate(left)
    cuts.append(len(sound) / RATE)
    pictures: list[Any] = []
    shots = [
        np.kron(
            (rng.integers(30, 100, (9, 16, 1)) * colour // 100).astype(np.uint8),
            np.ones((40, 40, 1), np.uint8),
        )
        for colour in np.array(COLOURS)
    ]
    # It ends as it begins: played again and again, it has no cut where it begins anew.
    for (start, end), shot in zip(itertools.pairwise(cuts), [*shots, shots[0]], strict=True):
        pictures += [shot] * (round(end * 25) - round(start * 25))
    silent = video(path.with_suffix(".silent.mp4"), pictures)
    stereo = np.stack([sound, np.zeros_like(sound)], axis=1)
    with wave.open(str(path.with_suffix(".wav")), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((stereo * 32767).astype("<i2").tobytes())
    made = [
        "-i",
        str(silent),
        "-i",
        str(path.with_suffix(".wav")),
        "-c:v",
        "copy",
        "-c:a",
        "aac",
        "-b:a",
        "160k",
    ]
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", *made, str(path)], check=True)


@dataclass
class Found:
    """What a recording holds: stretches with dialogue, and with descriptions, in seconds."""

    dialogue: list[Stretch]
    descriptions: list[Stretch]

    @property
    def overlap(self) -> float:
        """The share of the descriptions that is heard over dialogue."""
        over = sum(max(0.0, min(a, b) - max(c, d)) for c, a in self.dialogue for d, b in self.descriptions)
        return over / sum(end - start for start, end in self.descriptions)

    @property
    def gaps(self) -> list[Stretch]:
        """The gaps of about 2.5 s in the dialogue."""
        between = [(end, start) for (_, end), (start, _) in itertools.pairwise(self.dialogue)]
        return [(start, end) for start, end in between if end - start >= GAP - 0.2]

    @property
    def used(self) -> float:
        """The share of the gaps in which something is said."""
        return sum(
            any(start < at and until < end for at, until in self.descriptions) for start, end in self.gaps
        ) / len(self.gaps)


def found_in(path: Path) -> Found:
    """Descriptions are alike on both channels; the dialogue is what is on the left alone."""
    parts = []
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        for frame in file.decode(audio=0):
            assert isinstance(frame, av.AudioFrame)
            parts += [each.to_ndarray() for each in resampler.resample(frame)]
    left, right = np.concatenate(parts, axis=1)
    dialogue, description = levels(left - right), levels(right)
    # AAC makes both channels differ a little where they are alike.
    return Found(
        stretches((dialogue > HEARD) & (dialogue > ALIKE * description)), stretches(description > HEARD)
    )


def levels(sound: Samples) -> Samples:
    """The RMS of each frame."""
    size = round(FRAME * RATE)
    frames = sound[: len(sound) // size * size].reshape(-1, size)
    rms: Samples = np.sqrt(np.mean(np.square(frames), axis=1))
    return rms


def stretches(heard: npt.NDArray[np.bool_]) -> list[Stretch]:
    """Where something is heard; pauses of up to 0.5 s within belong to it, and no word is under 0.1 s."""
    found: list[Stretch] = []
    for index in np.flatnonzero(heard):
        at = float(index) * FRAME
        if found and at - found[-1][1] <= 0.5:
            found[-1] = (found[-1][0], at + FRAME)
        else:
            found.append((at, at + FRAME))
    return [(start, end) for start, end in found if end - start > 0.1]


def packets(path: Path) -> set[bytes]:
    """The pictures of a file as they are encoded."""
    with av.open(str(path)) as file:
        return {bytes(packet) for packet in file.demux(video=0) if packet.size}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    more = {"TTS_ENGINE": "espeak", "MEDIA_READ_USER": "viewer", "MEDIA_READ_PASSWORD": "for tests @ all"}
    with Stack(tmp_path_factory.mktemp("described"), ("dubber", "commentary", "tts"), more) as stack:
        yield stack


def test_descriptions_are_spoken_in_the_gaps_and_the_picture_is_copied(
    running: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    made, seen = running.folder / "programme.mp4", running.folder / "seen.mkv"
    programme(running, made)
    source = ["-re", "-stream_loop", "-1", "-i", str(made), "-c", "copy"]
    running.publish(source, "play", "rtmp")
    wait_for("published", lambda: "live/play" in running.ready_paths(), 30.0)
    with httpx.Client(base_url=f"{running.settings.commentary_address}/api", trust_env=False) as api:
        wishes = {"source": {"kind": "stream", "name": "live/play"}, "describe": True}
        answer = api.post("/sessions", json=wishes)
        assert answer.status_code == 201, answer.text
        address = f"/sessions/{answer.json()['id']}"

        def description() -> dict[str, Any]:
            return dict(api.get(address).json()["description"])

        wait_for("the first one is said", lambda: description()["said"] > 0, 60.0)
        # From here on there is something to say in every gap: what is said now is heard in 8 s.
        time.sleep(1.0)
        reading = [
            "-i",
            watch_address(running.settings, "described/play"),
            "-t",
            str(WATCHED_FOR),
            "-c",
            "copy",
        ]
        subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", *reading, str(seen)], check=True)
        heard = found_in(seen)
        with capsys.disabled():
            print(
                f"\naudio description: {heard.overlap:.1%} over dialogue; of {len(heard.gaps)} gaps of {GAP} "
                f"s {heard.used:.0%} used; {description()}"
            )
        assert len(heard.gaps) >= 5
        assert heard.overlap < MOST_OVERLAP
        assert heard.used >= FEWEST_USED
        pictures = packets(seen)
        assert len(pictures & packets(made)) >= 0.9 * len(pictures)

        api.patch(address, json={"describe": False})
        wait_for("gone", lambda: "described/play" not in running.ready_paths(), 20.0)
        assert api.get(address).json()["description"] is None
        api.delete(address)
