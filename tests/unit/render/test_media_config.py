"""The media server's configuration and the search for its binary."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from app.render import media
from app.settings import SettingsError, load


def configured(**environment: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(media.render(load(environment)))
    return content


def test_the_control_api_stays_on_this_machine_when_all_else_is_opened() -> None:
    config = configured(BIND_ADDRESS="0.0.0.0")
    assert config["apiAddress"] == "127.0.0.1:9997"
    assert config["rtmpAddress"] == "0.0.0.0:1935"
    assert config["hlsAddress"] == "0.0.0.0:8888"


def test_an_ipv6_address_is_bracketed() -> None:
    assert configured(BIND_ADDRESS="::1")["rtspAddress"] == "[::1]:8554"


def test_pages_of_other_sites_are_let_to_nothing_but_where_the_settings_name_one() -> None:
    def let_in(config: dict[str, Any]) -> list[str]:
        return [config[f"{server}AllowOrigin"] for server in ("api", "hls", "webrtc")]

    player = "https://player.example.org"
    assert let_in(configured()) == ["none", "none", "none"]
    assert let_in(configured(ALLOWED_ORIGINS=f"{player},https://b.example")) == ["none", player, player]


def test_the_dubber_is_asked_about_everything_the_control_api_included() -> None:
    assert configured()["authHTTPExclude"] == []


def test_the_dubber_is_asked_who_may_publish_and_read() -> None:
    config = configured(DUBBER_URL="http://dubber:8003/")
    assert config["authMethod"] == "http"
    assert config["authHTTPAddress"] == "http://dubber:8003/auth"


def test_no_password_gets_into_the_configuration() -> None:
    text = media.render(
        load(
            {
                "MEDIA_PUBLISH_USER": "obs",
                "MEDIA_PUBLISH_PASSWORD": "secret-one",
                "MEDIA_READ_USER": "viewer",
                "MEDIA_READ_PASSWORD": "secret-two",
            }
        )
    )
    assert "secret-one" not in text
    assert "secret-two" not in text


def test_recordings_are_made_only_when_asked_for_and_are_kept_for_a_bounded_time() -> None:
    assert configured()["pathDefaults"]["record"] is False
    recording = configured(MEDIA_RECORD="true", DATA_DIR="/srv/voice")["pathDefaults"]
    assert recording["record"] is True
    assert recording["recordPath"].startswith("/srv/voice/recordings/%path/")
    assert recording["recordDeleteAfter"] == media.RECORDINGS_KEPT


@pytest.mark.parametrize("name", ["live/news", "live/a.b-c_1"])
def test_a_live_path_takes_plain_names(name: str) -> None:
    assert re.fullmatch(media.LIVE_PATH.removeprefix("~"), name)


@pytest.mark.parametrize("name", ["live/", "live/a/b", "live/a b", "live/a&b=c", "live/$(id)", "dub/a/es"])
def test_a_live_path_takes_no_name_that_means_something_in_an_address(name: str) -> None:
    assert not re.fullmatch(media.LIVE_PATH.removeprefix("~"), name)


@pytest.mark.parametrize("event", ["ready", "notready"])
def test_a_hook_is_one_command_that_gives_up_soon(event: str) -> None:
    words = shlex.split(media.hook(load({}), event))
    assert words[0] == "curl"
    assert words[-1] == f"http://127.0.0.1:8003/hooks/{event}?path=$MTX_PATH"
    assert float(words[words.index("--max-time") + 1]) <= 2


@pytest.mark.parametrize(
    ("version", "fits"), [("v1.13.1", True), ("v1.13.9", True), ("v1.12.3", False), ("v1.20.0", False)]
)
def test_a_binary_on_path_is_used_only_in_a_version_that_takes_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, fits: bool
) -> None:
    binary = tmp_path / "bin" / "mediamtx"
    binary.parent.mkdir()
    binary.write_text(f"#!/bin/sh\necho {version}\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if fits:
        assert media.find_binary() == binary
    else:
        with pytest.raises(media.MediaServerMissing, match="make setup"):
            media.find_binary()


def test_the_cached_binary_serves_where_path_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    media.cached_binary().parent.mkdir(parents=True)
    media.cached_binary().touch()
    assert media.find_binary() == media.cached_binary()


def test_a_passphrase_of_srt_is_told_by_variables_alone_and_has_a_length_that_srt_takes() -> None:
    settings = load({"MEDIA_SRT_PASSPHRASE": "ten-or-more"})
    assert set(media.secrets(settings).values()) == {"ten-or-more"}
    assert "ten-or-more" not in media.render(settings)
    assert media.secrets(load({})) == {}
    with pytest.raises(SettingsError, match=r"MEDIA_SRT_PASSPHRASE.*10 to 79"):
        load({"MEDIA_SRT_PASSPHRASE": "short"})
