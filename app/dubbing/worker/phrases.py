"""The life of a phrase in a worker: cut, asked for, answered, fitted, placed, recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import structlog

from app.dubbing.messages import Caption, Outcome, Phrase
from app.dubbing.states import Counts
from app.dubbing.worker import fit
from app.dubbing.worker.lag import LagMeter
from app.dubbing.worker.mixer import SAMPLE_RATE as MIX_RATE
from app.dubbing.worker.mixer import Mixer
from app.dubbing.worker.profiles import Profile
from app.speech.client.sts_client import Answer
from app.speech.cutter import SAMPLE_RATE, Cut
from app.speech.protocol import Dub, PhraseMark

ANSWER_MARGIN = 0.05
MOST_OPEN = 64
# Seconds. A voice that speaks for so long raves, and would keep all dubs after it from being heard.
LONGEST_SPEECH = 30.0

log = structlog.get_logger()


@dataclass(frozen=True)
class _Open:
    cut: Cut
    start: float
    end: float


class Phrases:
    """Asks for dubs and puts them in the mixer, in time or not at all.

    `playhead` tells the output time that is leaving now; `tell` takes a Caption as soon as the texts
    are known and a Phrase once its outcome is; `placed` is given a dub as it will be heard. The mixer is
    used under `lock`.
    """

    def __init__(
        self,
        profile: Profile,
        mixer: Mixer,
        lock: threading.RLock,
        playhead: Callable[[], float],
        tell: Callable[[Caption | Phrase], None],
        placed: Callable[[int, fit.Samples], None] = lambda *_: None,
    ) -> None:
        self._profile = profile
        self._mixer = mixer
        self._lock = lock
        self._playhead = playhead
        self._tell = tell
        self._placed = placed
        self._open: dict[int, _Open] = {}
        self._last_id = 0
        self._lag = LagMeter()
        self.counts = Counts()

    @property
    def lag(self) -> LagMeter:
        """How late the dubs were."""
        return self._lag

    def cut(self, cut: Cut) -> PhraseMark:
        """The question to ask for a phrase that has just been cut."""
        self._last_id += 1
        phrase = _Open(cut, cut.start / SAMPLE_RATE, cut.end / SAMPLE_RATE)
        while len(self._open) >= MOST_OPEN:
            self._open.pop(next(iter(self._open)))
        self._open[self._last_id] = phrase
        left = phrase.start + self._profile.latest_start - self._playhead() - ANSWER_MARGIN
        return PhraseMark(
            id=self._last_id,
            start=cut.start,
            end=cut.end,
            deadline=max(left, 0.05),
            pause=cut.pause,
            seconds=phrase.end - phrase.start,
        )

    def forget(self) -> None:
        """The operator wants the original only: what is still asked for is not played."""
        self._open.clear()
        with self._lock:
            self._mixer.clear_dubs()

    def answered(self, answer: Answer) -> None:
        """Fits and places a dub, or records why there is none."""
        phrase = self._open.pop(answer.id, None)
        if phrase is None:
            return
        if answer.dub is None:
            outcome: Outcome = "wordless" if answer.code == "no_speech" else "passed_through"
            self._record(answer, phrase, outcome, answer.problem or answer.code)
            return
        try:
            self._dub(answer, answer.dub, phrase)
        except Exception as error:
            log.exception("a dub could not be placed", phrase=answer.id)
            self._record(answer, phrase, "passed_through", f"it could not be placed: {type(error).__name__}")

    def _dub(self, answer: Answer, dub: Dub, phrase: _Open) -> None:
        rate = dub.sample_rate
        sound = fit.trim(np.frombuffer(answer.pcm, "<i2").astype(np.float32) / 32768.0, rate)
        self._tell(self._caption(answer, phrase))
        if not len(sound):
            self._record(answer, phrase, "passed_through", "the voice said nothing")
            return
        if len(sound) > LONGEST_SPEECH * rate:
            self._record(answer, phrase, "dropped", f"the voice spoke for {len(sound) / rate:.0f} s")
            return
        plan = self._plan(phrase, len(sound) / rate)
        if plan.speed > 1.0:
            sound = fit.tighten(sound, rate)
            plan = self._plan(phrase, len(sound) / rate)
        if not plan.play:
            self._record(answer, phrase, "dropped", f"{plan.lateness:.1f} s late", plan)
            return
        shaped = fit.match_level(fit.retime(sound, rate, plan.speed, MIX_RATE), phrase.cut.level)
        with self._lock:
            said = round(phrase.start * MIX_RATE), round(phrase.end * MIX_RATE)
            placed = self._mixer.place(shaped, round(plan.start * MIX_RATE), said) / MIX_RATE
        self._placed(answer.id, shaped)
        plan = replace(plan, start=placed, lateness=placed - phrase.start)
        self._lag.add(phrase.start, plan.lateness)
        self._record(answer, phrase, "late" if plan.lateness > fit.IN_TIME else "in_time", "", plan)

    def _plan(self, phrase: _Open, seconds: float) -> fit.Plan:
        with self._lock:
            free_from = self._mixer.free_from() / MIX_RATE
        return fit.plan(
            start=phrase.start,
            end=phrase.end,
            pause=phrase.cut.pause,
            seconds=seconds,
            free_from=free_from,
            latest_start=self._profile.latest_start,
        )

    def _heard_at(self, phrase: _Open) -> tuple[float, float]:
        """The Unix times at which the phrase's sound begins and ends to leave the output."""
        to_unix = time.time() - self._playhead()
        return to_unix + phrase.start, to_unix + phrase.end

    def _caption(self, answer: Answer, phrase: _Open) -> Caption:
        shown_at, hidden_at = self._heard_at(phrase)
        assert answer.dub is not None
        return Caption(
            id=answer.id,
            start=phrase.start,
            end=phrase.end,
            shown_at=shown_at,
            hidden_at=hidden_at,
            source=answer.dub.source,
            target=answer.dub.target,
            speaker=speaker_of(answer),
        )

    def _record(
        self,
        answer: Answer,
        phrase: _Open,
        outcome: Outcome,
        reason: str,
        plan: fit.Plan | None = None,
    ) -> None:
        self.counts = replace(self.counts, **{outcome: getattr(self.counts, outcome) + 1})
        stages = {"answer": answer.seconds}
        if answer.dub is not None:
            stages |= answer.dub.timings.model_dump()
        shown_at, hidden_at = self._heard_at(phrase)
        record = Phrase(
            id=answer.id,
            start=phrase.start,
            end=phrase.end,
            shown_at=shown_at,
            hidden_at=hidden_at,
            source=answer.dub.source if answer.dub else "",
            target=answer.dub.target if answer.dub else "",
            outcome=outcome,
            reason=reason,
            lateness=plan.lateness if plan else 0.0,
            speed=plan.speed if plan and plan.play else 0.0,
            stages={name: round(seconds, 4) for name, seconds in stages.items()},
            speaker=speaker_of(answer),
        )
        log.debug("phrase", id=answer.id, outcome=outcome, reason=reason, lateness=record.lateness)
        self._tell(record)


def speaker_of(answer: Answer) -> int:
    """The number of who says a phrase; 0 where that isn't known."""
    speaker = answer.dub.speaker if answer.dub else None
    return speaker.number if speaker else 0
