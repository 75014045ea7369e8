"""Which sound track is the voice and which goes on beside it: as chosen, else by what the tracks say."""

from __future__ import annotations

import pytest

from app.dubbing.tracks import Chosen, Named, Roles, kind, roles

TITLES = {
    "voice": (
        *("Voice", "voices", "English commentary", "Commentator 1", "Dialogue", "Dialog (stereo)", "DIALOGS"),
        *("Narration", "narrator_en", "VO", "vo", "Match VO", "DX"),
    ),
    "background": (
        *("International", "International sound", "Int", "INTL sound", "M&E", "m & e", "M+E", "M/E", "ME"),
        *("Music and effects", "Music & Effects", "Effects", "FX", "IT", "IS", "ITS", "Clean"),
        *("clean feed", "Ambience", "ambient", "Atmos", "Atmosphere", "Stadium", "crowd-noise", "Background"),
        *("Natural sound", "nats", "Final IS 5.1"),
    ),
    "other": ("Programme", "PGM", "Full mix", "DME", "D/M/E", "Mix, commentary", "Audio description", "AD"),
    "": ("", "English", "Stereo", "Track 1", "what it is", "tell me", "SoundHandler", "Italian", "void"),
}


@pytest.mark.parametrize(
    ("title", "expected"), [(title, kind_) for kind_, titles in TITLES.items() for title in titles]
)
def test_the_trade_s_words_are_known_in_a_title(title: str, expected: str) -> None:
    assert kind(Named(title)) == expected


VOICE, MUSIC = Named("Commentary", "eng"), Named("International", "zxx")


@pytest.mark.parametrize(
    ("tracks", "chosen", "expected"),
    [
        ([], Chosen(1, 2), Roles(None)),
        ([Named()], Chosen(), Roles(0)),
        ([MUSIC], Chosen(), Roles(0)),
        ([VOICE, MUSIC], Chosen(), Roles(0, 1)),
        ([MUSIC, VOICE], Chosen(), Roles(1, 0)),
        ([Named("", "eng"), Named("", "zxx")], Chosen(), Roles(0, 1)),
        ([Named("", "qaa"), Named("", "zxx")], Chosen(), Roles(0, 1)),
        ([Named("", "eng"), Named("", "", clean=True)], Chosen(), Roles(0, 1)),
        ([Named("", "mul"), Named("", "zxx")], Chosen(), Roles(0)),
        ([Named("", "und"), Named("", "zxx")], Chosen(), Roles(0)),
        ([Named("", "eng"), Named("", "fra"), MUSIC], Chosen(), Roles(0)),
        ([Named("", "eng"), Named("", "eng", described=True), MUSIC], Chosen(), Roles(0, 2)),
        ([Named("Full mix", "eng"), MUSIC], Chosen(), Roles(0)),
        ([Named("Full mix", "eng"), MUSIC, VOICE], Chosen(), Roles(2, 1)),
        ([VOICE, MUSIC, Named("Stadium")], Chosen(), Roles(0)),
        ([VOICE, VOICE, MUSIC], Chosen(), Roles(0)),
        ([VOICE, Named("English")], Chosen(), Roles(0)),
        ([MUSIC, VOICE], Chosen(voice=1), Roles(0)),
        ([VOICE, MUSIC], Chosen(background=1), Roles(1, 0)),
        ([Named(), Named(), Named()], Chosen(3, 2), Roles(2, 1)),
        ([Named(channels=2)], Chosen(channel="left"), Roles(0, channel="left")),
        ([Named()], Chosen(channel="right"), Roles(0, channel="right")),
        ([VOICE, MUSIC], Chosen(channel="right"), Roles(0, 1, channel="right")),
        ([MUSIC, Named(channels=2)], Chosen(voice=2, channel="left"), Roles(1, channel="left")),
        ([], Chosen(channel="left"), Roles(None)),
    ],
)
def test_tracks_are_taken_as_chosen_else_where_there_is_no_doubt(
    tracks: list[Named], chosen: Chosen, expected: Roles
) -> None:
    assert roles(tracks, chosen) == expected


@pytest.mark.parametrize(
    ("count", "chosen", "told"),
    [
        (1, Chosen(1, 2), "sound track 2 was chosen, but the source has one sound track"),
        (2, Chosen(3), "sound track 3 was chosen, but the source has 2 sound tracks"),
        (1, Chosen(background=1), "the only sound track was chosen as what goes on beside the voice"),
    ],
)
def test_a_choice_that_can_t_be_followed_is_told_and_the_first_track_has_everything(
    count: int, chosen: Chosen, told: str
) -> None:
    assert roles([Named()] * count, chosen) == Roles(0, problem=told)


@pytest.mark.parametrize(("channels", "has"), [(1, "one channel"), (6, "6 channels")])
def test_one_channel_is_taken_of_two_alone(channels: int, has: str) -> None:
    told = f"the left channel was chosen as the voice, but sound track 1 has {has}"
    assert roles([Named(channels=channels)], Chosen(channel="left")) == Roles(0, problem=told)


def test_something_goes_on_beside_the_voice_where_it_has_a_track_or_a_channel() -> None:
    found = [Roles(0), Roles(0, 1), Roles(0, channel="left"), Roles(0, 1, channel="left")]
    assert [each.apart for each in found] == [False, True, True, True]
    assert [each.divides for each in found] == [False, False, True, False]
