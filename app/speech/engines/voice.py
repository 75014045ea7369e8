"""Learns a speaker's voice: vocal tract length normalisation, unsupervised, while the session runs.

Voices differ by the length of the vocal tract, which stretches the frequency axis. PocketSphinx can
warp it by a factor. Which factor fits is found by decoding a few seconds with each and comparing how
sure the decoder is of its words (posteriors, which unlike likelihoods don't favour a smoother
spectrum). (Lee and Rose, "A frequency warping approach to speaker normalization", 1998; the posterior
as criterion is ours.)
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from app.speech.engines.sphinx_library import Decoder
from app.speech.sound import to_pcm
from app.speech.types import RECOGNISER_RATE, Samples, Word

FACTORS = (0.86, 0.93, 1.0, 1.07)
PIECE = 7.0
"""Seconds of speech that are tried with each factor; about 0.6 s of CPU time a factor."""
EVERY = (7.0, 10.0, 14.0, 20.0, 30.0)
"""Seconds from one trial to the next; after these, LATER."""
DOUBT = 0.7
"""Each factor's handicap for each unit it is away from 1.0: one short trial must not decide."""
LATER = 90.0
FORGETTING = 0.9
LOWEST_PRIORITY = 19


def yield_to_others() -> None:
    """Gives this thread what processor time others leave: a trial can wait, a phrase can't.

    Only Linux has priorities of threads; elsewhere nothing changes.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)


class Evidence:
    """How well each factor has done, the latest trials counting most. Pure."""

    def __init__(self) -> None:
        self._scores = dict.fromkeys(FACTORS, 0.0)

    def add(self, scores: dict[float, float]) -> float:
        """Takes a trial's mean log posteriors; returns the best factor. A trial that failed counts not."""
        if all(math.isfinite(score) for score in scores.values()):
            for factor, score in scores.items():
                self._scores[factor] = FORGETTING * self._scores[factor] + score
        return max(FACTORS, key=lambda factor: self._scores[factor] - DOUBT * abs(factor - 1.0))


class VoiceScout:
    """The decoder that tries factors, for all sessions of a process, one trial at a time."""

    def __init__(self, new_decoder: Callable[[], Decoder], background: bool) -> None:
        self._new_decoder = new_decoder
        self._decoder: Decoder | None = None
        self._executor = (
            ThreadPoolExecutor(1, thread_name_prefix="voice", initializer=yield_to_others)
            if background
            else None
        )
        self._lock = threading.Lock()

    def listener(self) -> VoiceListener:
        """For a new session."""
        return VoiceListener(self)

    def start(self, trial: Callable[[], None]) -> None:
        """Runs a trial, in the background where that is wanted."""
        if self._executor is None:
            trial()
        else:
            self._executor.submit(trial)

    def scores(self, sound: Samples) -> dict[float, float]:
        """How sure the decoder is of its words in the sound, by factor."""
        with self._lock:
            if self._decoder is None:
                self._decoder = self._new_decoder()
            found = {}
            for factor in FACTORS:
                self._decoder.warp(factor)
                self._decoder.start()
                self._decoder.feed(to_pcm(sound))
                self._decoder.end()
                found[factor] = self._decoder.confidence()
            return found

    def close(self) -> None:
        """Ends the trials and frees the decoder."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()


class VoiceListener:
    """One session's speaker. `heard` offers sound for trials, `changed` tells a new factor once."""

    def __init__(self, scout: VoiceScout) -> None:
        self._scout = scout
        self._evidence = Evidence()
        self._trials = 0
        self._next = EVERY[0]
        self._since = 0
        self._end = 0
        self._busy = False
        self._collected: list[Samples] = []
        self._used = 1.0
        self._best = 1.0

    def heard(self, sound: Samples, start: int, words: Sequence[Word]) -> None:
        """Takes an utterance into account, which starts at sample `start`; starts a trial in its time."""
        end = start + sound.size
        known = self._end - start if self._end <= end else 0
        self._end = end
        fresh = sound[max(0, known) :]
        self._since += fresh.size
        if self._busy or self._since < (self._next - PIECE) * RECOGNISER_RATE or not words:
            return
        self._collected.append(fresh)
        if sum(part.size for part in self._collected) < PIECE * RECOGNISER_RATE:
            return
        piece = np.concatenate(self._collected)[-int(PIECE * RECOGNISER_RATE) :]
        self._collected = []
        self._busy, self._since = True, 0
        self._trials += 1
        self._next = EVERY[self._trials] if self._trials < len(EVERY) else LATER
        self._scout.start(lambda: self._try(piece))

    def changed(self) -> float | None:
        """The factor to use from now on, where it is another than before."""
        if self._best == self._used:
            return None
        self._used = self._best
        return self._used

    def _try(self, piece: Samples) -> None:
        try:
            self._best = self._evidence.add(self._scout.scores(piece))
        finally:
            self._busy = False
