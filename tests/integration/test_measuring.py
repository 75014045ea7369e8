"""The measurements themselves, against the real media server: a plain relay shows their floor (DUB-9)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest

from app.demo.lines import Event
from app.demo.measure import SAME_BEEP, Measurement
from app.demo.picture import decode_number
from app.demo.statistics import pair_nearest
from tests.stack import Stack, wait_for


def enough(measurement: Measurement) -> bool:
    return measurement.figures().skew.count >= 2


@pytest.mark.parametrize("protocol", ["rtmp", pytest.param("rtsp", marks=pytest.mark.thorough)])
def test_what_is_published_arrives_unharmed_and_in_step(
    stack: Stack, tmp_path: Path, protocol: Literal["rtmp", "rtsp"]
) -> None:
    recording = tmp_path / "relayed.mp4"
    name = f"plain-{protocol}"
    with stack.sample(name, 30) as (_, measurement):
        reader = stack.read(f"live/{name}", measurement.on_received, record=recording, protocol=protocol)
        wait_for("two beeps with their flashes", lambda: enough(measurement), 60)
        reader.stop()
    figures = measurement.figures()
    assert figures.problem == ""
    assert abs(figures.skew.p50) < 0.08
    assert figures.delay.p50 > 0
    with av.open(str(recording)) as container:
        numbers = [
            decode_number(frame.to_ndarray(format="gray8").astype(np.uint8))
            for frame in container.decode(video=0)
        ]
    assert None not in numbers
    assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))


def test_the_first_viewer_of_a_dub_over_rtsp_has_picture_and_sound_in_step_at_once(stack: Stack) -> None:
    """Sender reports, which tell how they belong together, come ten seconds later."""
    events: list[Event] = []

    def skew() -> tuple[float] | None:
        flashes, beeps = ([e["pts"] for e in events if e["type"] == each] for each in ("flash", "beep"))
        pairs = pair_nearest(flashes, beeps, SAME_BEEP)
        return (pairs[0][1] - pairs[0][0],) if pairs else None

    with stack.sample("early", 30):
        wait_for("the dub is there", lambda: "dub/early/es" in stack.ready_paths(), 40)
        reader = stack.read("dub/early/es", events.append, protocol="rtsp")
        found = wait_for("a beep with its flash", skew, 30)
        reader.stop()
    assert abs(found[0]) < 0.08


def test_a_reader_of_nothing_says_so(stack: Stack) -> None:
    measurement = Measurement()
    reader = stack.read("live/nobody", measurement.on_received, wait=0.5)
    wait_for("the reader to give up", lambda: not reader.running, 20)
    reader.stop()
    assert measurement.figures().problem.startswith("reading: ")
    assert not measurement.received
