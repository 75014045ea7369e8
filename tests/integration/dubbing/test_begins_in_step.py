"""How a publication begins, at the real media server: in step, also where its process has to wait."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

import av
import numpy as np
import pytest

from app.demo.sample import sample_video
from app.dubbing.join.matching import TAIL
from app.dubbing.service import addresses
from app.dubbing.viewing import Broken, packets, reading
from app.dubbing.worker.mixer import SAMPLE_RATE
from app.dubbing.worker.output import BLOCK, FIRST_SOUND, PRIMING, Encoded, Output
from tests.integration.conftest import NewStack
from tests.stack import wait_for

SECRET = "secret-of-a-test"  # pragma: allowlist secret
NAME, LANGUAGE = "late", "es"
STALL = 0.4
"""Seconds that the process gets no time, once it has sent the first picture and its sound."""
PICTURE = 0.04
ENOUGH = 20

Times = dict[bytes, float]


class Read(threading.Thread):
    """Reads the dub as any viewer does: when its pictures and its AAC frames are shown, by their ends."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.pictures: Times = {}
        self.sounds: Times = {}

    def run(self) -> None:
        # It ends as the publication does.
        with suppress(Broken), reading(self.address) as source:
            for packet in packets(source, list(source.streams)):
                into = self.pictures if packet.stream.type == "video" else self.sounds
                into[end_of(packet)] = float(packet.pts * packet.time_base)

    def has_enough(self) -> bool:
        return min(len(self.pictures), len(self.sounds)) >= ENOUGH


def end_of(packet: av.Packet[Any]) -> bytes:
    return bytes(packet)[-TAIL:]


def moved(read: Times, sent: Times) -> float:
    """From the times that were sent to those that are read, in seconds."""
    return float(np.median([read[each] - sent[each] for each in read.keys() & sent.keys()]))


@pytest.mark.parametrize("stall", [0.0, STALL])
def test_a_process_that_stalls_after_its_first_picture_has_its_sound_in_step(
    new_stack: NewStack, stall: float
) -> None:
    settings = new_stack("media", "dubber", HANDOVER_SECRET=SECRET).settings
    at = addresses.dub_at(settings, SECRET, NAME, LANGUAGE)
    noise = np.random.default_rng(0)
    pictures: Times = {}
    sounds: Times = {}
    with av.open(str(sample_video(60.0))) as clip:
        video = clip.streams.video[0]
        output = Output(addresses.publish_url(settings, SECRET, f"dub/{NAME}/{LANGUAGE}"), video)
        reader = Read(at.read)

        def sound(position: int, count: int) -> list[Encoded]:
            """Noise from there on, encoded; when each AAC frame is to be heard is noted."""
            samples = noise.normal(0.0, 0.1, (count, 2)).astype(np.float32)
            encoded = list(output.encoded(position, samples))
            for packet in encoded:
                if packet.stream.codec_context.name == "aac":
                    sounds[end_of(packet)] = float((packet.pts or 0) * (packet.time_base or 0))
            return encoded

        with output:
            began, position = time.monotonic(), PRIMING
            shown = (packet for packet in clip.demux(video) if packet.dts is not None)
            for number, packet in enumerate(shown):
                due = number * PICTURE
                time.sleep(max(0.0, began + due - time.monotonic()))
                pictures[end_of(packet)] = due
                if number == 0:
                    first = sound(position, FIRST_SOUND)
                    output.write_video(packet, due, due)
                    output.send(first)
                    position += FIRST_SOUND
                    time.sleep(stall)
                    reader.start()
                else:
                    output.write_video(packet, due, due)
                while position < (time.monotonic() - began) * SAMPLE_RATE:
                    output.send(sound(position, BLOCK))
                    position += BLOCK
                if reader.has_enough():
                    break
    wait_for("pictures and sound", lambda: reader.has_enough() or None, 1.0)
    assert abs(moved(reader.sounds, sounds) - moved(reader.pictures, pictures)) < 0.05
