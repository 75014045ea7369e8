"""What commentary says over HTTP and in server-sent events; times in seconds from a session's start."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Pace = Literal["calm", "normal", "lively"]
Why = Literal["cut", "fade", "motion", "still", "light", "start", "text"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
ProfileName = Annotated[str, Field(pattern=r"^[a-z]{1,40}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]


class Source(BaseModel):
    """A source of video: a file in the folder for videos, a stream of ours by its path (live/<name>,
    dub/<name>/<language>), an RTSP address, a device, or a room that browsers bring their cameras into
    (livekit). A file may `loop`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["stream", "file", "rtsp", "device", "livekit"]
    name: Name
    loop: bool = False


class Wishes(BaseModel):
    """How a session comments; each may be changed while it runs.

    `prompt` takes the place of the profile's own words, where it says something. `describe`: a stream of
    ours, live/<name>, is published as described/<name>, with the comments spoken where nobody speaks.
    """

    model_config = ConfigDict(extra="forbid")

    profile: ProfileName = "default"
    prompt: Text = ""
    instruction: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] = ""
    language: Language = "en"
    pace: Pace = "normal"
    speech: bool = True
    describe: bool = False


class NewSession(Wishes):
    """A session to be begun."""

    source: Source


class Change(BaseModel):
    """What is to be changed of a session; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    profile: ProfileName | None = None
    prompt: Text | None = None
    instruction: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = None
    language: Language | None = None
    pace: Pace | None = None
    speech: bool | None = None
    describe: bool | None = None


class Comment(BaseModel):
    """Something that was said. `seen` is when what it tells was seen, `shown` when it was told, `position`
    where in the source that lies; `spoken` how long its sound is, 0 where it has none."""

    id: int
    seen: float
    shown: float
    position: float
    text: str
    why: Why
    describer: str
    language: str
    spoken: float = 0.0


class Part(BaseModel):
    """Whether a part works, and what is wrong with it, or what people should know of it."""

    healthy: bool
    detail: str = ""


class Describing(Part):
    """Who describes. `calls` and `cost` (in the server's own money, dollars) are of the language model."""

    name: str
    calls: int = 0
    cost: float = 0.0


class Description(BaseModel):
    """The stream with comments spoken in the gaps of its dialogue: where it is published, and how it is.

    `said` and `dropped` are sentences: without a gap in time one is dropped.
    """

    path: str
    running: bool = False
    said: int = 0
    dropped: int = 0
    detail: str = ""


class Session(BaseModel):
    """A session as it is now. `description` is null where none is wanted."""

    id: str
    source: Source
    wishes: Wishes
    started: str
    state: Literal["waiting", "watching", "lost", "ended"]
    detail: str
    frames_per_second: float
    reconnects: int
    speaking: bool
    last_comment: Comment | None
    describer: Describing
    speech: Part
    description: Description | None = None


class Sessions(BaseModel):
    """All sessions, the newest first."""

    sessions: list[Session]


class Status(BaseModel):
    """How it is with everything. What is null is not in use."""

    capture_healthy: bool | None
    livekit_connected: bool | None
    model: Describing
    speech: Part
    frames_per_second: float
    last_comment: Comment | None
    sessions: int


class Sources(BaseModel):
    """What may be watched. `detail` says why there is not more."""

    streams: list[str]
    files: list[str]
    devices: list[str]
    hosts: list[str]
    detail: str = ""


class Profile(BaseModel):
    """A way of commenting: what a language model is told, and how lively it is by itself."""

    name: ProfileName
    title: str
    about: str
    prompt: str
    pace: Pace


class Profiles(BaseModel):
    """The profiles there are."""

    profiles: list[Profile]


class CommentEvent(Comment):
    """Something is said. It is told again with `spoken`, once its sound is there."""

    type: Literal["comment"] = "comment"


class SessionEvent(Session):
    """The session has changed."""

    type: Literal["session"] = "session"
