"""A stream's profile: what its operator has set for it alone, from a file and over the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.dubbing.service.paths import LANGUAGE_PATTERN
from app.dubbing.service.toml_files import is_there, read_as
from app.dubbing.tracks import Channel, Chosen
from app.speech.protocol import MOST_SPEAKERS, Name, Names, Profile, Speakers, Subject, Terms

MOST_LANGUAGES = 16
MOST_TRACKS = 32
TrackNumber = Annotated[int, Field(ge=0, le=MOST_TRACKS)]
SeveralVoices = Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_SPEAKERS)]
Language = Annotated[str, Field(pattern=f"^{LANGUAGE_PATTERN}$")]


class BadProfile(ValueError):
    """A profile's file that can't be used. The message names it and what is wrong."""


class StreamProfile(BaseModel):
    """What is empty is as the settings say. Voices and terms are by language dubbed into.

    One voice is for all speakers, several are for the first, the second and so on; `speakers` tells them
    apart. Sound tracks count from 1; where both are 0 they are found by their titles. Where the voice is one
    channel of its track, the other goes on beside it unless there is a background. `breaks` is what is heard
    where the stream's splices (SCTE-35) leave the programme.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    languages: Annotated[tuple[Language, ...], Field(max_length=MOST_LANGUAGES)] = ()
    voices: Annotated[dict[Language, Name | SeveralVoices], Field(max_length=MOST_LANGUAGES)] = {}
    delay: Literal["", "live", "steady", "quality"] = ""
    subject: Subject = ""
    keep: Names = ()
    terms: Annotated[dict[Language, Terms], Field(max_length=MOST_LANGUAGES)] = {}
    normalise: bool = True
    speakers: bool = False
    breaks: Literal["original", "dub"] = "original"
    voice_track: TrackNumber = 0
    background_track: TrackNumber = 0
    voice_channel: Channel = "both"

    @model_validator(mode="after")
    def _two_tracks(self) -> Self:
        if self.voice_track and self.voice_track == self.background_track:
            raise ValueError("voice_track and background_track are the same: choose two, or leave one out")
        return self

    @property
    def tracks(self) -> Chosen:
        """The sound tracks that are chosen."""
        return Chosen(self.voice_track, self.background_track, self.voice_channel)

    def wording(self, language: str) -> Profile:
        """The part of it that the speech service is told for one language."""
        voice = self.voices.get(language, "")
        return Profile(
            voice=voice if isinstance(voice, str) else "",
            subject=self.subject,
            keep=self.keep,
            terms=self.terms.get(language, {}),
            normalise=self.normalise,
        )

    def told_apart(self, language: str) -> Speakers:
        """How speakers are told apart in the dub into one language, and their voices."""
        voices = self.voices.get(language, "")
        several = () if isinstance(voices, str) else voices
        return Speakers(on=self.speakers, voices=dict(enumerate(several, 1)))


def read(folder: Path, stream: str) -> StreamProfile:
    """The profile in <stream>.toml, or an empty one where there is no such file. Raises BadProfile."""
    file = folder / f"{stream}.toml"
    return read_as(StreamProfile, file, BadProfile) if is_there(file, BadProfile) else StreamProfile()
