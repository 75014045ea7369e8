"""Cleans transcripts up with the language model of the settings: a job for each, question by question."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

import structlog
from procrastinate import App
from procrastinate.exceptions import ProcrastinateException
from sqlalchemy.exc import OperationalError

from app.archive import cleaning, jobs
from app.archive.cleaning import Phrase, Senseless
from app.archive.cleanups import Cleanups
from app.archive.tables import Cleanup, State
from app.archive.transcripts import Transcripts
from app.llm.known import ModelProblem

if TYPE_CHECKING:
    from app.llm.client import LanguageModel

log = structlog.get_logger(__name__)

LEAST_TIMEOUT = 120.0
"""Seconds for an answer: nobody waits for it as in a call, and small machines write slowly."""
WAITS = (2.0, 10.0)
"""Seconds before a question that failed is asked again."""
AGAIN_AFTER = 2.0
AT_ONCE = 2


class Superseded(Exception):
    """The clean-up is not wanted any more, or another attempt has it."""


class Cleaner:
    """Works off clean-ups."""

    def __init__(self, model: LanguageModel, transcripts: Transcripts, cleanups: Cleanups) -> None:
        self.model = model
        self.transcripts = transcripts
        self.cleanups = cleanups

    async def run(self, queue: App) -> None:
        """Works off the queue, until cancelled."""
        queue.task(name=jobs.CLEAN, queue=jobs.CLEANING)(self.clean)
        try:
            while True:
                try:
                    if again := await self.cleanups.unfinished():
                        log.info("clean-ups go on", cleanups=again)
                    async with queue.open_async():
                        await queue.run_worker_async(
                            queues=[jobs.CLEANING],
                            name="cleaning",
                            concurrency=AT_ONCE,
                            install_signal_handlers=False,
                            delete_jobs="always",
                            fetch_job_polling_interval=2.0,
                            # What is cut off goes on with the next start.
                            shutdown_graceful_timeout=0.1,
                        )
                except (ProcrastinateException, OperationalError) as error:
                    log.warning("the queue is out of reach", error=str(error), again_in=AGAIN_AFTER)
                await asyncio.sleep(AGAIN_AFTER)
        finally:
            await self.model.close()

    async def clean(self, cleanup: str) -> None:
        """Cleans one up, from the question on that was not answered yet."""
        begun = await self.cleanups.begin(uuid.UUID(cleanup))
        if begun is None:
            return
        known, language = begun
        try:
            await self._work(known, language)
        except Superseded:
            log.info("a clean-up is not wanted any more", cleanup=cleanup)
        except ModelProblem as error:
            await self.cleanups.wrote(known, state=State.FAILED, problem=str(error))

    async def _work(self, known: Cleanup, language: str) -> None:
        segments = await self.transcripts.segments(known.transcript_id)
        phrases = [Phrase.of(each) for each in segments]
        texts = cleaning.parts(phrases, cleaning.LETTERS)
        sections = cleaning.parts(phrases, cleaning.SECTION)
        total = len(texts) + len(sections) + 1
        changes, outlines, refused = list(known.changes), list(known.outlines), known.refused
        for step in range(known.done, total - 1):
            if step < len(texts):
                before = texts[step - 1][-1] if step else None
                new = await self._tidied(texts[step], before, language)
                changes += new or []
                refused += new is None
            else:
                outline = await self._outlined(sections[step - len(texts)], language)
                outlines += [outline] if outline else []
            await self._note(
                known, parts=total, done=step + 1, changes=changes, outlines=outlines, refused=refused
            )
        summary = await self._joined([each["summary"] for each in outlines if each["summary"]], language)
        await self._note(known, done=total, summary=summary, state=State.DONE)

    async def _note(self, known: Cleanup, **values: object) -> None:
        if not await self.cleanups.wrote(known, **values):
            raise Superseded

    async def _tidied(
        self, part: list[Phrase], before: Phrase | None, language: str
    ) -> list[dict[str, Any]] | None:
        """What changes in a part; None where two answers can't be used."""
        asked = cleaning.question(part, before)
        for _ in range(2):
            answer = await self._ask(cleaning.TIDY.format(language=language), asked, cleaning.TIDIED)
            try:
                return cleaning.changes(part, answer)
            except Senseless as error:
                log.info("an answer is not used", reason=str(error))
        return None

    async def _outlined(self, section: list[Phrase], language: str) -> dict[str, Any] | None:
        asked = cleaning.numbered(section)
        for _ in range(2):
            answer = await self._ask(cleaning.OUTLINE.format(language=language), asked, cleaning.OUTLINED)
            try:
                return cleaning.outlined(section, answer)
            except Senseless as error:
                log.info("an answer is not used", reason=str(error))
        return None

    async def _joined(self, summaries: list[str], language: str) -> str:
        """One summary of several; all of them in a row where the model makes none."""
        if len(summaries) > 1:
            asked = "\n\n".join(f"{number}\n{each}" for number, each in enumerate(summaries, 1))
            answer = await self._ask(cleaning.JOIN.format(language=language), asked, cleaning.JOINED)
            try:
                return cleaning.joined(answer)
            except Senseless as error:
                log.info("an answer is not used", reason=str(error))
        return "\n".join(summaries)

    async def _ask(self, system: str, user: str, schema: dict[str, Any]) -> str:
        """An answer, asked for again where there was none. Raises ModelProblem."""
        for wait in WAITS:
            try:
                return await self.model.json(system, user, schema, cleaning.LONGEST_ANSWER)
            except ModelProblem as error:
                log.info("the language model is asked again", reason=str(error), wait=wait)
                await asyncio.sleep(wait)
        return await self.model.json(system, user, schema, cleaning.LONGEST_ANSWER)
