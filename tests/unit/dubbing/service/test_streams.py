"""What is decided about streams: when dubs start, stop, linger and are forgotten, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.dubbing.messages import Bypass, RecordPhrases, SourceGone, SourceReady, Spoken
from app.dubbing.service import dub
from app.dubbing.service.streams import MAX_DUBS, MAX_WORKERS, Conflict, Unknown
from app.dubbing.states import Counts, Phase
from tests.unit.dubbing.service.stand_in_runner import World
from tests.unit.dubbing.service.stand_in_worker import caption, phrase, state


def scenario(play: Callable[[World], None], **environment: str) -> None:
    async def go() -> None:
        play(World(**environment))

    asyncio.run(go())


def test_a_publisher_starts_a_dub_for_each_target_language() -> None:
    def play(world: World) -> None:
        world.see("news")
        assert [runner.config.language for runner in world.runners] == ["es", "fr"]
        assert [one.language for one in world.streams.view().streams[0].dubs] == ["es", "fr"]
        world.see("news")
        assert len(world.runners) == 2

    scenario(play, TARGET_LANGUAGES="es,fr")


def test_a_worker_is_given_the_internal_addresses_and_the_settings() -> None:
    def play(world: World) -> None:
        world.see("news")
        config = world.runners[0].config
        internal = "rtsp://voicestack-internal:of-this-run@media:8554"
        login = "user=voicestack-internal&pass=of-this-run"
        assert config.source_url == f"rtmp://media:1935/live/news?{login}"
        assert config.publish_url == f"{internal}/dub/news/es"
        assert config.sts_addresses == ("ws://a:1", "ws://b:2")
        assert (config.profile, config.voice, config.source_language) == ("steady", "es+f3", "en")
        assert (config.reconnect_delay, config.max_reconnect_delay) == (2.0, 8.0)
        assert "of-this-run" not in world.streams.view().model_dump_json()

    scenario(
        play,
        MEDIA_HOST="media",
        STS_URLS="ws://a:1,ws://b:2",
        DUB_PROFILE="steady",
        DUB_VOICE="es+f3",
        RECONNECT_DELAY="2",
        MAX_RECONNECT_DELAY="8",
    )


def test_recording_phrases_is_off_at_first_and_goes_for_all_languages_and_those_to_come() -> None:
    """DUB-13."""

    def play(world: World) -> None:
        world.see("news")
        assert not world.streams.view().streams[0].recording
        assert not world.runner("es").config.record
        world.streams.record("news", True)
        assert world.runner("es").commands == [RecordPhrases(True)]
        world.streams.start("news", "fr")
        assert world.runner("fr").config.record
        assert world.streams.view().streams[0].recording
        world.streams.record("news", False)
        assert world.runner("fr").commands == [RecordPhrases(False)]
        with pytest.raises(Unknown):
            world.streams.record("sport", True)

    scenario(play)


def test_a_dub_outlives_a_short_drop_of_its_publisher_and_is_told_of_the_return() -> None:
    def play(world: World) -> None:
        world.see("news")
        world.see()
        assert not world.streams.view().streams[0].ready
        world.now += 59
        world.see()
        assert not world.runner("es").stopped
        # Nobody asks for it meanwhile, also not a dub that is started only now.
        world.streams.start("news", "fr")
        assert world.runner("fr").commands == [SourceGone()]
        world.see("news", since=2.0)
        back = SourceReady(world.runner("es").config.source_url)
        assert world.runner("es").commands == [SourceGone(), back]
        assert world.runner("fr").commands == [SourceGone(), back]
        assert world.streams.view().streams[0].ready
        assert len(world.runners) == 2

    scenario(play)


def test_a_publisher_that_was_replaced_between_two_looks_is_noticed() -> None:
    def play(world: World) -> None:
        world.see("news", since=1.0)
        world.see("news", since=2.0)
        assert world.runner("es").commands == [SourceReady(world.runner("es").config.source_url)]

    scenario(play)


def test_a_stream_is_forgotten_after_its_linger() -> None:
    def play(world: World) -> None:
        world.see("news")
        world.see()
        world.now += 60
        world.see()
        assert world.runner("es").stopped
        assert world.streams.view().streams == []
        assert world.streams.workers == 0

    scenario(play)


def test_what_the_operator_stopped_stays_stopped_until_the_stream_ends() -> None:
    def play(world: World) -> None:
        world.see("news")
        assert world.streams.stop("news", "es").status == "stopped"
        world.see()
        world.see("news", since=2.0)
        assert len(world.runners) == 1
        assert world.streams.dub("news", "es").status == "stopped"
        world.see()
        world.now += 60
        world.see()
        world.see("news", since=3.0)
        assert len(world.runners) == 2
        assert world.streams.dub("news", "es").status == "starting"

    scenario(play)


def test_a_dub_started_again_waits_for_the_end_of_the_worker_before() -> None:
    def play(world: World) -> None:
        world.see("news")
        first = world.runner("es")
        world.streams.stop("news", "es")
        _, started = world.streams.start("news", "es")
        assert started
        second = world.runner("es")
        assert second is not first
        assert second.started_after is first.stop()
        first.told(state(problem="of the past"))
        first.restarting("of the past")
        assert world.streams.dub("news", "es").status == "starting"

    scenario(play)


def test_starting_a_running_dub_changes_nothing() -> None:
    def play(world: World) -> None:
        world.see("news")
        same, started = world.streams.start("news", "es")
        assert not started
        assert same is world.streams.dub("news", "es")
        assert len(world.runners) == 1

    scenario(play)


def test_switching_starts_the_other_language_and_stops_this_one() -> None:
    def play(world: World) -> None:
        world.see("news")
        assert world.streams.switch("news", "es", "fr").language == "fr"
        assert world.runner("es").stopped
        assert not world.runner("fr").stopped
        assert world.streams.switch("news", "fr", "fr").status == "starting"
        assert not world.runner("fr").stopped

    scenario(play)


def test_a_bypass_reaches_the_worker_and_is_refused_where_there_is_none() -> None:
    def play(world: World) -> None:
        world.see("news")
        world.streams.bypass("news", "es", True)
        assert world.runner("es").commands == [Bypass(True)]
        world.streams.stop("news", "es")
        with pytest.raises(Conflict, match="stopped"):
            world.streams.bypass("news", "es", False)

    scenario(play)


def test_what_is_unknown_is_told_with_what_exists() -> None:
    def play(world: World) -> None:
        with pytest.raises(Unknown, match="streams: none"):
            world.streams.stream("x")
        world.see("news", "sport")
        with pytest.raises(Unknown, match="'x'; streams: news, sport"):
            world.streams.stream("x")
        with pytest.raises(Unknown, match="'fr'; languages: es"):
            world.streams.dub("news", "fr")

    scenario(play)


def test_languages_a_stream_and_workers_in_all_are_bounded() -> None:
    def play(world: World) -> None:
        world.see("news")
        for number in range(MAX_DUBS - 1):
            world.streams.start("news", f"x{chr(97 + number)}")
        with pytest.raises(Conflict, match="16 languages"):
            world.streams.start("news", "zz")
        world.see("news", *(f"s{number}" for number in range(MAX_WORKERS)))
        assert world.streams.workers == MAX_WORKERS
        with pytest.raises(Conflict, match="64 dubs"):
            world.streams.start("s63", "fr")

    scenario(play)


def test_closing_stops_every_worker_and_waits_for_their_ends() -> None:
    async def go() -> None:
        world = World(TARGET_LANGUAGES="es,fr")
        world.see("news", "sport")
        closing = asyncio.create_task(world.streams.close())
        await asyncio.sleep(0)
        assert all(runner.stopped for runner in world.runners)
        assert not closing.done()
        for runner in world.runners:
            runner.may_end.set()
        async with asyncio.timeout(5):
            await closing

    asyncio.run(go())


@pytest.mark.parametrize(
    ("phase", "bypassed", "dubbing", "problem", "expected"),
    [
        ("connecting", False, False, "", "starting"),
        ("waiting", False, False, "", "waiting"),
        ("source_lost", False, True, "", "source_lost"),
        ("running", False, True, "", "dubbing"),
        ("running", False, False, "", "original"),
        ("running", False, True, "no translator for en-xx", "original"),
        ("running", True, True, "", "bypassed"),
    ],
)
def test_dubbing_is_claimed_only_where_nothing_is_wrong(
    phase: Phase, bypassed: bool, dubbing: bool, problem: str, expected: str
) -> None:
    now = replace(state(bypassed, problem=problem), phase=phase, dubbing=dubbing)
    assert dub.status(False, now, False) == expected
    assert dub.status(True, now, False) == "stopped"


def test_a_speech_problem_is_shown_with_the_dub() -> None:
    def play(world: World) -> None:
        world.see("news")
        world.runner("es").told(state(problem="no translator for en-es"))
        view = world.streams.dub("news", "es").view()
        assert (view.status, view.problem) == ("original", "no translator for en-es")
        assert view.speech.problem == "no translator for en-es"
        world.runner("es").told(state())
        view = world.streams.dub("news", "es").view()
        assert (view.status, view.problem) == ("dubbing", "")

    scenario(play)


def test_the_engines_of_the_last_dub_are_shown_as_soon_as_they_change() -> None:
    def play(world: World) -> None:
        world.see("news")
        dub = world.streams.dub("news", "es")
        world.runner("es").told(state())
        assert dub.view().speech.engines == []
        told = replace(state(), engines=("whisper base", "apertium", "kokoro"))
        assert dub.hear(told)
        assert not dub.hear(told)
        assert dub.hear(replace(told, engines=("whisper base", "apertium", "pico")))
        assert dub.view().speech.engines == ["whisper base", "apertium", "pico"]

    scenario(play)


def test_no_credentials_of_a_speech_host_are_shown() -> None:
    def play(world: World) -> None:
        world.see("news")
        told = replace(state(problem="ws://u:s3cret@gpu:1 is gone"), speech_address="ws://u:s3cret@gpu:1")
        world.runner("es").told(replace(told, note="trying ws://u:s3cret@gpu:1"))
        view = world.streams.dub("news", "es").view()
        assert view.speech.address == "ws://***@gpu:1"
        assert "s3cret" not in view.model_dump_json()

    scenario(play)


def test_sums_and_ids_go_on_over_a_restart_of_the_worker() -> None:
    def play(world: World) -> None:
        world.see("news")
        runner, one = world.runner("es"), world.streams.dub("news", "es")
        runner.told(replace(state(), counts=Counts(in_time=3, dropped=1), reconnects=2))
        runner.told(caption(4))
        runner.told(phrase(4))
        runner.restarting("worker killed by SIGKILL")
        view = one.view()
        assert (view.status, view.problem, view.restarts) == ("restarting", "worker killed by SIGKILL", 1)
        assert one.captions == []
        runner.told(replace(state(), counts=Counts(in_time=1, late=1), reconnects=1))
        runner.told(phrase(0))
        runner.told(caption(0))
        view = one.view()
        assert (view.counts.in_time, view.counts.late, view.counts.dropped) == (4, 1, 1)
        assert view.counts.phrases == 6
        assert view.reconnects == 3
        assert [record.id for record in one.phrases] == [4, 5]
        assert [record.id for record in one.captions] == [5]

    scenario(play)


def test_a_later_caption_of_a_phrase_takes_the_place_of_the_earlier() -> None:
    def play(world: World) -> None:
        world.see("news")
        world.runner("es").told(caption(1, text="good evening"))
        world.runner("es").told(caption(1, text="good evening everyone"))
        assert [c.source for c in world.streams.dub("news", "es").captions] == ["good evening everyone"]

    scenario(play)


def test_the_logs_are_bounded() -> None:
    def play(world: World) -> None:
        world.see("news")
        for number in range(dub.LOG + 10):
            world.runner("es").told(phrase(number))
            world.runner("es").told(caption(number))
        one = world.streams.dub("news", "es")
        assert [one.phrases[0].id, one.phrases[-1].id] == [10, dub.LOG + 9]
        assert [one.captions[0].id, one.captions[-1].id] == [10, dub.LOG + 9]

    scenario(play)


def test_the_spoken_language_is_corrected_for_all_dubs_and_those_to_come() -> None:
    def play(world: World) -> None:
        world.see("news")
        assert world.streams.stream("news").view().spoken.set == "auto"
        world.runners[0].told(replace(state(), spoken="pt"))
        assert world.streams.stream("news").view().spoken.heard == "pt"
        world.streams.speak("news", "es")
        assert world.runners[0].commands == [Spoken("es")]
        world.streams.start("news", "fr")
        assert world.runners[1].config.source_language == "es"
        assert world.streams.stream("news").view().spoken.set == "es"
        with pytest.raises(Unknown):
            world.streams.speak("sport", "es")

    scenario(play, SOURCE_LANGUAGE="auto", TARGET_LANGUAGES="en")
