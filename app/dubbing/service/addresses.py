"""Where a worker reads, publishes and looks. These addresses carry credentials: never log them."""

from __future__ import annotations

from urllib.parse import quote

from app.dubbing.messages import DubAt
from app.dubbing.service import paths
from app.dubbing.service.auth import API_USER, INTERNAL_USER, api_password
from app.dubbing.service.watcher import Publisher
from app.dubbing.tracks import Chosen
from app.settings import Settings

# What MediaMTX 1.13 gives to an RTMP reader that speaks no enhanced RTMP.
SOUND_BY_RTMP = {"MPEG-4 Audio", "MPEG-1/2 Audio"}
CARRIED_BY_RTMP = {"H264"} | SOUND_BY_RTMP
NONE_CHOSEN = Chosen()


def source_url(settings: Settings, secret: str, publisher: Publisher, chosen: Chosen = NONE_CHOSEN) -> str:
    """Where a worker reads the stream: over RTMP where that carries all its tracks, else over RTSP.

    RTMP has one clock for picture and sound, and decoding times. An RTSP client guesses how the
    tracks belong together until sender reports arrive, which the media server writes from the times
    of arrival: the tracks then jump by as much as the publisher's packets jittered. RTMP gives the first
    sound track alone, so it won't do where others are chosen.
    """
    path = paths.live_path(publisher.name)
    sounds = sum(track in SOUND_BY_RTMP for track in publisher.tracks)
    if publisher.tracks and not (chosen and sounds > 1) and set(publisher.tracks) <= CARRIED_BY_RTMP:
        login = f"user={INTERNAL_USER}&pass={secret}"
        return f"rtmp://{host(settings)}:{settings.media_rtmp_port}/{path}?{login}"
    return f"{rtsp(settings, secret)}/{path}"


def publish_url(settings: Settings, secret: str, path: str) -> str:
    """Where a worker publishes what it makes of a stream."""
    return f"{rtsp(settings, secret)}/{path}"


def dub_at(settings: Settings, secret: str, name: str, language: str) -> DubAt:
    """Where the dub of a stream is read, to be sent on or joined: over RTMP, which gives decoding times."""
    path, login = paths.dub_path(name, language), f"user={INTERNAL_USER}&pass={secret}"
    read = f"rtmp://{host(settings)}:{settings.media_rtmp_port}/{path}?{login}"
    return DubAt(read, look_at(settings, secret, path))


def intake_url(settings: Settings, secret: str, name: str) -> str:
    """Where a stream that is taken in is published: over RTMP, which has one clock for picture and sound."""
    login = f"user={INTERNAL_USER}&pass={secret}"
    return f"rtmp://{host(settings)}:{settings.media_rtmp_port}/{paths.live_path(name)}?{login}"


def look_at(settings: Settings, secret: str, path: str) -> str:
    """Where the media server's control API tells of that path."""
    login = f"{API_USER}:{quote(api_password(settings, secret), safe='')}"
    return f"http://{login}@{host(settings)}:{settings.media_api_port}/v3/paths/get/{path}"


def rtsp(settings: Settings, secret: str) -> str:
    """The media server as workers reach it over RTSP."""
    return f"rtsp://{INTERNAL_USER}:{secret}@{host(settings)}:{settings.media_rtsp_port}"


def host(settings: Settings) -> str:
    """The media server's host as it stands in an address."""
    return f"[{settings.media_host}]" if ":" in settings.media_host else settings.media_host
