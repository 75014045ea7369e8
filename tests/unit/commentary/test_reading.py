"""Text on screen: read by the real networks, told once (COM-2)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from app.commentary import wording
from app.commentary.frames.provider import Frame, Health, Picture, Slot
from app.commentary.messages import NewSession, Source
from app.commentary.reading import Box, Reader, configured, joined, marked
from app.commentary.scene import Happening
from app.commentary.session import LiveSession
from app.commentary.speech import Speech
from app.commentary.streams import Streams
from app.commentary.texts import FORGOTTEN_AFTER, MOST_AT_ONCE, Texts
from app.commentary.translation import Translation
from app.demo.commentary import video
from app.demo.commentary.script import SIGN
from app.settings import load
from tests.unit.commentary import moving_pictures

NEWS = "Schools reopen on Monday"


def written(picture: Picture, *lines: tuple[int, int, str, int]) -> Picture:
    """The picture with lines of text on dark ground: x, y, words, height."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for x, y, words, size in lines:
        font = ImageFont.load_default(size=size)
        draw.rectangle(draw.textbbox((x - 8, y), words, font=font), fill=(10, 20, 60))
        draw.text((x, y), words, font=font, fill="white")
    return np.asarray(image)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    found = configured(Path(tmp_path_factory.mktemp("models")))
    assert found is not None
    return found


def test_lines_are_read_from_top_to_bottom(reader: Reader) -> None:
    picture = written(moving_pictures.GREY, (40, 290, NEWS, 28), (60, 40, "Exit 12", 36))
    assert reader.read(picture) == ["Exit 12", NEWS]


def test_the_demos_text_is_read(reader: Reader) -> None:
    assert reader.read(video.with_text(video.tiles(3, "blue"), SIGN)) == [SIGN]


def test_a_phones_upright_picture_is_read_too(reader: Reader) -> None:
    picture = written(np.full((640, 360, 3), 90, np.uint8), (20, 400, "Platform seven", 30))
    assert reader.read(picture) == ["Platform seven"]


@pytest.mark.parametrize("picture", [moving_pictures.RED, moving_pictures.BLACK, moving_pictures.GREY])
def test_where_nothing_is_written_nothing_is_read(reader: Reader, picture: Picture) -> None:
    assert reader.read(picture) == []


def test_a_map_of_probabilities_becomes_lines_that_are_larger_than_what_was_marked() -> None:
    found = np.zeros((64, 128), np.float32)
    found[20:28, 10:90] = 0.9
    found[50:54, 100:120] = 0.35
    (box,) = marked(found)
    assert box == Box(11, 37, 1, 99)


def test_parts_that_touch_are_one() -> None:
    cells = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], bool)
    assert sorted(joined(cells), key=lambda box: box.left) == [Box(0, 2, 0, 2), Box(1, 3, 3, 4)]


def test_a_text_is_told_once_and_anew_when_it_was_away_for_long() -> None:
    texts = Texts()
    texts.seen([NEWS, "15:32"], 0.0)
    assert texts.waiting == (NEWS,)
    texts.told(texts.waiting, 1.0)
    assert list(texts.waiting) == []
    # Read a little differently, it is the same.
    texts.seen(["Schools reopen on Mondav"], 5.0)
    assert list(texts.waiting) == []
    texts.seen([], 20.0)
    texts.seen([NEWS], 5.0 + FORGOTTEN_AFTER + 1.0)
    assert texts.waiting == (NEWS,)


def test_what_goes_away_before_it_was_told_is_not_told_and_of_much_only_some() -> None:
    texts = Texts()
    texts.seen([NEWS], 0.0)
    texts.seen([], 4.0)
    assert list(texts.waiting) == []
    texts.seen(["north gate", "east window", "south harbour", "west tower"], 8.0)
    assert len(texts.waiting) == MOST_AT_ONCE


def test_it_is_said_plainly() -> None:
    happened = Happening("text", 0.0, "even", None, texts=("Exit 12", NEWS))
    assert wording.sentence(happened, 0) == f"On screen: “Exit 12”, “{NEWS}”."


class Showing:
    """A provider of these pictures, each for so many frames, five a second."""

    def __init__(self, shown: Sequence[tuple[Picture, int]]) -> None:
        self._shown = shown
        self._slot = Slot()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._task = asyncio.create_task(self._show())

    async def _show(self) -> None:
        for picture, count in self._shown:
            for _ in range(count):
                self._slot.put(picture, 0.0)
                await asyncio.sleep(0.2)
        self._slot.end()

    @property
    def latest(self) -> Frame | None:
        return self._slot.latest

    async def newer(self, number: int) -> Frame | None:
        return await self._slot.newer(number)

    @property
    def health(self) -> Health:
        return Health(self._slot.fresh, self._slot.rate, None, self._slot.ended)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()


def test_a_session_tells_the_text_of_a_new_scene_once(reader: Reader) -> None:
    reader.read(moving_pictures.GREY)
    sign = written(moving_pictures.BLUE, (60, 150, NEWS, 32))
    settings = load({})
    asked = NewSession(source=Source(kind="file", name="x.mp4"), pace="lively", speech=False)

    async def said() -> list[tuple[str, str]]:
        provider = Showing([(moving_pictures.RED, 10), (sign, 40)])
        speech, translation, streams = Speech(settings), Translation(settings), Streams(settings)
        session = LiveSession("x", asked, provider, None, speech, translation, streams, reader)
        await session.open()
        number = 0
        while (frame := await provider.newer(number)) is not None:
            number = frame.number
        await session.close()
        for each in (speech, translation, streams):
            await each.close()
        return [(comment.why, comment.text) for comment in session.comments]

    found = asyncio.run(said())
    assert [text for why, text in found if why == "text"] == [f"On screen: “{NEWS}”."]
    assert [why for why, _ in found][:2] == ["start", "cut"]
