"""RTMPS and RTSPS by the media server, with the edge's certificate. (DEP-9)"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from app.render import edge as rendering
from app.render import media
from tests.integration.edge.conftest import CARD, PASSWORD, READER, Edge
from tests.integration.edge.trusting import certificate_at
from tests.stack import wait_for

FFMPEG = ("ffmpeg", "-loglevel", "error", "-nostdin")
FORMATS = {"rtmps": ("-f", "flv"), "rtsps": ("-f", "rtsp", "-rtsp_transport", "tcp")}


def address(edge: Edge, scheme: str, path: str, login: str = "") -> str:
    port = {"rtmps": edge.stack.settings.media_rtmps_port, "rtsps": edge.stack.settings.media_rtsps_port}
    return f"{scheme}://{login}{edge.name}:{port[scheme]}/{path}"


def ffmpeg(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*FFMPEG, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def trusting(scheme: str, root: Path) -> Sequence[str]:
    """FFmpeg verifies RTMPS; it can't RTSPS, whose certificate `certificate_at` has verified."""
    return ("-tls_verify", "1", "-ca_file", str(root)) if scheme == "rtmps" else ()


def wait_for_certificate(edge: Edge) -> None:
    for port in (edge.stack.settings.media_rtmps_port, edge.stack.settings.media_rtsps_port):
        wait_for("the edge's certificate", partial(certificate_at, edge, port), 60.0)


@pytest.mark.parametrize("scheme", FORMATS)
def test_a_stream_comes_encrypted_and_its_dub_is_watched_so(edge: Edge, scheme: str) -> None:
    wait_for_certificate(edge)
    target = address(edge, scheme, f"live/over-{scheme}")
    publisher = ffmpeg(*CARD, *FORMATS[scheme], *trusting(scheme, edge.root), target)
    try:
        dub = f"dub/over-{scheme}/es"
        wait_for("the dub", lambda: edge.stack.ready_paths().get(dub), 60.0)
        login = f"{READER}:{PASSWORD}@" if scheme == "rtsps" else ""
        query = f"?user={READER}&pass={PASSWORD}" if scheme == "rtmps" else ""
        transport = ("-rtsp_transport", "tcp") if scheme == "rtsps" else ()
        watched = address(edge, scheme, dub, login) + query
        watching = [*transport, *trusting(scheme, edge.root), "-i", watched, "-t", "2", "-f", "null", "-"]
        done = subprocess.run([*FFMPEG, *watching], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    finally:
        publisher.kill()
        publisher.wait()


def test_who_does_not_know_the_authority_publishes_nothing(edge: Edge, tmp_path: Path) -> None:
    wait_for_certificate(edge)
    stranger = tmp_path / "stranger"
    subprocess.run(rendering.stand_in(str(stranger)), check=True, capture_output=True)
    trust = trusting("rtmps", stranger.with_name("stranger.crt"))
    assert ffmpeg(*CARD, *FORMATS["rtmps"], *trust, address(edge, "rtmps", "live/stranger")).wait(60) != 0
    assert "live/stranger" not in edge.stack.ready_paths()


def test_keys_are_their_owner_s_alone(edge: Edge) -> None:
    at = Path(media.certificate(edge.stack.settings))
    assert at.with_name(f"{at.name}.key").stat().st_mode & 0o077 == 0
