"""A short sample, really spoken and encoded, holds what the measurements look for."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from app.demo import sample, script
from app.demo.beep import find
from app.demo.picture import RATE, Luma, decode_number, is_flash
from app.demo.publish import looped
from app.demo.read import Recording, as_mono

SECONDS = 8.0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield sample.sample_video(SECONDS)


def test_it_is_made_once(video: Path) -> None:
    made = video.stat().st_mtime_ns
    assert sample.sample_video(SECONDS).stat().st_mtime_ns == made


def luma(frame: av.VideoFrame) -> Luma:
    """Its brightness, without its colours."""
    return frame.to_ndarray()[: frame.height].astype(np.uint8)


def test_every_picture_carries_its_number_and_a_keyframe_comes_each_second(video: Path) -> None:
    with av.open(str(video)) as container:
        frames = list(container.decode(video=0))
    assert [decode_number(luma(frame)) for frame in frames] == list(range(script.whole_frames(SECONDS)))
    assert [n for n, frame in enumerate(frames) if frame.key_frame] == list(range(0, len(frames), RATE))


def test_beeps_and_flashes_start_together(video: Path) -> None:
    with av.open(str(video)) as container:
        lit = [is_flash(luma(frame)) for frame in container.decode(video=0)]
    flashes = [n / RATE for n, (before, now) in enumerate(pairwise(lit), 1) if now and not before]
    with av.open(str(video)) as container:
        sound = np.concatenate([as_mono(frame) for frame in container.decode(audio=0)])
    assert flashes
    assert [beep.at for beep in find(sound, sample.SOUND_RATE)] == pytest.approx(flashes, abs=0.002)


def test_a_looped_sample_has_no_seam(video: Path) -> None:
    with av.open(str(video)) as container:
        length = Fraction(script.whole_frames(SECONDS), RATE)
        times: dict[str, list[Fraction]] = {"video": [], "audio": []}
        for packet, at in looped(container, length, loops=2):
            times[packet.stream.type].append(at)
    assert {after - before for before, after in pairwise(times["video"])} == {Fraction(1, RATE)}
    assert {after - before for before, after in pairwise(times["audio"])} == {Fraction(1024, 48000)}
    assert times["video"][-1] == 2 * length - Fraction(1, RATE)


def test_a_recording_starts_at_a_keyframe_and_at_zero(video: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.mp4"
    with av.open(str(video)) as container:
        recording = Recording(str(recorded), container.streams)
        for packet in container.demux():
            if packet.dts is not None and float(packet.dts * packet.time_base) > 1.5:
                recording.write(packet)
        recording.close()
    with av.open(str(recorded)) as container:
        first = next(container.decode(video=0))
        assert first.pts == 0
        assert decode_number(luma(first)) == 2 * RATE
