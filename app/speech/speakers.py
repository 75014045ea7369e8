"""Who speaks when: words in runs without a pause, and runs of the same voice together.

Names are "Speaker 1", "Speaker 2" and so on, as they begin to speak; one voice alone has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.speech.engines.voiceprint import SPAN, Voiceprint
from app.speech.lines import Line
from app.speech.types import RECOGNISER_RATE, Samples

PAUSE = 0.3
"""Seconds between two words after which somebody else may speak."""
SHORTEST = 0.8
"""Seconds of a run that its voice can be told by."""
NEAR = 0.75
"""Likeness, in the mean, of prints of one voice. Measured with synthesised dialogues cut into sentences whose
borders are a little wrong: sentences of one voice are 0.82 alike in the mean, of two voices of one engine
0.68 to 0.71, of two engines' 0.40 to 0.52. A voice and the same one played a tenth faster (0.78) are one.
"""
SAME = 0.94
"""Likeness of the prints of one voice in two recordings. Of fourteen synthesised voices, 8 to 12 s in each, a
voice was 0.955 to 0.979 alike to itself (with one sentence in each 0.90 to 0.96), to another at most 0.929,
and 0.948 where that was the same voice a semitone higher. With noise 20 dB below it was 0.70 to 0.91."""
MOST_COMPARED = 600
"""Longest runs that voices are found by; the others of a long recording go to the nearest voice."""
LEAST = 2.0
"""Seconds that a voice speaks at least: what is shorter is a cough, or a voice that laughs."""

ENOUGH = 5.0
"""Seconds of speech that a voice is kept of at least."""

Floats = NDArray[np.float32]

MOST_PRINTS = 8
"""Prints of a run: more of the same voice tell nothing new."""


@dataclass(frozen=True)
class Run:
    """Words of a line without a pause: the line's number, the first word and that after the last."""

    line: int
    first: int
    last: int
    start: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start


def runs(lines: Sequence[Line]) -> list[Run]:
    """All runs, in order."""
    found: list[Run] = []
    for number, line in enumerate(lines):
        begin = 0
        for at, word in enumerate(line.words, 1):
            if at == len(line.words) or line.words[at].start - word.end >= PAUSE:
                found.append(Run(number, begin, at, line.words[begin].start, word.end))
                begin = at
    return found


def stretches(blocks: Iterable[Samples], spans: Sequence[tuple[float, float]]) -> Iterator[Samples]:
    """The sound of each span of seconds, which begin in order; no more of it is held than one needs."""
    held, begin = np.zeros(0, np.float32), 0
    source = iter(blocks)
    for start, end in spans:
        first, last = (round(at * RECOGNISER_RATE) for at in (start, end))
        parts, size = [held], begin + held.size
        while size < last and (block := next(source, None)) is not None:
            parts.append(block)
            size += block.size
        whole = np.concatenate(parts)
        first = min(max(first, begin), size)
        held, begin = whole[first - begin :], first
        yield held[: max(0, last - first)]


def prints_of(
    model: Voiceprint, blocks: Iterable[Samples], all_runs: Sequence[Run]
) -> tuple[list[int], Floats]:
    """The numbers of the runs that are long enough, and a print of each; `blocks` are the whole sound."""
    long = [number for number, run in enumerate(all_runs) if run.seconds >= SHORTEST]
    spans = [(all_runs[number].start, all_runs[number].end) for number in long]
    prints = [_print(model, each) for each in stretches(blocks, spans)]
    return long, np.stack(prints) if prints else np.zeros((0, 256), np.float32)


def _print(model: Voiceprint, sound: Samples) -> Floats:
    last = max(0, sound.size - SPAN)
    count = min(MOST_PRINTS, 1 + 2 * last // SPAN)
    begins = [round(each) for each in np.linspace(0, last, count)] if count > 1 else [0]
    mean = model.prints(sound, begins).mean(axis=0)
    made: Floats = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return made


def together(prints: Floats, seconds: Sequence[float]) -> list[int]:
    """A number for the voice of each print, by their likeness and how long each spoke."""
    order = np.argsort(-np.asarray(seconds), kind="stable")[:MOST_COMPARED]
    groups = [[int(order[each]) for each in group] for group in merged(prints[order])]
    long = [group for group in groups if sum(seconds[each] for each in group) >= LEAST] or groups[:1]
    weights = np.asarray(seconds, np.float32)[:, None]
    centres = np.stack([(prints[group] * weights[group]).sum(axis=0) for group in long])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    return [int(each) for each in np.argmax(prints @ centres.T, axis=1)]


def voiced(prints: Floats, seconds: Sequence[float]) -> Floats:
    """The print of a voice, of prints that are its own and how long each is."""
    made: Floats = (prints * np.asarray(seconds, np.float32)[:, None]).sum(axis=0)
    return made / max(float(np.linalg.norm(made)), 1e-9)


def known(voices: Mapping[int, Floats], names: Sequence[tuple[str, Floats]]) -> dict[int, str]:
    """Names of the voices that are known: the most alike first, each voice and each name once."""
    pairs = sorted(
        ((float(made @ other), number, name) for number, made in voices.items() for name, other in names),
        reverse=True,
    )
    found: dict[int, str] = {}
    for alike, number, name in pairs:
        if alike >= SAME and number not in found and name not in found.values():
            found[number] = name
    return found


def called(voices: Sequence[int | None]) -> dict[int, str]:
    """What a transcript calls each voice, in the order in which they begin to speak."""
    numbers = list(dict.fromkeys(each for each in voices if each is not None))
    return {number: f"Speaker {at}" for at, number in enumerate(numbers, 1)}


def merged(prints: Floats) -> list[list[int]]:
    """Groups of prints, the nearest two merged (by the mean of their likenesses) as long as they are NEAR."""
    groups = [[each] for each in range(len(prints))]
    sums = (prints @ prints.T).astype(np.float64)
    sizes = np.ones(len(prints))
    np.fill_diagonal(sums, -np.inf)
    alive = np.ones(len(prints), bool)
    while alive.sum() > 1:
        means = np.where(np.outer(alive, alive), sums / np.outer(sizes, sizes), -np.inf)
        one, other = divmod(int(np.argmax(means)), len(prints))
        if means[one, other] < NEAR:
            break
        groups[one] += groups[other]
        sums[one] += sums[other]
        sums[:, one] = sums[one]
        sums[one, one] = -np.inf
        sizes[one] += sizes[other]
        alive[other] = False
    return [groups[each] for each in np.flatnonzero(alive)]


def spoken(
    lines: Sequence[Line], all_runs: Sequence[Run], voices: Sequence[int | None], *, alone: bool = False
) -> list[list[Line]]:
    """What becomes of each line: itself with its speaker, or parts of it where that changes within.

    A run whose voice isn't known (None) is the one's before it, at the beginning the one's after it. A
    single voice is only called something where it may be so `alone`.
    """
    names = called(voices)
    if len(names) < (1 if alone else 2):
        return [[line] for line in lines]
    found: list[list[Line]] = [[] for _ in lines]
    current = next(iter(names))
    for run, voice in zip(all_runs, voices, strict=True):
        current = current if voice is None else voice
        line, parts = lines[run.line], found[run.line]
        if parts and parts[-1].speaker == names[current]:
            parts[-1] = replace(
                parts[-1], end=run.end, words=(*parts[-1].words, *line.words[run.first : run.last])
            )
        else:
            start = run.start if parts else line.start
            words = line.words[run.first : run.last]
            parts.append(Line(start, run.end, names[current], words, line.paragraph and not parts))
    for line, parts in zip(lines, found, strict=True):
        if parts:
            parts[-1] = replace(parts[-1], end=max(line.end, parts[-1].end))
    return [parts or [line] for line, parts in zip(lines, found, strict=True)]
