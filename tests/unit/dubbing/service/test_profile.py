"""A stream's profile: from its file, over the API, and on its way to the workers. (DUB-11)"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.dubbing.messages import ChooseTracks, Reword, TellApart
from app.dubbing.service import api
from app.dubbing.service.profile import BadProfile, StreamProfile, read
from app.dubbing.service.toml_files import LARGEST
from app.dubbing.tracks import Chosen
from app.speech.protocol import KnownSpeaker, Profile, Speakers
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.stand_in_worker import state

FILE = """
languages = ["es", "fr"]
delay = "steady"
subject = "Football, second division."
keep = ["Northgate"]
normalise = false

[voices]
es = "es+f3"

[terms.es]
"goal kick" = "saque de meta"
"""
PATH = "/streams/news/profile"


def scenario(data: Path, play: Callable[[World, httpx.AsyncClient], Awaitable[None]]) -> None:
    async def go() -> None:
        world = World(DATA_DIR=str(data))
        app = FastAPI()
        api.install(app, world.streams, world.hub)
        world.see("news")
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://dubber"
        ) as http:
            await play(world, http)

    asyncio.run(go())


def written(data: Path, text: str) -> Path:
    (data / "profiles").mkdir()
    (data / "profiles" / "news.toml").write_text(text, encoding="utf-8")
    return data / "profiles"


def test_a_stream_starts_as_its_file_says(tmp_path: Path) -> None:
    written(tmp_path, FILE)

    async def play(world: World, http: httpx.AsyncClient) -> None:
        assert (await http.get(PATH)).json()["subject"] == "Football, second division."
        spanish, french = world.runner("es").config, world.runner("fr").config
        assert (spanish.profile, french.profile) == ("steady", "steady")
        assert spanish.wording == Profile(
            voice="es+f3",
            subject="Football, second division.",
            keep=("Northgate",),
            terms={"goal kick": "saque de meta"},
            normalise=False,
        )
        assert (french.wording.voice, french.wording.terms) == ("", {})

    scenario(tmp_path, play)


def test_voices_are_everybody_s_or_one_for_each_speaker() -> None:
    profile = StreamProfile(voices={"es": "es-ES", "fr": ("fr-FR", "fr-FR+low")}, speakers=False)
    assert (profile.wording("es").voice, profile.told_apart("es").voices) == ("es-ES", {})
    assert profile.wording("fr").voice == ""
    assert profile.told_apart("fr") == Speakers(on=False, voices={1: "fr-FR", 2: "fr-FR+low"})


def test_a_speaker_is_corrected_and_the_next_worker_knows(tmp_path: Path) -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        known = tuple(KnownSpeaker(number=each, voice="es-ES", pitch=100.0 * each) for each in (1, 2))
        runner = world.runner("es")
        runner.told(replace(state(), speakers=known, voices=("es-ES", "es-ES+low")))
        address = "/streams/news/es/speakers"
        answer = await http.put(f"{address}/2", json={"same": 1})
        assert [each["same"] for each in answer.json()["speakers"]] == [1, 1]
        assert runner.commands[-1] == TellApart(Speakers(on=False, known=known, same={2: 1}))
        assert (await http.put(f"{address}/1", json={"voice": "es-ES+low"})).status_code == 200
        assert (await http.put(f"{address}/2", json={"same": 2})).status_code == 200
        assert runner.commands[-1] == TellApart(Speakers(on=False, known=known, voices={1: "es-ES+low"}))
        assert "no speaker 3" in (await http.put(f"{address}/3", json={"same": 1})).json()["detail"]
        assert "voices: es-ES" in (await http.put(f"{address}/1", json={"voice": "x"})).json()["detail"]
        assert (await http.put(f"{address}/9", json={"same": 1})).status_code == 422
        runner.restarting("it died")
        assert runner.commands[-1] == TellApart(Speakers(on=False, known=known, voices={1: "es-ES+low"}))

    scenario(tmp_path, play)


def test_an_edit_reaches_the_running_worker_and_adds_new_languages(tmp_path: Path) -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        assert (await http.get(PATH)).json() == StreamProfile().model_dump(mode="json")
        edited = {"keep": ["Bath"], "languages": ["es", "fr"], "delay": "quality"}
        answer = await http.put(PATH, json=edited)
        assert answer.status_code == 200, answer.text
        assert (await http.get(PATH)).json() == answer.json()
        assert answer.json()["keep"] == ["Bath"]
        assert world.runner("es").commands == [Reword(Profile(keep=("Bath",))), TellApart(Speakers(on=False))]
        assert world.runner("fr").config.wording == Profile(keep=("Bath",))
        assert (world.runner("es").config.profile, world.runner("fr").config.profile) == ("live", "quality")

    scenario(tmp_path, play)


def test_sound_tracks_that_are_chosen_reach_the_running_worker_alone(tmp_path: Path) -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        both = {"voice_track": 2, "background_track": 1}
        assert (await http.put(PATH, json=both)).status_code == 200
        chosen, reworded, apart = world.runner("es").commands
        assert isinstance(chosen, ChooseTracks)
        assert isinstance(reworded, Reword)
        assert isinstance(apart, TellApart)
        assert chosen.chosen == Chosen(2, 1)
        assert (await http.put(PATH, json=both | {"subject": "Football"})).status_code == 200
        assert [type(one) for one in world.runner("es").commands[3:]] == [Reword, TellApart]
        assert (await http.put("/streams/news/fr", json={})).status_code == 201
        assert world.runner("fr").config.chosen == Chosen(2, 1)
        assert (await http.put(PATH, json={"voice_channel": "left"})).status_code == 200
        chosen = world.runner("es").commands[5]
        assert isinstance(chosen, ChooseTracks)
        assert chosen.chosen == Chosen(channel="left")
        same = await http.put(PATH, json={"voice_track": 1, "background_track": 1})
        assert same.status_code == 422
        assert "are the same: choose two, or leave one out" in same.text

    scenario(tmp_path, play)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"subjct": "x"}, "subjct"),
        ({"subject": "x" * 301}, "subject"),
        ({"subject": "two\nlines"}, "subject"),
        ({"keep": [""]}, "keep"),
        ({"keep": [" Bath"]}, "keep"),
        ({"keep": ["n"] * 201}, "keep"),
        ({"terms": {"spanish": {}}}, "terms"),
        ({"terms": {"es": {"goal": ""}}}, "terms"),
        ({"terms": {"es": {"goal": "g" * 101}}}, "terms"),
        ({"delay": "slow"}, "delay"),
        ({"voices": {"es": "a\u0000b"}}, "voices"),
        ({"normalise": "perhaps"}, "normalise"),
        ({"voice_track": -1}, "voice_track"),
        ({"background_track": "two"}, "background_track"),
        ({"voice_channel": "middle"}, "voice_channel"),
    ],
)
def test_a_wrong_profile_is_refused_by_name_and_changes_nothing(
    tmp_path: Path, wrong: dict[str, object], named: str
) -> None:
    async def play(world: World, http: httpx.AsyncClient) -> None:
        answer = await http.put(PATH, json=wrong)
        assert answer.status_code == 422
        assert named in str(answer.json()["detail"][0]["loc"])
        assert world.runner("es").commands == []
        assert (await http.put("/streams/none/profile", json={})).status_code == 404
        assert (await http.put(PATH, content="{}", headers={"content-type": "text/plain"})).status_code >= 400

    scenario(tmp_path, play)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('subjct = "x"', "subjct"),
        ("keep = [", "news.toml is not TOML: "),
        ("[terms.es]\ngoal = 3", "terms.es.goal"),
        (
            "voice_track = 2\nbackground_track = 2",
            "news.toml: Value error, voice_track and background_track",
        ),
        ("#" * (LARGEST + 1), "larger than"),
    ],
)
def test_a_wrong_file_is_told_by_name_and_the_stream_is_dubbed_without(
    tmp_path: Path, text: str, told: str
) -> None:
    folder = written(tmp_path, text)
    with pytest.raises(BadProfile, match=told):
        read(folder, "news")

    async def play(world: World, _: httpx.AsyncClient) -> None:
        assert world.runner("es").config.wording == Profile()

    scenario(tmp_path, play)


def test_a_file_that_is_no_text_is_told_as_other_files_are(tmp_path: Path) -> None:
    (tmp_path / "news.toml").write_bytes(b'subject = "\xff"')
    with pytest.raises(BadProfile, match=r"news\.toml can't be read: UnicodeDecodeError"):
        read(tmp_path, "news")
