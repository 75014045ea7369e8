"""What is found in made pictures: cuts, pans, flicker, fades, movement, stillness (COM-1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from app.commentary.change import look, main_colour, shrink
from app.commentary.frames.provider import Picture
from app.commentary.scene import Happening, Scene
from tests.unit.commentary.moving_pictures import (
    BLACK,
    BLUE,
    GREY,
    HEIGHT,
    RATE,
    RED,
    WIDTH,
    lit,
    mixed,
    texture,
    with_box,
)


def happenings(pictures: Sequence[Picture]) -> list[Happening]:
    """What happens in these pictures, after the start."""
    scene = Scene()
    found = [
        each for index, picture in enumerate(pictures) for each in scene.step(look(picture), index / RATE)
    ]
    assert found[0].what == "start"
    return found[1:]


def what(pictures: Sequence[Picture]) -> list[str]:
    return [each.what for each in happenings(pictures)]


def test_a_cut_is_found_with_its_time_and_the_colour_of_the_new_scene() -> None:
    cuts = happenings([RED] * 10 + [BLUE] * 10 + [GREY] * 10)
    assert [(each.what, each.at, each.colour) for each in cuts] == [("cut", 2.0, "blue"), ("cut", 4.0, None)]


def test_a_cut_between_scenes_of_the_same_colours_is_one_all_the_same() -> None:
    assert what([texture(7)] * 10 + [texture(8)] * 10) == ["cut"]


@pytest.mark.parametrize("step", [6, 15, 30])
def test_a_pan_is_no_cut_and_has_a_direction(step: int) -> None:
    wide = texture(4, width=2560)
    rightwards = [wide[:, at * step : at * step + WIDTH] for at in range(60)]
    assert [(each.what, each.way) for each in happenings(rightwards)] == [("pan", "right")]
    assert [(each.what, each.way) for each in happenings(rightwards[::-1])] == [("pan", "left")]


def test_flicker_is_no_cut() -> None:
    assert what([lit(GREY, 1.0 if index % 2 else 0.75) for index in range(50)]) == ["flicker"]


def test_a_flash_is_nothing() -> None:
    assert what([GREY] * 10 + [np.full_like(GREY, 255)] + [GREY] * 10) == []


@pytest.mark.parametrize("steps", [5, 20, 50])
def test_a_fade_from_one_scene_to_another_is_told_once_when_most_of_it_is_over(steps: int) -> None:
    fade = [mixed(RED, BLUE, index / steps) for index in range(steps)]
    found = happenings([RED] * 10 + fade + [BLUE] * 15)
    assert [(each.what, each.colour) for each in found] == [("fade", "blue")]
    assert found[0].at > 2.0 + 0.5 * steps / RATE


def test_a_fade_to_black_and_back() -> None:
    out = [mixed(RED, BLACK, index / 10) for index in range(10)]
    back = [mixed(BLACK, BLUE, index / 10) for index in range(10)]
    assert what([RED] * 10 + out + [BLACK] * 10 + back + [BLUE] * 10) == ["fade_out", "fade"]


def test_less_light_is_told_and_is_no_other_scene() -> None:
    dimming = [lit(GREY, 1 - index / 40) for index in range(20)]
    assert what([GREY] * 10 + dimming + [lit(GREY, 0.5)] * 12) == ["darker"]


@pytest.mark.parametrize("ground", [GREY, np.full_like(GREY, 90)], ids=["on tiles", "on plain ground"])
@pytest.mark.parametrize(
    ("way", "step"), [("right", (12, 0)), ("left", (-12, 0)), ("down", (0, 7)), ("up", (0, -7))]
)
def test_a_thing_that_moves_is_told_with_its_direction(
    ground: Picture, way: str, step: tuple[int, int]
) -> None:
    places = [
        (WIDTH // 2 + (index - 20) * step[0], HEIGHT // 2 + (index - 20) * step[1]) for index in range(40)
    ]
    moving = [with_box(ground, *place) for place in places]
    found = happenings([ground] * 10 + moving + [ground] * 10)
    assert {(each.what, each.way) for each in found} == {("moves", way)}


def test_a_still_scene_is_told_of_once_a_minute_also_where_the_camera_is_noisy() -> None:
    noise = np.random.default_rng(9)
    noisy = [np.clip(GREY + noise.normal(0, 6, GREY.shape), 0, 255).astype(np.uint8) for _ in range(20)]
    found = happenings([noisy[index % 20] for index in range(100 * RATE)])
    assert [each.what for each in found] == ["still", "still"]
    assert found[1].at - found[0].at == pytest.approx(60.0, abs=0.3)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((200, 20, 20), "red"), ((230, 130, 20), "orange"), ((220, 210, 30), "yellow"),
        ((30, 160, 40), "green"), ((30, 190, 190), "cyan"), ((30, 60, 200), "blue"),
        ((130, 40, 200), "purple"), ((230, 60, 150), "pink"),
        ((90, 90, 90), None), ((255, 255, 255), None), ((0, 0, 0), None),
    ],
)  # fmt: skip
def test_colours_have_the_names_that_people_give_them(colour: tuple[int, int, int], name: str | None) -> None:
    assert main_colour(shrink(np.full((90, 160, 3), colour, np.uint8))) == name


@pytest.mark.parametrize("size", [(2, 2), (35, 63), (36, 64), (37, 65), (360, 640), (640, 360)])
def test_pictures_of_every_size_can_be_compared(size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), (10, 200, 30), np.uint8)
    assert look(picture).brightness == pytest.approx(
        float(look(np.full_like(GREY, (10, 200, 30))).brightness)
    )
