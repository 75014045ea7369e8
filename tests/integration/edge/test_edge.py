"""The edge with its own authority: everything that people use, through HTTPS alone (DEP-9)."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.serving.throttle import AT_ONCE
from tests.integration.edge.conftest import CARD, KEY, PASSWORD, READER, Edge
from tests.stack import wait_for

TUS = {"Tus-Resumable": "1.0.0"}
KEYED = {"Authorization": f"Bearer {KEY}"}
READING = (READER, PASSWORD)


def test_the_console_comes_over_http_2_with_its_own_policy_and_without_the_server_s_name(edge: Edge) -> None:
    head = edge.curl("/", "--head").lower()
    assert head.startswith("http/2 200")
    assert "content-security-policy: default-src 'self'" in head
    assert "x-content-type-options: nosniff" in head
    assert f'alt-svc: h3=":{edge.port}"' in head
    assert "server:" not in head
    assert "via:" not in head
    # Its name is every machine's: other programs there would have to speak HTTPS too.
    assert "strict-transport-security" not in head


def test_http_3_is_spoken_on_the_same_port(edge: Edge) -> None:
    unknown_version = b"\xc0\xff\xff\xff\x00" + b"\x08" + os.urandom(8) + b"\x00"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(5.0)
        probe.sendto(unknown_version.ljust(1200, b"\0"), ("127.0.0.1", edge.port))
        answer = probe.recv(2048)
    # A version negotiation (RFC 8999): version 0, then those that are spoken.
    assert answer[1:5] == bytes(4)
    assert b"\x00\x00\x00\x01" in answer[5:]


def test_http_leads_to_https_with_the_whole_address(edge: Edge) -> None:
    plain = f"http://localhost:{edge.stack.settings.edge_http_port}"
    answer = httpx.get(f"{plain}/calls/?a=b", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (308, f"{edge.address}/calls/?a=b")


def test_a_foreign_name_gets_neither_a_certificate_nor_an_answer(edge: Edge) -> None:
    assert edge.http.get("/", headers={"Host": "evil.example"}).status_code == 421
    plain = f"http://127.0.0.1:{edge.stack.settings.edge_http_port}/"
    assert httpx.get(plain, headers={"Host": "evil.example"}, trust_env=False).status_code == 421
    with (
        socket.create_connection(("127.0.0.1", edge.port)) as raw,
        pytest.raises(ssl.SSLError),
    ):
        edge.trust.wrap_socket(raw, server_hostname="evil.example")


def test_this_machine_s_own_name_is_known_to_the_services_behind(edge: Edge) -> None:
    own = socket.gethostname().partition(".")[0].lower()
    named = Edge(edge.stack, edge.root, own)
    assert json.loads(named.curl("/health"))["status"] == "ok"


def test_pages_of_other_sites_change_nothing(edge: Edge) -> None:
    other = {"Origin": "https://evil.example"}
    assert edge.http.post("/api/sales/calls", json={}, headers=other).status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        opened(edge, "/api/live", additional_headers=other)
    assert refused.value.response.status_code == 403


def test_a_real_stream_plays_as_hls_for_those_who_may_watch(edge: Edge) -> None:
    publisher = edge.stack.publish(CARD, "edge")
    try:
        # Who asks for what is not there yet may have its publisher refused in that moment.
        wait_for("it is published", lambda: edge.stack.ready_paths().get("live/edge"), 30.0)
        where = "/live/edge/index.m3u8"
        wait_for("the stream", lambda: edge.http.get(where, auth=READING).status_code == 200, 30.0)
        assert edge.http.get(where).status_code == 401
        variant = lines(edge.http.get(where, auth=READING))[-1]
        assert variant.endswith(".m3u8")
        pieces = lines(edge.http.get(f"/live/edge/{variant}", auth=READING))
        piece = edge.http.get(f"/live/edge/{pieces[-1]}", auth=READING)
        assert piece.status_code == 200
        assert b"moof" in piece.content[:200]
        # The console plays it by its own address.
        assert edge.http.get("/hls/live/edge/index.m3u8", auth=READING).status_code == 200
    finally:
        publisher.stop()


def lines(playlist: httpx.Response) -> list[str]:
    """The addresses in a playlist."""
    return [line for line in playlist.raise_for_status().text.splitlines() if line and line[0] != "#"]


def test_who_guesses_passwords_is_held_back_by_its_own_address_whatever_it_says_of_itself(edge: Edge) -> None:
    def guess(number: int) -> int:
        told = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-Ip": f"203.0.113.{number}"}
        elsewhere = httpx.HTTPTransport(verify=edge.trust, local_address="127.0.0.2")
        with httpx.Client(transport=elsewhere, timeout=30.0) as client:
            address = f"{edge.address}/live/nobody/whep"
            guessed = (READER, f"guess {number}")
            return client.options(address, auth=guessed, headers=told).status_code

    with ThreadPoolExecutor(AT_ONCE + 2) as guessing:
        assert set(guessing.map(guess, range(AT_ONCE + 2))) == {401}
    log = edge.stack.log_of("dubber").read_text()
    assert re.findall(r"held back\W.*client=(\S+)", log)[0] == "127.0.0.2"
    assert "203.0.113." not in log
    # Nobody else is.
    assert edge.http.options("/live/nobody/whep", auth=READING).status_code == 204


def test_webrtc_is_asked_for_at_the_media_server_s_own_addresses(edge: Edge) -> None:
    answer = edge.http.options("/live/nobody/whep", headers={"Access-Control-Request-Method": "POST"})
    assert answer.status_code == 204
    offer = edge.http.post(
        "/live/nobody/whep", content="v=0", headers={"Content-Type": "application/sdp"}, auth=READING
    )
    assert "error" in offer.json()
    assert "server" not in offer.headers


def opened(edge: Edge, path: str, **options: Any) -> ClientConnection:
    """A WebSocket through the edge."""
    socket: ClientConnection = connect(
        f"wss://localhost:{edge.port}{path}", ssl=edge.trust, proxy=None, open_timeout=30, **options
    )
    return socket


@pytest.mark.parametrize(("path", "headers"), [("/api/live", {}), ("/", KEYED)])
def test_live_is_reached_through_the_console_and_by_its_clients(
    edge: Edge, path: str, headers: dict[str, str]
) -> None:
    with opened(edge, path, additional_headers=headers) as live:
        live.send(json.dumps({"uid": "edge", "language": "en", "task": "transcribe"}))
        assert json.loads(live.recv(timeout=30.0))["message"] == "SERVER_READY"


def test_what_has_keys_asks_for_them_and_what_has_none_is_not_there(edge: Edge) -> None:
    assert edge.http.get("/api/v1/transcripts").status_code == 401
    assert edge.http.get("/api/v1/transcripts", headers=KEYED).json()["transcripts"] == []
    with pytest.raises(InvalidStatus):
        opened(edge, "/")
    for path in ("/metrics", "/streams", "/hooks/ready", "/auth", "/calls/x/audio"):
        assert edge.http.get(path).status_code == 404, path


def test_the_dubber_s_events_come_as_they_happen(edge: Edge) -> None:
    with edge.http.stream("GET", "/api/dubber/events") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        assert any(line == "event: streams" for line in events.iter_lines())


def test_an_upload_goes_through_in_parts_larger_than_anything_else_may_be(edge: Edge) -> None:
    content = os.urandom(3 << 20)
    named = {"Upload-Metadata": f"filename {base64.b64encode(b'edge.wav').decode()}"}
    made = edge.http.post(
        "/api/archive/uploads", headers={**TUS, **named, "Upload-Length": str(len(content))}
    )
    assert made.status_code == 201, made.text
    place = made.headers["location"]
    assert place.startswith("/api/archive/uploads/")
    part = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = edge.http.patch(place, content=content[: 2 << 20], headers=part)
    assert (sent.status_code, sent.headers["upload-offset"]) == (204, str(2 << 20))
    assert edge.http.head(place, headers=TUS).headers["upload-offset"] == str(2 << 20)
    assert edge.http.delete(place, headers=TUS).status_code == 204


def test_large_requests_and_heads_are_refused_before_anybody_reads_them(edge: Edge) -> None:
    assert edge.http.post("/api/sales/calls", content=bytes(2 << 20)).status_code == 413
    assert edge.http.get("/", headers={"X-Large": "x" * (32 << 10)}).status_code == 431


def test_a_service_that_is_not_there_is_told_as_our_services_tell_it(edge: Edge) -> None:
    answer = edge.http.get("/v1/models", headers=KEYED)
    assert (answer.status_code, answer.json()) == (502, {"detail": "Bad Gateway"})


def test_no_log_of_the_edge_holds_a_secret(edge: Edge) -> None:
    secret = "hush-" + os.urandom(8).hex()
    carried = {"Authorization": f"Bearer {secret}", "Cookie": f"session={secret}", "X-Api-Key": secret}
    for path in ("/", "/v1/models", f"/live/nobody/whep/{secret}"):
        edge.http.get(path, params={"token": secret, "seen": "edge"}, headers=carried)
    requests = edge.stack.settings.data_dir / "edge" / "access.log"
    wait_for("the log", lambda: '"/live/nobody/whep/"' in requests.read_text(), 5.0)
    told = requests.read_text() + edge.stack.log_of("edge").read_text()
    assert secret not in told
    last = json.loads(requests.read_text().splitlines()[-1])
    assert (last["request"]["uri"], last["request"]["client_ip"]) == ("/live/nobody/whep/", "127.0.0.1")


def test_it_listens_to_nothing_but_its_own_ports_and_its_keys_are_nobody_else_s(edge: Edge) -> None:
    settings = edge.stack.settings
    open_to = {
        (kept.laddr.port, kept.type)
        for process in edge.stack.family("edge")
        for kept in process.net_connections()
        if kept.status in (psutil.CONN_LISTEN, psutil.CONN_NONE) and kept.laddr
    }
    assert open_to == {
        (settings.edge_https_port, socket.SOCK_STREAM),
        (settings.edge_https_port, socket.SOCK_DGRAM),
        (settings.edge_http_port, socket.SOCK_STREAM),
    }
    folder = settings.data_dir / "edge"
    assert all(path.stat().st_mode & 0o077 == 0 for path in [folder, *folder.rglob("*")])
