"""Fits a dub to the time of the original phrase: where it starts, how fast it is, how loud it is."""

from __future__ import annotations

import fractions
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

COMFORTABLE_SPEED = 1.25
FASTEST_SPEED = 1.4
IN_TIME = 0.1
OVERRUN = 0.05
"""Seconds that a dub may last longer than its phrase: a pause may be as short as the phrases' padding."""
SILENCE = 10 ** (-45 / 20)
KEPT_EDGE = 0.02
FRAME = 0.01
LONGEST_PAUSE = 0.1
"""Seconds of silence that are left between the sentences of a dub that would else be too long."""
LEVEL_RANGE = (10 ** (-30 / 20), 10 ** (-14 / 20))


@dataclass(frozen=True)
class Plan:
    """Where a dub starts (seconds on the output's timeline), its speed, and how late that is.

    `play` is False where it would come too late to be worth hearing.
    """

    play: bool
    start: float
    speed: float
    lateness: float


def plan(
    *, start: float, end: float, pause: bool, seconds: float, free_from: float, latest_start: float
) -> Plan:
    """Where and how fast to play a dub of `seconds` for the phrase [start, end).

    A dub starts with its phrase, or as soon as it can. It is sped up so that the next one is in time, by
    1.25 at most; by up to 1.4 where it runs behind or the next phrase follows at once. A short one is
    never stretched.
    """
    at = max(start, free_from)
    lateness = at - start
    if lateness > latest_start:
        return Plan(False, at, 1.0, lateness)
    room = max(end + OVERRUN - at, 0.1)
    fastest = COMFORTABLE_SPEED if pause and lateness <= IN_TIME else FASTEST_SPEED
    return Plan(True, at, min(max(seconds / room, 1.0), fastest), lateness)


def trim(samples: Samples, sample_rate: int) -> Samples:
    """The sound without the silence (below -45 dBFS) at its ends, but for 20 ms."""
    loud = np.flatnonzero(np.abs(samples) > SILENCE)
    if not len(loud):
        return samples[:0]
    edge = round(KEPT_EDGE * sample_rate)
    return samples[max(0, loud[0] - edge) : loud[-1] + 1 + edge]


def tighten(samples: Samples, sample_rate: int) -> Samples:
    """The sound with the pauses inside it no longer than LONGEST_PAUSE: quicker, and as easy to follow."""
    size = max(1, round(FRAME * sample_rate))
    count = len(samples) // size
    loud = np.abs(samples[: count * size].reshape(count, size)).max(axis=1, initial=0.0) > SILENCE
    kept, quiet = np.ones(count, bool), 0
    for index, sounds in enumerate(loud):
        quiet = 0 if sounds else quiet + 1
        kept[index] = quiet * FRAME <= LONGEST_PAUSE
    return np.concatenate(
        [samples[: count * size].reshape(count, size)[kept].reshape(-1), samples[count * size :]]
    )


def match_level(samples: Samples, level: float) -> Samples:
    """The sound at the RMS `level` of the original phrase, kept between -30 and -14 dBFS."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    if rms == 0.0:
        return samples
    target = min(max(level, LEVEL_RANGE[0]), LEVEL_RANGE[1])
    return (samples * np.float32(target / rms)).astype(np.float32)


def retime(samples: Samples, sample_rate: int, speed: float, out_rate: int) -> Samples:
    """The sound at another speed with its pitch kept, and at another sample rate.

    Mono float32 in and out. Uses FFmpeg's atempo (waveform similarity overlap-add) and swresample.
    """
    if not len(samples):
        return samples
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=sample_rate,
        format="flt",
        layout="mono",
        time_base=fractions.Fraction(1, sample_rate),
    )
    last = source
    if abs(speed - 1.0) > 0.005:
        tempo = graph.add("atempo", f"{speed:.4f}")
        last.link_to(tempo)
        last = tempo
    shape = graph.add("aformat", f"sample_fmts=flt:channel_layouts=mono:sample_rates={out_rate}")
    last.link_to(shape)
    sink = graph.add("abuffersink")
    shape.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples[None, :].astype(np.float32), format="flt", layout="mono")
    frame.sample_rate = sample_rate
    frame.pts = 0
    source.push(frame)
    source.push(None)
    parts = []
    while True:
        try:
            pulled = sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        assert isinstance(pulled, av.AudioFrame)
        parts.append(pulled.to_ndarray().reshape(-1))
    return np.concatenate(parts).astype(np.float32) if parts else samples[:0]
