"""The page Transcribe before a stand-in for live (LIV-1, LIV-4, LIV-5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Dialog, Page, ViewportSize, expect

from app.settings import load
from app.web.service import create
from tests.browser.looking import LOOKS, Scheme, badly_built, scrolls_sideways, unreadable, until
from tests.browser.servers import serving, wait_until
from tests.browser.stand_in_live import StandInLive, segment
from tests.browser.voice import save
from tests.stack import free_port

RATE = 16_000
START_IT = 'make run ARGS="--services live web"'


@pytest.fixture
def live() -> StandInLive:
    return StandInLive()


@pytest.fixture
def address(live: StandInLive) -> Iterator[str]:
    port = free_port()
    with (
        serving(live.app(), port),
        serving(create(load({"LIVE_PORT": str(port), "ALLOWED_HOSTS": "console.test"})), free_port()) as web,
    ):
        yield f"{web}/transcribe/"


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    """Six seconds in which no two tenths are alike."""
    sound = np.linspace(-0.5, 0.5, 6 * RATE, dtype=np.float32)
    return save(tmp_path / "ramp.wav", sound, rate=RATE)


def start(page: Page) -> None:
    page.get_by_role("button", name="Start").click()


def send_file(page: Page, file: Path, speed: str = "in real time") -> None:
    page.get_by_label("Sound or video file").check()
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("Sent").select_option(label=speed)
    start(page)


def state(page: Page, words: str) -> None:
    expect(page.locator("#status")).to_contain_text(words, timeout=15_000)


def loudest(live: StandInLive) -> int:
    """The highest sample of the first client's sound so far."""
    whole = live.sound[0][: len(live.sound[0]) // 2 * 2]
    return int(np.abs(np.frombuffer(bytes(whole), "<i2").astype(int)).max(initial=0))


def test_the_microphone_is_sent_and_its_words_appear(
    live: StandInLive, address: str, hearing_page: Page
) -> None:
    page = hearing_page
    page.goto(address)
    start(page)
    state(page, "Listening")
    wait_until(lambda: live.seconds > 2, "two seconds of sound")
    assert (live.asked[0]["audio_format"], live.asked[0]["language"]) == ("int16", "en")
    wait_until(lambda: loudest(live) > 1000, "speech in the sound")
    live.segments = [segment(0, 2, "good morning"), segment(2, 3, "thank you", False)]
    expect(page.locator("#lines li")).to_have_text("0:00 good morning")
    expect(page.locator("#partial")).to_have_text("thank you")
    live.last_words = [segment(0, 2, "good morning"), segment(2, 4, "thank you all")]
    page.get_by_role("button", name="Stop").click()
    state(page, "Finished")
    expect(page.locator("#lines li")).to_have_text(["0:00 good morning", "0:02 thank you all"])
    expect(page.locator("#partial")).to_be_hidden()
    assert (live.ended, live.clients) == (1, 0)


def test_lines_that_stand_are_never_drawn_anew(live: StandInLive, address: str, hearing_page: Page) -> None:
    page = hearing_page
    page.goto(address)
    start(page)
    live.segments = [segment(0, 2, "one"), segment(2, 3, "tw", False)]
    expect(page.locator("#partial")).to_have_text("tw")
    page.evaluate("window.first = document.querySelector('#lines li')")
    page.evaluate("window.changes = 0")
    page.evaluate(
        "new MutationObserver((all) => { changes += all.length; })"
        ".observe(first, { childList: true, characterData: true, subtree: true })"
    )
    live.segments = [segment(0, 2, "one"), segment(2, 4, "two"), segment(4, 5, "thr", False)]
    expect(page.locator("#partial")).to_have_text("thr")
    assert page.evaluate("first.isConnected && changes === 0")


def test_a_file_is_sent_whole_faster_than_it_plays_and_ends_by_itself(
    live: StandInLive, address: str, page: Page, ramp: Path
) -> None:
    live.last_words = [segment(0, 6, "all of it")]
    page.goto(address)
    send_file(page, ramp, "up to four times faster")
    state(page, "Finished")
    assert len(live.sound[0]) == 2 * 6 * RATE
    expect(page.locator("#lines")).to_contain_text("all of it")


def test_a_second_recording_is_written_down_from_its_beginning(
    live: StandInLive, address: str, page: Page, ramp: Path
) -> None:
    page.goto(address)
    for words in ("first", "second"):
        live.last_words = [segment(0, 2, words)]
        send_file(page, ramp, "up to four times faster")
        expect(page.locator("#lines li")).to_have_text(f"0:00 {words}", timeout=15_000)
        state(page, "Finished")
    expect(page.get_by_role("button", name="Keep as transcript")).to_be_hidden()


def test_what_was_not_written_down_is_sent_again_after_a_break(
    live: StandInLive, address: str, page: Page, ramp: Path
) -> None:
    page.goto(address)
    send_file(page, ramp)
    wait_until(lambda: live.seconds > 2.5, "more than what is written down")
    live.segments = [segment(0, 2, "the beginning")]
    expect(page.locator("#lines")).to_contain_text("the beginning")
    live.segments = []
    live.cut += 1
    expect(page.locator("#notice")).to_contain_text("The connection to live transcription was lost.")
    live.last_words = [segment(0, 4, "the end")]
    state(page, "Finished")
    first, second = live.sound
    written_down = 2 * 2 * RATE
    assert first[written_down:] == second[: len(first) - written_down]
    assert written_down + len(second) == 2 * 6 * RATE
    expect(page.locator("#lines li")).to_have_text(["0:00 the beginning", "0:02 the end"])
    expect(page.locator("#notice")).to_be_hidden()


def test_when_the_longest_time_is_over_it_goes_on_with_a_new_connection(
    live: StandInLive, address: str, hearing_page: Page
) -> None:
    live.farewell = {"message": "DISCONNECT"}
    hearing_page.goto(address)
    start(hearing_page)
    wait_until(lambda: live.seconds > 0.5, "some sound")
    live.cut += 1
    wait_until(lambda: len(live.sound) == 2 and live.seconds > 1, "sound on a new connection")
    state(hearing_page, "Listening")


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        ({"status": "WAIT", "message": 2.4}, "no free place now. One should be free in about 3 min."),
        ({"status": "ERROR", "message": "no recogniser for Welsh"}, "Live transcription says: no recogniser"),
    ],
)
def test_a_refusal_is_told_in_words(
    live: StandInLive, address: str, hearing_page: Page, greeting: dict[str, object], words: str
) -> None:
    live.greeting = greeting
    hearing_page.goto(address)
    start(hearing_page)
    expect(hearing_page.get_by_role("alert")).to_contain_text(words)
    live.greeting = {"message": "SERVER_READY"}
    start(hearing_page)
    state(hearing_page, "Listening")
    expect(hearing_page.get_by_role("alert")).to_be_hidden()


def test_without_the_service_it_says_how_to_start_it(hearing_page: Page) -> None:
    with serving(create(load({"LIVE_PORT": str(free_port())})), free_port()) as web:
        hearing_page.goto(f"{web}/transcribe/")
        start(hearing_page)
        expect(hearing_page.get_by_role("alert")).to_contain_text(START_IT)
        expect(hearing_page.get_by_role("region", name="Health")).not_to_contain_text("Live")


def test_without_a_microphone_it_says_so(address: str, page: Page) -> None:
    page.context.grant_permissions(["microphone"])
    page.goto(address)
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("There is no microphone.")


def test_a_microphone_that_is_not_allowed_is_told(address: str, page: Page) -> None:
    refuse = (
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); }"
    )
    page.add_init_script(refuse)
    page.goto(address)
    start(page)
    expect(page.get_by_role("alert")).to_contain_text("The browser may not use the microphone.")


def test_a_microphone_that_is_unplugged_ends_it_with_what_was_said(
    live: StandInLive, address: str, hearing_page: Page
) -> None:
    page = hearing_page
    page.add_init_script(
        "const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = async (what) => (window.heard = await ask(what));"
    )
    live.last_words = [segment(0, 2, "good morning")]
    page.goto(address)
    start(page)
    state(page, "Listening")
    wait_until(lambda: live.seconds > 0.5, "some sound")
    page.evaluate("heard.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    state(page, "Finished")
    expect(page.get_by_role("alert")).to_have_text("The microphone was unplugged.")
    expect(page.locator("#lines")).to_contain_text("good morning")


def test_from_another_machine_without_tls_it_says_why_there_is_no_microphone(
    address: str, hearing_page: Page
) -> None:
    hearing_page.goto(address.replace("127.0.0.1", "console.test"))
    assert not hearing_page.evaluate("isSecureContext")
    start(hearing_page)
    expect(hearing_page.get_by_role("alert")).to_contain_text("over https, or on the same machine")


def test_a_file_works_without_tls_too(
    live: StandInLive, address: str, hearing_page: Page, ramp: Path
) -> None:
    hearing_page.goto(address.replace("127.0.0.1", "console.test"))
    send_file(hearing_page, ramp, "up to four times faster")
    state(hearing_page, "Finished")
    assert len(live.sound[0]) == 2 * 6 * RATE


def test_a_file_without_sound_is_refused_in_words(address: str, page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("no sound at all")
    page.goto(address)
    start(page)
    send_file(page, tmp_path / "notes.wav")
    expect(page.get_by_role("alert")).to_contain_text("no sound that it can read in “notes.wav”")


def test_the_transcript_can_be_copied_saved_and_cleared(
    live: StandInLive, address: str, page: Page, ramp: Path
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    live.last_words = [segment(0, 1.5, "good morning"), segment(1.5, 3661.25, "and good night")]
    page.goto(address)
    send_file(page, ramp, "up to four times faster")
    state(page, "Finished")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "good morning\nand good night\n"
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save subtitles").click()
    assert saved.value.suggested_filename == "transcript.srt"
    assert saved.value.path().read_text().split("\n\n") == [
        "1\n00:00:00,000 --> 00:00:01,500\ngood morning",
        "2\n00:00:01,500 --> 01:01:01,250\nand good night",
        "",
    ]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save text").click()
    assert saved.value.path().read_text() == "good morning\nand good night\n"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#lines li")).to_have_count(0)


def test_the_keyboard_alone_starts_and_stops(live: StandInLive, address: str, hearing_page: Page) -> None:
    page = hearing_page
    page.goto(address)
    page.get_by_label("Microphone").focus()
    page.keyboard.press("Enter")
    state(page, "Listening")
    page.get_by_role("button", name="Start").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    state(page, "Finished")
    assert live.ended == 1


@LOOKS
def test_every_text_is_readable_at_every_width(
    live: StandInLive, address: str, hearing_page: Page, scheme: Scheme, size: ViewportSize
) -> None:
    page = hearing_page
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    live.segments = [segment(0, 2, "w" * 90), segment(2, 3, "dimmed words", False)]
    page.goto(address)
    start(page)
    expect(page.locator("#partial")).to_be_visible()
    page.get_by_label("Sound or video file").evaluate("(one) => { one.checked = true; }")
    page.locator("#source").dispatch_event("change")
    assert unreadable(page) == []
    assert badly_built(page) == []
    assert not scrolls_sideways(page)
    live.cut += 1
    expect(page.locator("#notice")).to_be_visible()
    assert unreadable(page) == []


RESAMPLED = """async ([from, hertz]) => {
  const { Resampler } = await import("/js/sound/resampler.js");
  const sound = Float32Array.from({ length: from }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / from));
  const whole = new Resampler(from, 16000);
  const expected = [...whole.push(sound), ...whole.end()];
  const parts = new Resampler(from, 16000);
  const made = [];
  for (let at = 0; at < from; at += 128) made.push(...parts.push(sound.subarray(at, at + 128)));
  made.push(...parts.end());
  const middle = made.slice(2000, 14000);
  const ideal = (at) => Math.sin((2 * Math.PI * hertz * (at + 2000)) / 16000);
  const error = Math.max(...middle.map((value, at) => Math.abs(value - ideal(at))));
  return {
    same: made.length === expected.length && made.every((value, at) => Math.abs(value - expected[at]) < 1e-6),
    length: made.length, error, peak: Math.max(...middle.map(Math.abs)),
  };
}"""


@pytest.mark.parametrize(
    "rate",
    [
        8_000,
        44_100,
        96_000,
        *(pytest.param(each, marks=pytest.mark.thorough) for each in (16_000, 22_050, 48_000)),
    ],
)
def test_sound_of_every_rate_arrives_unchanged_and_in_time(address: str, page: Page, rate: int) -> None:
    page.goto(address)
    got = page.evaluate(RESAMPLED, [rate, 1_000])
    assert got["same"]
    assert abs(got["length"] - RATE) <= 2
    assert got["error"] < 0.02


def test_what_lies_above_half_the_rate_is_not_heard_as_something_else(address: str, page: Page) -> None:
    page.goto(address)
    assert page.evaluate(RESAMPLED, [48_000, 12_000])["peak"] < 0.01


OUTBOX = """async (seed) => {
  const { Outbox } = await import("/js/live/outbox.js");
  let state = seed;
  const random = (below) => (state = (state * 48271) % 2147483647) % below;
  const outbox = new Outbox();
  let pushed = 0, next = 0, confirmed = 0, problems = 0;
  for (let turn = 0; turn < 2000; turn++) {
    const what = random(10);
    if (what < 4) {
      outbox.push(Int32Array.from({ length: 1600 }, (_, at) => pushed + at));
      pushed += 1600;
    } else if (what < 8) {
      const piece = outbox.next();
      if (piece && piece[0] < next) problems++;
      if (piece) next = piece[0] + piece.length;
    } else if (what < 9) {
      confirmed = Math.max(confirmed, random(next + 1));
      outbox.confirm(confirmed);
    } else {
      outbox.rewind();
      if (outbox.begin > confirmed && pushed - outbox.begin < 30 * 16000 - 1600) problems++;
      next = outbox.begin;
    }
    if (outbox.waiting !== pushed - Math.max(next, outbox.begin)) problems++;
    if (pushed - outbox.begin > 30 * 16000 + 1600) problems++;
  }
  return problems;
}"""


def test_sound_on_its_way_is_bounded_in_order_and_kept_until_it_is_written_down(
    address: str, page: Page
) -> None:
    page.goto(address)
    assert [page.evaluate(OUTBOX, seed) for seed in range(1, 40)] == [0] * 39


def test_a_transcript_that_is_being_made_is_not_left_by_accident(
    live: StandInLive, address: str, hearing_page: Page
) -> None:
    page = hearing_page
    asked: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.goto(address)
    start(page)
    state(page, "Listening")
    wait_until(lambda: live.clients == 1, "live has a client")
    page.get_by_role("link", name="Calls").click()
    until(page, "location.pathname === '/transcribe/'")
    wait_until(lambda: asked == ["beforeunload"], "the question was asked")
