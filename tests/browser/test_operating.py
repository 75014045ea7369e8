"""The operator's buttons and the keyboard, before a stand-in dubber (DUB-8)."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from app.dubbing.service.profile import StreamProfile
from tests.browser.conftest import Stage
from tests.browser.looking import badly_built, scrolls_sideways, unreadable, until
from tests.browser.servers import wait_until
from tests.browser.stand_in import dub, phrase, stream, taken_in


def open_page(stage: Stage, page: Page, status: str = "dubbing") -> None:
    stage.dubber.streams = [stream(dub(status=status))]
    page.goto(stage.web)
    expect(page.get_by_role("heading", name="match")).to_be_visible()
    until(page, "!document.querySelector('#start').hasAttribute('aria-disabled')")


def test_original_only_and_back(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.get_by_role("button", name="Original only").click()
    wait_until(lambda: len(stage.dubber.calls) == 1, "the order arrived")
    stage.dubber.streams = [stream(dub(status="bypassed"))]
    page.get_by_role("button", name="Dub again").click()
    wait_until(lambda: len(stage.dubber.calls) == 2, "the second order arrived")
    assert stage.dubber.calls == [
        ("POST", "match/es/bypass", {"on": True}),
        ("POST", "match/es/bypass", {"on": False}),
    ]


def test_stopping_is_asked_about_first(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.get_by_role("button", name="Stop the dub…").click()
    dialog = page.get_by_role("dialog", name="Stop the Spanish dub of match?")
    expect(dialog).to_contain_text("Everybody who watches dub/match/es loses picture and sound.")
    expect(dialog.get_by_role("button", name="Keep dubbing")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Stop the dub…").click()
    dialog.get_by_role("button", name="Keep dubbing").click()
    expect(dialog).to_be_hidden()
    assert stage.dubber.calls == []
    page.get_by_role("button", name="Stop the dub…").click()
    dialog.get_by_role("button", name="Stop the dub").click()
    wait_until(lambda: bool(stage.dubber.calls), "the order arrived")
    assert stage.dubber.calls == [("DELETE", "match/es", None)]


def test_a_stopped_dub_can_be_started(stage: Stage, page: Page) -> None:
    open_page(stage, page, "stopped")
    expect(page.get_by_role("button", name="Original only")).to_be_hidden()
    page.get_by_role("button", name="Start the dub").click()
    wait_until(lambda: bool(stage.dubber.calls), "the order arrived")
    assert stage.dubber.calls == [("PUT", "match/es", {})]


def test_the_language_can_be_switched_and_the_page_follows(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    language = page.get_by_label("Language")
    assert "Spanish" not in language.locator("option").all_text_contents()
    language.select_option(label="French")
    page.get_by_role("button", name="Switch").click()
    expect(page).to_have_url(f"{stage.web}/#/match/fr")
    assert stage.dubber.calls == [("POST", "match/es/switch", {"language": "fr"})]


def test_languages_that_work_here_come_first_and_the_others_say_what_they_need(
    stage: Stage, page: Page
) -> None:
    stage.dubber.can_dub = {"pairs": ["en-es", "en-ca", "fr-de"], "into_english": False}
    stage.dubber.streams = [stream(dub())]
    page.goto(stage.web)

    groups = page.locator("#language optgroup")
    expect(groups.last).to_have_attribute("label", "No translator here")
    labels = groups.evaluate_all("found => found.map(group => [group.label, group.disabled])")
    assert ["Can be dubbed too", False] in labels
    assert ["No translator here", True] in labels
    assert groups.filter(has_text="Catalan").get_attribute("label") == "Can be dubbed too"
    assert groups.filter(has_text="German").get_attribute("label") == "No translator here"
    expect(page.get_by_text("MT_ENGINE=llm")).to_be_visible()


def test_a_language_can_be_added(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.get_by_label("Language").select_option(label="German")
    page.get_by_role("button", name="Add").click()
    expect(page).to_have_url(f"{stage.web}/#/match/de")
    assert stage.dubber.calls == [("PUT", "match/de", {})]


def test_a_button_at_work_says_so_keeps_the_focus_and_is_not_pressed_twice(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    stage.dubber.held.clear()
    button = page.locator("#bypass")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_text("Changing…")
    expect(button).to_have_attribute("aria-busy", "true")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Switch").dispatch_event("click")
    wait_until(lambda: bool(stage.dubber.calls), "the order arrived")
    stage.dubber.held.set()
    expect(button).to_have_text("Original only")
    expect(button).to_be_focused()
    assert len(stage.dubber.calls) == 1


def test_a_refusal_is_told_in_plain_words(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    stage.dubber.refusal = "64 dubs run already; stop one first"
    page.get_by_label("Language").select_option(label="French")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Adding French failed: 64 dubs run already; stop one first."
    )
    expect(page).to_have_url(f"{stage.web}/#/match/es")
    stage.dubber.refusal = ""
    page.get_by_role("button", name="Add").click()
    expect(page).to_have_url(f"{stage.web}/#/match/fr")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_everything_is_reached_by_keyboard_in_the_order_it_is_read(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the stream")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the stream")).to_be_in_viewport()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.id || document.activeElement.tagName.toLowerCase()")
        if name == "body":
            break
        # The player's own buttons count as the video, and draw their focus themselves.
        if name in seen:
            continue
        seen.append(name)
        outlined = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outlined == "solid", f"no visible focus on {name}"
    wanted = ["a", "play-dub", "play-original", "video", "announce-captions", "bypass", "stop", "language"]
    wanted += ["switch", "add", "wording-summary", "restream-summary", "record", "log-scroller", "summary"]
    assert [name for name in seen if name in wanted] == wanted


def test_the_skip_link_leads_to_the_stream_and_leaves_the_choice(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    expect(page).to_have_url(f"{stage.web}/#/match/es")


def test_the_focus_stays_on_a_link_whose_status_changes(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.get_by_role("navigation").get_by_role("link", name="Spanish").focus()
    stage.dubber.streams = [stream(dub(status="source_lost"))]
    link = page.get_by_role("link", name="Spanish Source lost")
    expect(link).to_be_visible()
    expect(link).to_be_focused()


def test_the_spoken_language_is_shown_and_corrected_by_one_choice(stage: Stage, page: Page) -> None:
    stage.dubber.streams = [stream(dub("en")) | {"spoken": {"set": "auto", "heard": "pt"}}]
    page.goto(stage.web)
    spoken = page.get_by_label("Spoken", exact=True)
    expect(spoken.locator("option:checked")).to_have_text("Found out: Portuguese")
    spoken.select_option("es")
    wait_until(lambda: bool(stage.dubber.calls), "the order arrived")
    assert stage.dubber.calls == [("POST", "match/spoken", {"language": "es"})]
    stage.dubber.streams = [stream(dub("en")) | {"spoken": {"set": "es", "heard": "es"}}]
    expect(page.locator("#source-name")).to_have_text("Spanish")
    expect(spoken.locator("option:checked")).to_have_text("Spanish")


def test_the_engines_that_made_the_last_dub_are_told_in_a_line(stage: Stage, page: Page) -> None:
    def speech(*engines: str) -> dict[str, object]:
        return {"address": "ws://127.0.0.1:5003", "problem": "", "engines": list(engines)}

    open_page(stage, page)
    line = page.locator("#engines")
    expect(line).to_be_hidden()
    stage.dubber.streams = [stream(dub(speech=speech("whisper base", "apertium", "kokoro")))]
    expect(line).to_have_text("Dubbed with Whisper base · Apertium · Kokoro")
    stage.dubber.streams = [stream(dub(speech=speech("whisper base", "apertium", "pico")))]
    expect(line).to_have_text("Dubbed with Whisper base · Apertium · Pico")


def test_subject_and_glossary_are_edited_and_the_rest_of_the_profile_stays(stage: Stage, page: Page) -> None:
    stage.dubber.profile = StreamProfile(
        keep=("Northgate",), terms={"fr": {"goal": "but"}, "es": {"goal": "gol"}}, delay="steady"
    ).model_dump(mode="json")
    open_page(stage, page)
    page.get_by_text("Subject and glossary").click()
    glossary = page.get_by_label("Glossary into Spanish")
    expect(glossary).to_have_value("Northgate\ngoal = gol")
    page.get_by_label("Subject", exact=True).fill("Football")
    page.get_by_label("Voice").fill("es+f3")
    page.get_by_label("In advertisement breaks").select_option("The dub goes on")
    glossary.fill("Northgate\nBath\n\ngoal kick = saque de meta")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#wording-saved")).to_contain_text("from the next phrase")
    assert stage.dubber.profile == StreamProfile(
        subject="Football",
        keep=("Northgate", "Bath"),
        terms={"fr": {"goal": "but"}, "es": {"goal kick": "saque de meta"}},
        voices={"es": "es+f3"},
        delay="steady",
        breaks="dub",
    ).model_dump(mode="json")
    glossary.fill("goal =")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#wording-problem")).to_contain_text("Saving failed: terms es goal")


def sound(number: int, title: str, use: str = "", channel: str = "") -> dict[str, object]:
    """A sound track as the dubber tells it."""
    said = {"number": number, "title": title, "use": use, "channel": channel}
    return {"kind": "audio", "codec": "aac", "detail": "48000 Hz stereo", **said}


def test_the_voice_may_be_one_channel_of_the_only_track(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    stage.dubber.streams = [stream(dub(tracks=[sound(1, "", "voice")]))]
    channel = page.get_by_label("Dubbed channel")
    expect(channel.locator("option:checked")).to_have_text("Both")
    expect(page.get_by_label("Dubbed track")).to_be_hidden()
    channel.select_option("Left; the right is background")
    wait_until(lambda: stage.dubber.profile.get("voice_channel") == "left", "the choice arrived")
    assert stage.dubber.profile["voice_track"] == 0
    stage.dubber.streams = [stream(dub(tracks=[sound(1, "", "voice", "left")]))]
    expect(channel.locator("option:checked")).to_contain_text("Left")
    assert not scrolls_sideways(page)
    assert unreadable(page) == []


def test_sound_tracks_are_shown_with_their_use_and_chosen_by_one_selection(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    dubbed, background = page.get_by_label("Dubbed track"), page.get_by_label("Background track")
    expect(dubbed).to_be_hidden()
    stage.dubber.streams = [stream(dub(tracks=[sound(1, "Commentary", "voice"), sound(2, "")]))]
    expect(dubbed.locator("option:checked")).to_have_text("1: Commentary")
    expect(background.locator("option:checked")).to_contain_text("None")
    background.select_option("2: aac, 48000 Hz stereo")
    wait_until(lambda: stage.dubber.profile.get("background_track") == 2, "the choice arrived")
    assert stage.dubber.profile["voice_track"] == 1
    stage.dubber.streams = [stream(dub(tracks=[sound(1, "Commentary", "voice"), sound(2, "", "background")]))]
    expect(background.locator("option:checked")).to_contain_text("2: aac")
    dubbed.select_option(label="2: aac, 48000 Hz stereo")
    wait_until(lambda: stage.dubber.profile["voice_track"] == 2, "the other way round")
    assert stage.dubber.profile["background_track"] == 1
    named = [sound(1, "Commentary", "voice"), sound(2, "International sound, music and effects")]
    stage.dubber.streams = [stream(dub(tracks=named))]
    expect(background.locator("option").last).to_contain_text("music and effects")
    assert not scrolls_sideways(page)


def test_a_speaker_is_corrected_with_one_click(stage: Stage, page: Page) -> None:
    speakers = [
        {"number": 1, "voice": "es-ES", "pitch": 200.0, "same": 1},
        {"number": 2, "voice": "es-ES+low", "pitch": 90.0, "same": 2},
        {"number": 3, "voice": "es-ES", "pitch": 190.0, "same": 1},
    ]
    stage.dubber.phrases = [phrase(1, speaker=2)]
    stage.dubber.streams = [stream(dub(speakers=speakers, voices=["es-ES", "es-ES+low"]))]
    page.goto(stage.web)
    expect(page.locator("#log")).to_contain_text("Speaker 2")
    section = page.locator("#speakers")
    expect(section.get_by_text("Speaker 3 is Speaker 1")).to_be_visible()
    section.get_by_role("button", name="Is Speaker 1", exact=True).click()
    wait_until(lambda: len(stage.dubber.calls) == 1, "the correction arrived")
    section.get_by_role("button", name="Is somebody else").click()
    wait_until(lambda: len(stage.dubber.calls) == 2, "the second correction arrived")
    section.get_by_label("Voice of Speaker 1").select_option("es-ES+low")
    wait_until(lambda: len(stage.dubber.calls) == 3, "the voice arrived")
    assert stage.dubber.calls == [
        ("PUT", "match/es/speakers/2", {"same": 1}),
        ("PUT", "match/es/speakers/3", {"same": 3}),
        ("PUT", "match/es/speakers/1", {"voice": "es-ES+low"}),
    ]
    expect(page.locator("#announcer")).to_contain_text("from the next phrase on")


def test_a_dub_is_sent_on_to_another_server_whose_key_is_not_shown(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.get_by_text("Send on to other servers").click()
    expect(page.get_by_text("This dub is sent to no other server.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("partner")
    page.get_by_label("Address", exact=True).fill("rtmps://ingest.example.org/live")
    page.get_by_label("Key", exact=True).fill("secret-word")
    page.get_by_role("button", name="Send", exact=True).click()
    wait_until(lambda: bool(stage.dubber.calls), "the order arrived")
    target = {"address": "rtmps://ingest.example.org/live", "key": "secret-word"}
    assert stage.dubber.calls == [("PUT", "restreams/match/es/partner", target)]
    told = {
        "stream": "match",
        "language": "es",
        "name": "partner",
        "address": "rtmps://ingest.example.org/live",
        "original": False,
    }
    stage.dubber.restreams = [
        told | {"sending": True, "bit_rate": 2_340_000, "sent": 1, "reconnects": 0, "problem": ""}
    ]
    expect(page.get_by_text("Sending, 2.3 Mbit/s")).to_be_visible()
    assert page.get_by_label("Key", exact=True).input_value() == ""
    page.get_by_role("button", name="Stop sending to partner").click()
    wait_until(lambda: len(stage.dubber.calls) == 2, "the second order arrived")
    assert stage.dubber.calls[1] == ("DELETE", "restreams/match/es/partner", None)


def test_over_srt_a_passphrase_and_the_original_go_along(stage: Stage, page: Page) -> None:
    open_page(stage, page)
    page.get_by_text("Send on to other servers").click()
    expect(page.get_by_label("Passphrase", exact=True)).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("partner")
    page.get_by_label("Address", exact=True).fill("srt://ingest.example.org:9000?latency=300")
    page.get_by_label("Key", exact=True).fill("secret-id")
    page.get_by_label("Passphrase", exact=True).fill("secret-phrase")
    page.get_by_label("Original as second sound track").check()
    page.get_by_role("button", name="Send", exact=True).click()
    wait_until(lambda: bool(stage.dubber.calls), "the order arrived")
    target = {
        "address": "srt://ingest.example.org:9000?latency=300",
        "key": "secret-id",
        "passphrase": "secret-phrase",
        "original": True,
    }
    assert stage.dubber.calls == [("PUT", "restreams/match/es/partner", target)]
    expect(page.get_by_label("Passphrase", exact=True)).to_be_hidden()


def test_a_transport_stream_is_taken_in_and_stopped_after_a_question(stage: Stage, page: Page) -> None:
    page.goto(stage.web)
    page.get_by_role("heading", name="Take in a transport stream").click()
    part = page.locator("#sources")
    expect(part.get_by_text("No stream is taken in.")).to_be_visible()
    expect(part.get_by_label("Its passphrase")).to_be_hidden()
    part.get_by_label("Stream to take in").fill("news")
    part.get_by_label("Its address").fill("srt://encoder.example.org:9000?latency=300")
    part.get_by_label("Its passphrase").fill("of ten letters")
    stage.dubber.refusal = "SRT's passphrase has 10 to 79 bytes"
    part.get_by_role("button", name="Take in").click()
    refused = "Taking it in failed: SRT's passphrase has 10 to 79 bytes."
    expect(part.get_by_role("alert")).to_have_text(refused)
    looked = stage.dubber.looked_at_sources
    wait_until(lambda: stage.dubber.looked_at_sources > looked, "the list is asked for again")
    expect(part.get_by_role("alert")).to_have_text(refused)
    stage.dubber.refusal = ""
    part.get_by_role("button", name="Take in").click()
    expect(part.get_by_label("Its address")).to_have_value("")
    address = "srt://encoder.example.org:9000?latency=300&passphrase=of%20ten%20letters"
    assert stage.dubber.calls[-1] == ("PUT", "sources/news", {"address": address})
    stage.dubber.sources = [
        taken_in("news"),
        taken_in("sport", running=False, lasts=False, problem="no route"),
    ]
    expect(part.get_by_text("Coming in, 4.2 Mbit/s")).to_be_visible()
    expect(part.get_by_role("list")).to_contain_text("srt://encoder.example.org:9000 · English · 2 splices")
    expect(part.get_by_role("list")).to_contain_text("forgotten when the dubber restarts · no route")
    part.get_by_role("button", name="Stop taking in news").click()
    dialog = page.get_by_role("dialog", name="Stop taking in news?")
    dialog.get_by_role("button", name="Go on").click()
    part.get_by_role("button", name="Stop taking in news").click()
    dialog.get_by_role("button", name="Stop taking it in").click()
    wait_until(lambda: stage.dubber.calls[-1] == ("DELETE", "sources/news", None), "the order arrived")
    for size in ({"width": 360, "height": 740}, {"width": 1280, "height": 900}):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert not scrolls_sideways(page)
        assert (unreadable(page), badly_built(page)) == ([], [])
