"""The page Uploads before the real archive: database, api and transcriber (TRN-1 to TRN-6)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from playwright.sync_api import Page, Route, expect

from app.archive import database
from app.settings import Settings, load
from app.web.service import create
from tests.browser.looking import PHONE, badly_built, scrolls_sideways, unreadable, until
from tests.browser.servers import serving, wait_until
from tests.browser.stand_in_live import StandInLive, segment
from tests.browser.tus_client import script
from tests.browser.voice import save
from tests.stack import Stack, free_port
from tests.unit.sales.stand_in_model import StandInModel, says

PATIENCE = 60_000
PART = 8 * 1024 * 1024
LIT = "document.querySelectorAll('#text .now').length === 1"


def tidy(asked: dict[str, Any]) -> tuple[int, str]:
    """What a good language model answers: a capital and a full stop for each phrase; or an outline."""
    told = asked["messages"][1]["content"].partition("PHRASES\n")[2].splitlines()
    if not told:
        chapters = [{"number": 1, "title": "The beginning"}]
        return says(json.dumps({"summary": "A short talk.", "chapters": chapters, "actions": ["Call her"]}))
    texts = [line.partition(": ")[2] for line in told]
    phrases = [
        {"number": number, "text": f"{text.capitalize()}!", "paragraph": True}
        for number, text in enumerate(texts, 1)
    ]
    return says(json.dumps({"phrases": phrases}))


@pytest.fixture(scope="module")
def live() -> StandInLive:
    """What the live page before the same archive listens to."""
    return StandInLive()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, live: StandInLive) -> Iterator[tuple[str, Settings]]:
    """The page, with everything behind it that it needs."""
    folder = Path(tmp_path_factory.mktemp("archive"))
    with (
        serving(live.app(), live_port := free_port()),
        StandInModel(tidy) as model,
        Stack(
            folder,
            ("api", "transcriber"),
            {"ASR_ENGINE": "pocketsphinx", "LLM_BASE_URL": model.address, "LLM_MODEL": "m"},
        ) as stack,
        serving(create(stack.settings.model_copy(update={"live_port": live_port})), free_port()) as web,
    ):
        yield f"{web}/uploads/", stack.settings
        # The database last, as the supervisor does.
        stack.stop("transcriber")
        stack.stop("api")


@pytest.fixture(scope="module")
def address(services: tuple[str, Settings]) -> str:
    """Where the page is."""
    return services[0]


def send(page: Page, file: Path, title: str) -> None:
    page.get_by_role("textbox", name="Title").fill(title)
    page.get_by_label("Spoken language").select_option("en")
    page.get_by_label("Drop sound or video files here").set_input_files(file)


def test_a_file_becomes_text_that_is_heard_edited_found_saved_and_deleted(
    page: Page, address: str, speech: Path
) -> None:
    page.goto(address)
    send(page, speech, "A short talk")
    entry = page.locator("#list .entry", has_text="A short talk")
    expect(entry).to_contain_text("Done", timeout=PATIENCE)
    entry.get_by_role("link").click()
    line = page.locator("#text .line").first
    expect(line.locator(".words")).not_to_have_text("")
    was = line.locator(".words").inner_text()

    line.locator(".words span").nth(1).click()
    page.locator("#one-title").click()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    until(page, LIT)
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#time")).to_contain_text("0:00 of ")

    line.get_by_role("button", name="Edit").click()
    page.get_by_label("Text of the phrase").fill("the zebra of Ms Okafor")
    page.keyboard.press("Enter")
    expect(line.locator(".words")).to_have_text("the zebra of Ms Okafor ")
    page.get_by_role("button", name="Undo").click()
    expect(line.locator(".words")).to_have_text(was, use_inner_text=True)
    page.get_by_role("button", name="Redo").click()
    expect(line.locator(".words")).to_have_text("the zebra of Ms Okafor ")

    line.get_by_role("button", name="Edit").click()
    page.get_by_label("Text of the phrase").fill("the zebra of Ms Okafor sleeps")
    at = f"{address.replace('/uploads/', '/api/archive/transcripts/')}{page.url.split('#/')[1]}"
    whole = page.request.get(at).json()
    theirs = {
        "version": whole["version"],
        "segment": whole["segments"][0]["id"],
        "what": "text",
        "text": "no",
    }
    assert page.request.post(f"{at}/edits", data=theirs).ok
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed the text meanwhile")
    expect(line.locator(".words")).to_have_text("no ")
    expect(page.get_by_label("Text of the phrase")).to_have_value("the zebra of Ms Okafor sleeps")
    page.keyboard.press("Enter")
    expect(line.locator(".words")).to_have_text("the zebra of Ms Okafor sleeps ")
    saved = page.request.get(
        address.replace(
            "/uploads/", page.get_by_role("link", name="Text", exact=True).get_attribute("href") or ""
        )
    )
    assert "the zebra of Ms Okafor" in saved.text()

    page.get_by_role("link", name="All uploads").click()
    page.get_by_label("Search").fill("Okafur")
    expect(page.locator("#found-about")).to_have_text("1 phrase with a similar name.")
    expect(page.locator("#found mark")).to_have_text("Okafor")
    page.get_by_label("Search").fill("zebra")
    expect(page.locator("#found mark")).to_have_text("zebra")
    page.set_viewport_size(PHONE)
    assert not scrolls_sideways(page)
    assert unreadable(page) == []
    assert badly_built(page) == []
    page.locator("#found-phrases a").click()
    expect(page.locator("#text .target")).to_contain_text("zebra")
    page.locator("#text .target").get_by_role("button", name="Edit").click()
    assert not scrolls_sideways(page)
    assert unreadable(page) == []
    assert badly_built(page) == []
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#deleted")).to_contain_text("“A short talk” is deleted.")
    expect(entry).to_have_count(0)
    page.locator("#deleted").get_by_role("button", name="Undo").click()
    expect(entry).to_contain_text("Done")


def test_a_language_model_cleans_up_what_is_taken_by_one_click_and_undone(
    page: Page, address: str, speech: Path
) -> None:
    page.goto(address)
    send(page, speech, "To be cleaned up")
    entry = page.locator("#list .entry", has_text="To be cleaned up")
    expect(entry).to_contain_text("Done", timeout=PATIENCE)
    entry.get_by_role("link").click()
    line = page.locator("#text .line").first
    card = page.get_by_role("region", name="Summary and clean-up")
    card.get_by_role("button", name="Clean up").click()
    expect(card.locator("#cleanup-summary")).to_have_text("A short talk.", timeout=PATIENCE)
    expect(card.locator("#cleanup-actions")).to_have_text("Call her")
    expect(card.get_by_role("listitem").filter(has_text="The beginning")).to_be_visible()
    expect(card.locator("#cleanup-phrases ins", has_text="!").first).to_be_visible()
    was = line.locator(".words").inner_text()
    assert "!" not in was

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(PHONE)
        assert not scrolls_sideways(page)
        assert unreadable(page) == []
        assert badly_built(page) == []
    card.get_by_role("button", name="Take it").click()
    expect(line.locator(".words")).to_contain_text("!")
    expect(card.get_by_role("button", name="Take it")).to_be_hidden()
    page.get_by_role("button", name="Undo").last.click()
    expect(line.locator(".words")).to_have_text(was, use_inner_text=True)
    card.get_by_role("button", name="Clean up again").click()
    card.get_by_role("button", name="Leave as it is").click()
    expect(card.get_by_role("button", name="Clean up again")).to_be_visible()
    expect(line.locator(".words")).to_have_text(was, use_inner_text=True)


def test_a_voice_that_is_known_is_forgotten_by_one_click(page: Page, services: tuple[str, Settings]) -> None:
    address, settings = services
    page.goto(address)
    expect(page.get_by_role("heading", name="Transcripts")).to_be_visible()
    expect(page.get_by_role("heading", name="Known voices")).to_be_hidden()
    with psycopg.connect(database.plain_address(settings)) as connection:
        query = "INSERT INTO voices VALUES (gen_random_uuid(), 'everyone', %s, '{}', gen_random_uuid(), 'S1')"
        connection.cursor().executemany(query, [("Ms Okafor",), ("Ms Ito",)])
    page.reload()
    expect(page.locator("#voice-list .name")).to_have_text(["Ms Ito", "Ms Okafor"])
    assert badly_built(page) == []
    page.get_by_role("button", name="Forget the voice of Ms Ito").click()
    expect(page.locator("#voice-list .name")).to_have_text(["Ms Okafor"])
    page.get_by_role("button", name="Forget the voice of Ms Okafor").click()
    expect(page.get_by_role("heading", name="Known voices")).to_be_hidden()
    with psycopg.connect(database.plain_address(settings)) as connection:
        assert connection.execute("SELECT count(*) FROM voices").fetchone() == (0,)


def test_an_upload_goes_on_by_itself_where_the_line_broke(page: Page, address: str, tmp_path: Path) -> None:
    silence = save(tmp_path / "silence.wav", np.zeros(100 * 48_000, np.float32))
    offsets: list[str] = []
    asked: list[Route] = []

    def breaking(route: Route) -> None:
        if route.request.method == "HEAD":
            # Where to go on is told when the notice has been seen: it may stand for a second only.
            asked.append(route)
            return
        if route.request.method != "PATCH":
            route.continue_()
            return
        offsets.append(route.request.headers["upload-offset"])
        # The first part arrives; the second is lost with the line, once.
        if len(offsets) == 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/archive/uploads/*", breaking)
    page.goto(address)
    send(page, silence, "A silence")
    expect(page.locator("#sends")).to_contain_text("Interrupted; it goes on by itself")
    # While the page is asked something, its requests are told here.
    wait_until(lambda: bool(page.evaluate("true") and asked), "where to go on is asked")
    asked.pop().continue_()
    expect(page.locator("#list .entry", has_text="A silence")).to_be_visible()
    expect(page.locator("#sends .entry")).to_have_count(0)
    assert offsets == ["0", str(PART), str(PART)]


def test_what_is_recorded_outlives_its_page_and_a_broken_line(hearing_page: Page, address: str) -> None:
    page = hearing_page
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(address)
    page.get_by_role("textbox", name="Title").fill("By voice")
    page.get_by_label("Spoken language").select_option("en")
    page.get_by_role("button", name="Record from the microphone").click()
    expect(page.get_by_role("timer")).to_have_text(re.compile("0:(0[89]|1.)"), timeout=PATIENCE)
    page.set_viewport_size(PHONE)
    assert not scrolls_sideways(page)
    assert unreadable(page) == []
    assert badly_built(page) == []
    page.reload()
    kept = page.locator("#kept .entry")
    expect(kept).to_contain_text("not sent before its page was closed")
    # What is kept is known before the archive has answered.
    expect(page.get_by_role("heading", name="Uploads", level=1)).to_be_visible()
    assert badly_built(page) == []
    broken: list[str] = []

    def breaking(route: Route) -> None:
        if route.request.method == "PATCH" and not broken:
            broken.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/archive/uploads/*", breaking)
    kept.get_by_role("button", name="Send it").click()
    entry = page.locator("#list .entry", has_text="By voice")
    expect(entry).to_contain_text("Done", timeout=PATIENCE)
    assert broken
    page.reload()
    expect(page.locator("#list .entry", has_text="By voice")).to_be_visible()
    expect(kept).to_have_count(0)
    entry.get_by_role("link").click()
    expect(page.locator("#text .words").first).not_to_have_text("")
    expect(page.locator("#time")).to_contain_text("of 0:0")
    page.locator("#text .words span").last.click()
    until(page, "Number(document.querySelector('#position').value) > 1")


def test_a_recording_is_sent_as_it_ends_or_thrown_away(hearing_page: Page, address: str) -> None:
    page = hearing_page
    page.goto(address)
    record = page.get_by_role("button", name="Record from the microphone")
    for end, entries in (("Throw away", 0), ("Stop and send", 1)):
        page.get_by_role("textbox", name="Title").fill("Said just now")
        record.click()
        expect(page.get_by_role("timer")).to_have_text(re.compile("0:0[1-9]"))
        page.get_by_role("button", name=end).click()
        expect(record).to_be_focused()
        expect(page.locator("#list .entry", has_text="Said just now")).to_have_count(entries)
    page.reload()
    expect(page.locator("#list .entry", has_text="Said just now")).to_be_visible()
    expect(page.locator("#kept .entry")).to_have_count(0)


def test_what_the_live_page_wrote_down_is_kept_with_its_sound(
    page: Page, address: str, live: StandInLive, speech: Path
) -> None:
    page.goto(address.replace("/uploads/", "/transcribe/"))
    keep = page.get_by_role("button", name="Keep as transcript")
    expect(keep).to_be_visible()
    expect(keep).to_have_attribute("aria-disabled", "true")
    live.last_words = [segment(0, 2, "the okapi sleeps"), segment(2, 4, "and wakes")]
    page.get_by_label("Sound or video file").check()
    page.get_by_label("File", exact=True).set_input_files(speech)
    page.get_by_label("Sent").select_option(label="up to four times faster")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#status")).to_contain_text("Finished", timeout=PATIENCE)
    keep.click()
    expect(page.locator("#kept")).to_contain_text("Kept: Live ")
    expect(keep).to_have_attribute("aria-disabled", "true")
    assert badly_built(page) == []
    page.locator("#kept a").click()
    expect(page.locator("#text .words")).to_have_text(["the okapi sleeps ", "and wakes "])
    expect(page.locator("#status")).to_contain_text("Done")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, LIT)


TUS_UPLOAD = """([endpoint, bytes, until]) => new Promise((resolve, reject) => {
  const content = Uint8Array.from(atob(bytes), (each) => each.charCodeAt(0));
  const file = new File([content], "by-tus.wav", { lastModified: 1 });
  const upload = new tus.Upload(file, {
    endpoint, chunkSize: 262144, retryDelays: [0, 100, 100], storeFingerprintForResuming: true,
    metadata: { filename: file.name, title: "By tus-js-client", language: "en" },
    onError: (error) => reject(error),
    onSuccess: () => resolve(upload.url),
    onChunkComplete: (_, sent) => {
      if (until && sent >= until) upload.abort().then(() => resolve(upload.url));
    },
  });
  upload.findPreviousUploads().then((before) => {
    if (before.length) upload.resumeFromPreviousUpload(before[0]);
    upload.start();
  });
})"""


def test_the_unmodified_tus_js_client_uploads_over_a_line_that_breaks_and_a_page_that_goes(
    page: Page, address: str, tmp_path: Path
) -> None:
    tone = np.sin(np.arange(20 * 48_000, dtype=np.float32) / 20)
    content = save(tmp_path / "by-tus.wav", tone).read_bytes()
    asked: list[tuple[str, str]] = []

    def breaking(route: Route) -> None:
        asked.append((route.request.method, route.request.headers.get("upload-offset", "")))
        if route.request.method == "PATCH" and [method for method, _ in asked].count("PATCH") == 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.goto(address)
    page.route("**/api/archive/uploads**", breaking)
    page.evaluate(script())
    given = [address.replace("/uploads/", "/api/archive/uploads"), base64.b64encode(content).decode()]
    begun = page.evaluate(TUS_UPLOAD, [*given, 600_000])
    assert [method for method, _ in asked[:4]] == ["POST", "PATCH", "PATCH", "HEAD"], asked
    page.reload()
    page.evaluate(script())
    asked.clear()
    ended = page.evaluate(TUS_UPLOAD, [*given, 0])
    assert ended == begun, "the next page went on with the same upload"
    assert asked[0][0] == "HEAD"
    assert int(asked[1][1]) >= 600_000
    sound = page.request.get(f"{ended.replace('/uploads/', '/transcripts/')}/sound").body()
    assert hashlib.sha256(sound).hexdigest() == hashlib.sha256(content).hexdigest()


def test_a_file_without_sound_is_refused_with_a_reason(page: Page, address: str, tmp_path: Path) -> None:
    picture = tmp_path / "not-sound.mp3"
    picture.write_bytes(b"nothing that could be heard" * 100)
    page.goto(address)
    send(page, picture, "")
    expect(page.locator("#sends")).to_contain_text("Refused")
    expect(page.locator("#sends")).to_contain_text("can't be read as audio or video")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#sends .entry")).to_have_count(0)


def test_without_the_archive_the_page_says_what_to_do(page: Page) -> None:
    with serving(create(load({"API_PORT": str(free_port())})), free_port()) as web:
        page.goto(f"{web}/uploads/")
        expect(page.get_by_role("heading", name="The archive is not running")).to_be_visible()
        expect(page.locator("#absent code")).to_have_text('make run ARGS="--services api,transcriber,web"')
        assert badly_built(page) == []
