"""MT_ENGINE=llm: a language model translates in time, or Apertium does. (DUB-3)

The paid API is a stand-in: a real HTTP server on loopback, tests/unit/sales/stand_in_model.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app import catalog
from app.render.containers import secrets
from app.settings import Settings, load
from app.settings.rules import SettingsError
from app.speech import registry
from app.speech.engines.apertium import Apertium
from app.speech.engines.llm import Llm
from app.speech.protocol import PhraseMark, Profile, SpokenWord
from app.speech.sts.apart import Ear, Party, Roles
from app.speech.sts.pace import Pace
from app.speech.sts.phrase import Dubber, Phrase
from app.speech.sts.service import SpeechService
from app.speech.sts.timely import Capacity, Speaker
from app.speech.text.glossary import stand_in
from app.speech.text.wording import Wording
from app.speech.types import SpeechError
from tests.unit.sales.stand_in_model import StandInModel, says

KEY = "sk-this-must-not-be-seen"
TEXT = "the government announced new measures"
GOOD = "El Gobierno ha anunciado medidas nuevas"


def settings(model: StandInModel, **more: str) -> Settings:
    return load(
        {
            "MT_ENGINE": "llm",
            "LLM_BASE_URL": model.address,
            "LLM_MODEL": "m",
            "LLM_API_KEY": KEY,
            "ASR_ENGINE": "pocketsphinx",
            "TTS_ENGINE": "espeak",
            **more,
        }
    )


@contextmanager
def translating(model: StandInModel) -> Iterator[tuple[Llm, list[str]]]:
    """The loaded engine, and the names of those that translated, as they are told."""
    engine = registry.FACTORIES["mt"]["llm"](settings(model))
    assert isinstance(engine, Llm)
    told: list[str] = []
    engine.told = told.append
    engine.load()
    try:
        yield engine, told
    finally:
        engine.close()


@pytest.fixture(scope="module")
def rough() -> Iterator[str]:
    """What Apertium makes of TEXT."""
    engine = Apertium()
    engine.load()
    yield engine.translate(TEXT, "en", "es")
    engine.close()


def test_the_model_translates_and_is_told_what_was_said_before() -> None:
    with StandInModel(lambda _: says(f'"{GOOD}"')) as model, translating(model) as (engine, told):
        assert engine.translate(TEXT, "en", "es", "Good evening.") == GOOD
        (asked,) = model.asked
        system, user = (message["content"] for message in asked["messages"])

    assert told == ["llm"]
    assert asked["stream"] is True
    assert "language en to the language es" in system
    assert user == f"SAID BEFORE\nGood evening.\n\nTEXT\n{TEXT}"
    assert model.keys == [f"Bearer {KEY}"]


def test_a_model_that_is_late_costs_its_time_alone_and_apertium_translates(rough: str) -> None:
    with StandInModel(lambda _: says(GOOD), delay=20.0) as model, translating(model) as (engine, told):
        started = time.monotonic()
        assert engine.within(0.4).translate(TEXT, "en", "es") == rough
        assert time.monotonic() - started < 1.5
        assert engine.within(0.01).translate(TEXT, "en", "es") == rough
        asked = len(model.asked)

    assert told == ["apertium", "apertium"]
    assert asked == 1, "where no time is left it is not paid for an answer"


@pytest.mark.parametrize(
    "answer",
    [
        (401, f'{{"error": {{"message": "bad key {KEY}"}}}}'),
        (404, "{}"),
        (400, "not JSON"),
        says(" "),
        says(TEXT.upper()),
        says("As a language model I would say that this depends on the context. " * 4),
    ],
)
def test_what_is_no_translation_is_not_spoken_and_the_key_not_told(
    answer: tuple[int, str], rough: str
) -> None:
    with (
        StandInModel(lambda _: answer) as model,
        translating(model) as (engine, told),
        capture_logs() as logged,
    ):
        assert engine.translate(TEXT, "en", "es") == rough
        with pytest.raises(SpeechError, match="apertium does not translate en-ja") as failed:
            engine.translate(TEXT, "en", "ja")

    assert told == ["apertium"]
    assert logged
    assert KEY not in f"{logged}{failed.value}"


def test_a_model_that_is_gone_leaves_the_rest(rough: str) -> None:
    model = StandInModel(lambda _: says(GOOD))
    with model:
        pass
    with translating(model) as (engine, told):
        assert engine.within(2.0).translate(TEXT, "en", "es") == rough
    assert told == ["apertium"]


def test_the_glossary_holds_and_a_name_that_the_model_loses_is_asked_for_again() -> None:
    answers = [says(f"Habla {stand_in(0)} ahora"), says("Habla él ahora"), says("Habla el señor Lane ahora")]
    with StandInModel(lambda _: answers.pop(0)) as model, translating(model) as (engine, _):
        wording = Wording(Profile(keep=("Lane",)), "es")
        assert wording.translated(engine, "Lane speaks now", "en", "") == "Habla Lane ahora"
        assert wording.translated(engine, "Lane speaks now", "en", "") == "Habla el señor Lane ahora"
        told = [asked["messages"][1]["content"] for asked in model.asked]

    assert stand_in(0) in told[0]
    assert "Lane" not in told[0]
    assert "Lane" in told[2]


def test_a_phrase_is_dubbed_within_its_deadline_though_the_model_hangs(rough: str) -> None:
    with StandInModel(lambda _: says(GOOD), delay=20.0) as model:
        engines = registry.choose(settings(model))
        for engine in (engines.translator, engines.synthesiser):
            engine.load()
        voice = Speaker(engines.synthesiser, "es", "es", Pace(), Capacity())
        party = Party(Ear(Path("no-models")), Roles({}, {}), "es", engines.synthesiser.has)
        mark = PhraseMark(id=1, start=0, end=32000, seconds=2.0, deadline=1.8, pause=True)
        phrase = Phrase(mark, words=(SpokenWord(text=TEXT, start=0, end=32000),))
        dub, sound = Dubber(engines, "en", "es", voice, party, tells=frozenset({"engines"})).dub(phrase, "")
        engines.translator.close()

    assert dub.target == rough
    assert dub.engines[1:] == ("apertium", "espeak")
    assert sound
    assert 0.5 < dub.timings.translate < 0.9
    assert phrase.remaining > 0


def test_sts_counts_what_translated() -> None:
    answers = [says(GOOD), (400, "{}")]
    with StandInModel(lambda _: answers.pop(0)) as model:
        service = SpeechService(settings(model))
        service._load_engines()
        for _ in range(2):
            service.engines.translator.translate(TEXT, "en", "es")
        service.engines.close()
        service.threads.close()

    count = service.metrics.registry.get_sample_value
    assert count("sts_translated_total", {"engine": "llm"}) == 1
    assert count("sts_translated_total", {"engine": "apertium"}) == 1


def test_the_settings_belong_together_and_only_who_translates_has_the_key() -> None:
    with pytest.raises(SettingsError, match="MT_ENGINE=llm needs LLM_MODEL"):
        load({"MT_ENGINE": "llm"})
    given = {"LLM_BASE_URL": "http://llm/v1", "LLM_MODEL": "m", "LLM_API_KEY": KEY}

    def holders(**more: str) -> set[str]:
        wanted = load({**given, **more})
        return {each.name for each in catalog.CATALOG if "LLM_API_KEY" in secrets(each, wanted)}

    assert holders() == {"sales", "api"}
    assert holders(MT_ENGINE="llm") == {"sales", "api", "sts", "live"}
    assert holders(VISION_MODEL="eyes") == {"sales", "api", "commentary"}
