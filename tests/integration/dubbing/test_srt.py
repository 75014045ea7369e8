"""SRT in and out, encrypted, with the credentials of every other way, as loud as asked for. (DUB-16)"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.dubbing.clips import codecs_of, record
from tests.integration.dubbing.test_restream import CARD
from tests.loudness import loudness
from tests.stack import LIGHT_VOICE, Stack, wait_for

PASSPHRASE = "a-phrase-for-tests"
EXTRA = {
    **LIGHT_VOICE,
    "MEDIA_PUBLISH_USER": "obs",
    "MEDIA_PUBLISH_PASSWORD": "in-word",
    "MEDIA_READ_USER": "viewer",
    "MEDIA_READ_PASSWORD": "out-word",
    "MEDIA_SRT_PASSPHRASE": PASSPHRASE,
    "LOUDNESS_LUFS": "-23",
}


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("encrypted"), ("media", "dubber"), EXTRA) as stack:
        yield stack


def publish(stack: Stack, login: str, passphrase: str) -> subprocess.Popen[bytes]:
    address = stack.srt(f"publish:live/match{login}", passphrase)
    louder = ["-af", "volume=12dB", "-ac", "2"]
    command = ["ffmpeg", "-loglevel", "error", "-nostdin", *CARD, *louder, "-f", "mpegts", address]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("login", "passphrase"),
    [("", PASSPHRASE), (":obs:wrong", PASSPHRASE), (":obs:in-word", ""), (":obs:in-word", "another-phrase")],
    ids=["no login", "wrong password", "no passphrase", "wrong passphrase"],
)
def test_who_has_not_both_login_and_passphrase_is_refused(
    encrypted: Stack, login: str, passphrase: str
) -> None:
    assert publish(encrypted, login, passphrase).wait(20) != 0
    assert "live/match" not in encrypted.ready_paths()


def test_a_stream_comes_and_its_dub_goes_over_srt(encrypted: Stack, tmp_path: Path) -> None:
    publisher = publish(encrypted, ":obs:in-word", PASSPHRASE)
    try:
        wait_for("the dub", lambda: encrypted.ready_paths().get("dub/match/es"), 30.0)
        [stream] = encrypted.http.get("/streams").json()["streams"]
        assert set(stream["source"]["tracks"]) == {"H264", "MPEG-4 Audio"}
        address = encrypted.srt("read:dub/match/es:viewer:out-word", PASSPHRASE)
        out = record(address, tmp_path / "out.ts", 8)
        assert codecs_of(out) == ["h264", "aac", "opus"]
        # It came 14 dB louder.
        assert loudness("-ss", "5", "-i", str(out), "-map", "0:a:0") == pytest.approx(-23.0, abs=1.0)
    finally:
        publisher.kill()
    assert PASSPHRASE not in encrypted.logs()
    assert PASSPHRASE not in (encrypted.folder / "mediamtx.yml").read_text()
