"""The way to the speech hosts before hosts that lie or fall silent, over real WebSockets (DUB-4, DUB-7)."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from app.speech.client.sts_client import MOST_MISSED, Answer, StsClient
from app.speech.client.sts_host import FIRST_FULL, Host
from app.speech.protocol import LONGEST_DUB, LONGEST_TEXT, Config, PhraseMark, Profile
from tests.unit.speech.stand_in_sts import RATE, Script, Session, dub, mute, stand_in_sts, well

WITHIN = 20.0
PATIENT = 30.0


class Worker:
    """What uses the client: asks for phrases and takes the answers."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.raises = False
        self.client = StsClient(addresses, Config(source="en", target="es"), 5.0, self._take)
        self._ids = itertools.count(1)

    def _take(self, answer: Answer) -> None:
        self.answers.put(answer)
        if self.raises:
            raise ZeroDivisionError("unforeseen")

    def ask(self, deadline: float = PATIENT) -> Answer:
        """Asks for a phrase and waits for what becomes of it."""
        mark = PhraseMark(id=next(self._ids), start=0, end=RATE, deadline=deadline)
        self.client.send_sound(0, b"\0\0" * RATE)
        self.client.ask(mark)
        answer = self.answers.get(timeout=WITHIN)
        assert answer.id == mark.id
        return answer

    def uses(self, address: str) -> None:
        """Waits until that host is in use."""
        wait_until(lambda: self.client.address == address)

    def can_use(self, address: str) -> None:
        """Waits until that host could be used, beside the one that is."""
        wait_until(lambda: any(host.usable for host in self.client._hosts if host.address == address))

    def dubbed(self) -> None:
        """Asks until a phrase is dubbed."""
        wait_until(lambda: self.ask(0.5).dub is not None)


def wait_until(happened: Callable[[], bool]) -> None:
    """Waits for something that no event tells."""
    pause = threading.Event()
    for _ in range(round(WITHIN / 0.01)):
        if happened():
            return
        pause.wait(0.01)
    raise TimeoutError


@contextmanager
def working(*hosts: Sequence[Script]) -> Iterator[tuple[Worker, list[str], list[list[Session]]]]:
    """A worker before hosts with these scripts, the first of which it uses."""
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(stand_in_sts(*scripts)) for scripts in hosts]
        addresses = [address for address, _ in made]
        worker = Worker(addresses)
        worker.client.start()
        stack.callback(worker.client.close)
        worker.uses(addresses[0])
        yield worker, addresses, [sessions for _, sessions in made]


def huge_rate(session: Session) -> None:
    session.dub(session.asked().id, sample_rate=10**9)


def no_rate(session: Session) -> None:
    session.dub(session.asked().id, sample_rate=0)


def too_long(session: Session) -> None:
    samples = round(8000 * (LONGEST_DUB + 1))
    session.dub(session.asked().id, b"\0\0" * samples, sample_rate=8000, samples=samples)


def negative_size(session: Session) -> None:
    session.dub(session.asked().id, samples=-1)


def other_size(session: Session) -> None:
    session.dub(session.asked().id, b"\0\0" * 100)


def odd_size(session: Session) -> None:
    session.dub(session.asked().id, b"\0" * (2 * RATE + 1))


def long_text(session: Session) -> None:
    session.dub(session.asked().id, target="a" * (LONGEST_TEXT + 1))


def many_words(session: Session) -> None:
    word = {"text": "a", "start": 0, "end": 1}
    session.dub(session.asked().id, words=[word] * (LONGEST_TEXT + 1))


def endless_time(session: Session) -> None:
    timings = {"waited": float("inf"), "recognise": 0, "translate": 0, "synthesise": 0}
    session.dub(session.asked().id, timings=timings)


def negative_time(session: Session) -> None:
    timings = {"waited": -1, "recognise": 0, "translate": 0, "synthesise": 0}
    session.dub(session.asked().id, timings=timings)


def no_number(session: Session) -> None:
    timings = {"waited": float("nan"), "recognise": 0, "translate": 0, "synthesise": 0}
    session.dub(session.asked().id, timings=timings)


def text_for_sound(session: Session) -> None:
    session.say(**dub(session.asked().id).model_dump(mode="json"))
    session.say(type="nothing")


def sound_alone(session: Session) -> None:
    session.asked()
    session.socket.send(b"\0\0")


def nested(session: Session) -> None:
    session.asked()
    session.socket.send("[" * 1_000_000)


def long_number(session: Session) -> None:
    session.asked()
    session.socket.send('{"type": "dub", "id": ' + "9" * 10_000 + "}")


def no_object(session: Session) -> None:
    session.asked()
    session.socket.send("[]")


def too_big(session: Session) -> None:
    session.asked()
    session.socket.send(b"\0" * (9 << 20))


def ready_again(session: Session) -> None:
    session.asked()
    session.say(type="ready", recogniser="r", translator="t", synthesiser="s", voice="v")


LIES = [
    no_rate, huge_rate, too_long, negative_size, other_size, odd_size, long_text, many_words, endless_time,
    negative_time, no_number, text_for_sound, sound_alone, nested, long_number, no_object, too_big,
    ready_again,
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_can_not_be_true_is_told_and_costs_one_phrase(lie: Script) -> None:
    with working([lie]) as (worker, [address], _):
        answer = worker.ask()
        assert (answer.dub, answer.code) == (None, "no_host")
        assert worker.client.problem.startswith(f"{address}: ")
        assert "unforeseen" not in worker.client.problem


def test_a_host_is_asked_to_tell_more_in_a_way_that_an_older_one_passes_over() -> None:
    def tells(session: Session) -> None:
        session.dub(session.asked().id, engines=["whisper base", "apertium", "pico"])
        well(session)

    with working([tells]) as (worker, _, sessions):
        told, untold = worker.ask().dub, worker.ask().dub
        request = sessions[0][0].socket.request
    assert request is not None
    assert request.path == "/sts?tell=engines&tell=note&tell=speaker"
    assert told is not None
    assert told.engines == ("whisper base", "apertium", "pico")
    assert untold is not None
    assert untold.engines == ()


def test_a_host_that_lied_is_used_again_and_what_it_did_told_until_it_answers_well() -> None:
    with working([no_rate, well]) as (worker, [address], [sessions]):
        worker.ask()
        worker.uses(address)
        assert "sample_rate" in worker.client.problem
        assert worker.ask().dub is not None
        assert worker.client.problem == ""
        assert len(sessions) == 2


def test_a_host_is_left_alone_for_longer_each_time_until_it_answers_well() -> None:
    host = Host("ws://127.0.0.1:1", Config(source="en", target="es"), lambda *_: None, lambda _: None)
    rests = []
    for _ in range(6):
        host.rest("it lies", 1.0)
        rests.append(round(host.rests_for))
    assert rests == [2, 4, 8, 16, 30, 30]
    host.answered_well()
    host.rest("it lies", 1.0)
    assert round(host.rests_for) == 2


def test_what_a_lying_host_was_asked_another_answers() -> None:
    with working([no_rate], [well]) as (worker, [_, spare], _):
        worker.can_use(spare)
        assert worker.ask().dub is not None
        assert worker.client.address == spare


def test_a_mute_host_is_told_and_connected_again() -> None:
    with working([mute, well]) as (worker, [address], [sessions]):
        for _ in range(MOST_MISSED):
            assert worker.client.problem == ""
            assert worker.ask(0.05).code == "no_answer"
        wait_until(lambda: worker.client.problem != "")
        assert "without a dub" in worker.client.problem
        worker.uses("")
        worker.uses(address)
        assert worker.client.problem != ""
        worker.dubbed()
        assert worker.client.problem == ""
        assert len(sessions) == 2


def test_what_a_mute_host_was_asked_is_told_and_another_takes_over() -> None:
    with working([mute], [well]) as (worker, [_, spare], _):
        worker.can_use(spare)
        assert worker.ask(0.05).code == "no_answer"
        worker.uses(spare)
        assert worker.ask().dub is not None


def test_a_host_whose_phrases_all_fail_is_told_and_kept() -> None:
    def failing(session: Session) -> None:
        for _ in range(MOST_MISSED):
            session.say(type="failure", id=session.asked().id, code="failed", message="no voice")
        well(session)

    with working([failing]) as (worker, [address], [sessions]):
        for _ in range(MOST_MISSED):
            assert worker.client.problem == ""
            assert worker.ask().code == "failed"
        assert "no voice" in worker.client.problem
        assert worker.ask().dub is not None
        assert worker.client.problem == ""
        assert (worker.client.address, len(sessions)) == (address, 1)


def test_a_long_message_is_cut_and_not_refused() -> None:
    def talkative(session: Session) -> None:
        session.say(type="failure", id=session.asked().id, code="failed", message="a" * 100_000)
        well(session)

    with working([talkative]) as (worker, _, _):
        answer = worker.ask()
        assert answer.code == "failed"
        assert len(answer.problem) <= 1000


def test_what_its_user_raises_does_not_end_the_client() -> None:
    with working([well]) as (worker, [address], [sessions]):
        worker.raises = True
        for _ in range(3):
            assert worker.ask().dub is not None
        assert (worker.client.address, len(sessions)) == (address, 1)
        assert worker.client.alive


def test_an_edit_reaches_the_open_session_before_the_next_phrase_and_the_sessions_to_come() -> None:
    """DUB-11"""
    edited = Profile(keep=("Northgate",))
    heard: list[Profile] = []

    def listens(session: Session) -> None:
        heard.append(Profile.model_validate_json(session.socket.recv()))
        session.dub(session.asked().id)

    with working([listens, well]) as (worker, _, [sessions]):
        worker.client.reword(edited)
        assert worker.ask().dub is not None
        assert heard == [edited]
        wait_until(lambda: len(sessions) == 2)
        assert [session.config.profile for session in sessions] == [Profile(), edited]


def test_hosts_that_come_are_used_and_the_one_that_goes_is_left_once_another_can_be() -> None:
    with working([well]) as (worker, [first], [before]), stand_in_sts(well) as (second, after):
        assert worker.ask().dub is not None
        worker.client.use([second])
        worker.uses(second)
        assert worker.ask().dub is not None
        assert [len(before), len(after)] == [1, 1]
        wait_until(lambda: [host.address for host in worker.client._hosts] == [second])
        worker.client.use([first, second])
        worker.can_use(first)
        worker.uses(first)
        assert worker.ask().dub is not None


def test_a_host_in_use_stays_where_no_other_answers() -> None:
    with working([well]) as (worker, [first], _):
        worker.client.use(["ws://127.0.0.1:1"])
        assert worker.ask().dub is not None
        wait_until(lambda: len(worker.client._hosts) == 2)
        assert worker.client.address == first
        assert worker.ask().dub is not None


def test_a_host_that_comes_after_an_edit_is_told_of_it() -> None:
    wording = Profile(subject="football")
    with working([well]) as (worker, _, _), stand_in_sts(well) as (second, sessions):
        worker.client.reword(wording)
        worker.client.use([second])
        worker.uses(second)
        assert sessions[0].config.profile == wording


def no_time(session: Session) -> None:
    while True:
        session.say(type="failure", id=session.asked().id, code="overloaded", message="no time for it")


def test_where_all_hosts_are_full_each_is_tried_once_and_the_last_is_stayed_with() -> None:
    with working([no_time], [no_time], [no_time]) as (worker, addresses, sessions):
        for address in addresses:
            worker.can_use(address)
        before = [len(each) for each in sessions]
        for address in addresses:
            worker.uses(address)
            for _ in range(MOST_MISSED):
                assert worker.ask().code == "overloaded"
        for _ in range(2 * MOST_MISSED):
            assert worker.ask().code == "overloaded"
            assert worker.client.address == addresses[-1]
        assert "no time for it" in worker.client.problem
        # Those that are left forget that it asked, or it would keep its place there.
        wait_until(lambda: [len(each) for each in sessions] == [before[0] + 1, before[1] + 1, before[2]])


def test_a_host_with_time_is_found_and_one_that_was_full_is_tried_a_minute_later() -> None:
    def full_at_first(session: Session) -> None:
        for _ in range(MOST_MISSED):
            session.say(type="failure", id=session.asked().id, code="overloaded", message="no time for it")

    with working([full_at_first, well], [well]) as (worker, [home, spare], _):
        worker.can_use(spare)
        for _ in range(MOST_MISSED):
            assert worker.ask().code == "overloaded"
        worker.uses(spare)
        assert worker.ask().dub is not None
        full = worker.client._hosts[0]
        assert full.full
        full._full_until -= FIRST_FULL
        worker.uses(home)
        assert worker.ask().dub is not None


def test_a_host_counts_as_full_for_longer_each_time_until_it_answers_well() -> None:
    host = Host("ws://127.0.0.1:1", Config(source="en", target="es"), lambda *_: None, lambda _: None)
    for longest in (60, 120, 240, 480, 480):
        before = time.monotonic()
        host.refused()
        assert longest / 2 <= host._full_until - before <= longest + 1
        host._full_until = before
    host.answered_well()
    assert not host.full
    host.refused()
    assert host._full_until - time.monotonic() <= 60


def test_a_spare_host_forgets_who_went_back_to_a_better_one() -> None:
    with working([mute, well], [well]) as (worker, [home, spare], [_, at_spare]):
        worker.can_use(spare)
        assert worker.ask(0.05).code == "no_answer"
        worker.uses(spare)
        assert worker.ask().dub is not None
        before = len(at_spare)
        worker.uses(home)
        wait_until(lambda: len(at_spare) == before + 1)
        assert worker.ask().dub is not None
