"""The edge's configuration, and what those behind it are given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app import catalog
from app.native import plan
from app.render import caddy, edge, media
from app.render.containers import MEDIA_CONFIG, Container, containers
from app.render.edge import LETS_ENCRYPT
from app.settings import SettingsError, load
from tests.stack import ROOT
from tools import pins

SERVICES = catalog.select(["edge", "asr", "tts", "live", "sales"])


def configured(**variables: str) -> dict[str, Any]:
    return caddy.configuration(load(variables), "/kept")


def server(name: str, **variables: str) -> dict[str, Any]:
    found: dict[str, Any] = configured(**variables)["apps"]["http"]["servers"][name]
    return found


def issuer(**variables: str) -> dict[str, Any]:
    found: dict[str, Any] = configured(**variables)["apps"]["tls"]["automation"]["policies"][0]["issuers"][0]
    return found


def upstreams(**variables: str) -> set[str]:
    return set(re.findall(r'"dial": "([^"]+)"', json.dumps(server("https", **variables))))


@pytest.mark.parametrize(
    "name", ["voice", "voice.local", "voice.internal", "voice.home.arpa", "localhost", "192.168.1.5"]
)
def test_a_private_name_gets_its_certificate_from_the_edge_itself(name: str) -> None:
    assert issuer(DOMAIN=name) == {"module": "internal"}
    assert issuer(DOMAIN=name, ACME_CA="https://ca.lan/dir") == {"module": "acme", "ca": "https://ca.lan/dir"}


def test_a_public_name_gets_it_from_lets_encrypt_and_is_held_to_https() -> None:
    given = {"DOMAIN": "Voice.example.org", "ACME_EMAIL": "ops@example.org"}
    assert issuer(**given) == {"module": "acme", "ca": LETS_ENCRYPT, "email": "ops@example.org"}
    assert "Strict-Transport-Security" in json.dumps(server("https", **given))
    assert "Strict-Transport-Security" not in json.dumps(server("https"))
    assert edge.names(load(given)) == ("voice.example.org",)
    assert edge.address(load(given)) == "https://voice.example.org"


def test_with_a_domain_the_ports_are_the_usual_ones_unless_they_are_given() -> None:
    assert server("https")["listen"] == ["127.0.0.1:8443"]
    assert server("https", DOMAIN="a.example", BIND_ADDRESS="0.0.0.0")["listen"] == [":443"]
    assert server("http", DOMAIN="a.example", EDGE_HTTP_PORT="8081")["listen"] == ["127.0.0.1:8081"]
    assert server("https", BIND_ADDRESS="fd00::1")["listen"] == ["[fd00::1]:8443"]


def test_a_domain_is_one_name() -> None:
    for wrong in ("https://a.example", "*.example.org", "a.example:443"):
        with pytest.raises(SettingsError, match=r"DOMAIN.*not the name of a host"):
            load({"DOMAIN": wrong})
    with pytest.raises(SettingsError, match=r"ACME_CA.*not an HTTPS address"):
        load({"ACME_CA": "http://ca.example"})


@pytest.mark.parametrize(
    ("path", "passed_on"),
    [
        ("/all/news/index.m3u8", True),
        ("/all/news@20260131T190000/sound-es-1.m4s", True),
        ("/all/news/text-es-1.vtt", True),
        ("/all/news/../../streams", False),
        ("/all/news/index.jsonl", False),
        ("/streams/news", False),
    ],
)
def test_of_the_dubber_only_what_is_watched_is_reached(path: str, passed_on: bool) -> None:
    assert bool(re.search(caddy.JOINED, path)) == passed_on


def test_services_with_keys_are_reached_directly_where_there_are_keys_alone() -> None:
    alone = {"127.0.0.1:4200", "127.0.0.1:8003", "127.0.0.1:8888", "127.0.0.1:8889"}
    assert upstreams() == alone
    assert upstreams(API_KEYS="x") == alone | {f"127.0.0.1:{port}" for port in (5001, 5002, 5003, 9090, 8001)}
    assert "192.0.2.7:5001" in upstreams(API_KEYS="x", ASR_URL="http://192.0.2.7:5001")
    # Of sts alone what asks for a key.
    routes = server("https", API_KEYS="x", STS_URLS="ws://192.0.2.7:5003")["routes"]
    inner = routes[1]["handle"][0]["routes"]
    to_sts = [each["match"] for each in inner if "192.0.2.7:5003" in json.dumps(each)]
    assert to_sts == [[{"path": ["/v1/realtime/translations"]}]]


@pytest.mark.parametrize(
    ("address", "logged"),
    [
        ("/live/a/whip/5f3c?x=1", "/live/a/whip/"),
        ("/live/a/whep", "/live/a/whep"),
        ("/hls/a.m3u8?token=x", "/hls/a.m3u8"),
    ],
)
def test_the_log_keeps_no_query_and_no_session(address: str, logged: str) -> None:
    assert re.sub(caddy.SECRETS_OF_ADDRESSES, r"\1", address) == logged


@pytest.mark.parametrize(
    ("address", "passed"),
    [
        ("/live/a/index.m3u8", True),
        ("/dub/a/es/part_1.mp4", True),
        ("/dub/a/index.m3u8", False),
        ("/live/../metrics/x.mp4", False),
        ("/live/a/", False),
    ],
)
def test_of_the_media_server_streams_alone_are_shown(address: str, passed: bool) -> None:
    assert (re.search(caddy.PLAYBACK, address) is not None) == passed


def test_behind_an_edge_http_stays_on_this_machine_and_its_names_are_known() -> None:
    settings = load({"BIND_ADDRESS": "0.0.0.0", "DOMAIN": "a.example", "ALLOWED_HOSTS": "b.example"})
    found = {each.service.name: each for each in plan.launches(SERVICES, settings, Path("m"), Path("c"))}
    assert found["web"].variables == {"BIND_ADDRESS": "127.0.0.1", "ALLOWED_HOSTS": "b.example,a.example"}
    assert found["edge"].variables == {}
    assert found["edge"].health_url == "http://127.0.0.1:80/health"
    config = media.configuration(settings, behind_edge=True)
    assert (config["hlsAddress"], config["rtmpAddress"]) == ("127.0.0.1:8888", "0.0.0.0:1935")
    assert config["webrtcTrustedProxies"] == ["127.0.0.1"]
    without = plan.launches(catalog.select(["web"]), settings, Path("m"), Path("c"))
    assert all(each.variables == {} for each in without)
    assert media.configuration(settings)["hlsTrustedProxies"] == []


def contained(**variables: str) -> dict[str, Container]:
    return {each.name: each for each in containers(SERVICES, load(variables))}


def test_as_containers_only_the_edge_and_what_it_does_not_speak_is_open() -> None:
    made = contained(BIND_ADDRESS="0.0.0.0", DOMAIN="a.example")
    opened = {
        (port.number, port.protocol)
        for each in made.values()
        for port in each.published
        if port.address == "0.0.0.0"
    }
    wyoming = {(10300, "tcp"), (10200, "tcp")}
    assert opened - wyoming == {
        (443, "tcp"), (443, "udp"), (80, "tcp"), (1935, "tcp"), (8554, "tcp"), (8189, "udp"),
            (8890, "udp"), (1936, "tcp"), (8322, "tcp"),
    }  # fmt: skip
    assert made["web"].environment["ALLOWED_HOSTS"] == "a.example"
    assert "172.16.0.0/12" in made["web"].environment["FORWARDED_ALLOW_IPS"]


def test_among_containers_the_edge_finds_the_others_by_name_and_tells_the_host_s_port() -> None:
    made = contained(DOMAIN="a.example", API_KEYS="x", WEB_PORT="4300", ASR_URL="http://gpu-1:5001")["edge"]
    configuration = json.loads(made.environment["CADDY_CONFIG"])
    text = json.dumps(configuration)
    for host in ("web:4200", "media:8888", "media:8889", "live:9090", "tts:5002", "gpu-1:5001"):
        assert f'"dial": "{host}"' in text
    assert configuration["apps"]["http"]["servers"]["https"]["listen"] == [":8443"]
    assert 'h3=\\":443\\"' in text
    assert "https://{http.request.host}{http.request.uri}" in text
    assert configuration["storage"]["root"] == made.mounts["edge"]
    assert made.read_only


def test_the_secret_of_a_cdn_is_the_edge_s_alone_and_in_no_configuration() -> None:
    secret = "hush-between-cdn-and-edge"
    made = contained(DOMAIN="a.example", CDN_SECRET=secret)
    assert {name for name, each in made.items() if secret in each.secrets.values()} == {"edge"}
    assert made["edge"].secrets == {caddy.CDN_SECRET: secret}
    configuration = made["edge"].environment["CADDY_CONFIG"]
    assert secret not in configuration
    assert f"{{env.{caddy.CDN_SECRET}}}" in configuration
    assert caddy.CDN_HEADER not in contained(DOMAIN="a.example")["edge"].environment["CADDY_CONFIG"]


@pytest.mark.parametrize("wrong", ["too-short", "a-secret-that-ends-on-a-*", "{env.HOME}-and-some-more"])
def test_a_cdn_s_secret_is_one_that_caddy_takes_as_it_is_and_is_not_told(wrong: str) -> None:
    with pytest.raises(SettingsError, match="CDN_SECRET: takes 16 to 200 letters") as told:
        load({"CDN_SECRET": wrong})
    assert wrong not in str(told.value)


def test_every_place_says_the_same_version() -> None:
    assert f"caddy/v2 v{edge.VERSION} " in (pins.CADDY.source() / "go.mod").read_text()
    assert f"FROM caddy:{edge.VERSION} " in (ROOT / "images/edge/Dockerfile").read_text()
    assert pins.CADDY.path() == edge.cached_binary()


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        (f"v{edge.VERSION}", True),
        ("v2.12.0 h1:x=", True),
        ("2.11.8", False),
        ("v3.0.0", False),
        ("2.6.2", False),
        ("", False),
    ],
)
def test_an_older_caddy_on_path_is_passed_over(said: str, fits: bool) -> None:
    assert edge.fits(said) == fits


def test_a_missing_caddy_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(edge.EdgeMissing, match="make setup"):
        edge.find_binary()


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"DOMAIN": "A.example"}, "acme-v02.api.letsencrypt.org-directory/a.example/a.example"),
        (
            {"DOMAIN": "a.example", "ACME_CA": "https://localhost:14000/dir"},
            "localhost-14000-dir/a.example/a.example",
        ),
        ({}, "local/localhost/localhost"),
    ],
)
def test_the_media_server_shows_the_certificate_where_the_edge_keeps_it(
    given: dict[str, str], path: str
) -> None:
    settings = load({"DATA_DIR": "/here", **given})
    told = media.configuration(settings, behind_edge=True)
    for name in ("rtmp", "rtsp"):
        assert told[f"{name}Encryption"] == "optional"
        assert told[f"{name}ServerCert"] == f"/here/edge/certificates/{path}.crt"
        assert told[f"{name}ServerKey"] == f"/here/edge/certificates/{path}.key"
    assert "rtmpEncryption" not in media.configuration(settings)


def test_in_a_container_the_media_server_is_given_the_certificate_and_no_key_of_the_authority() -> None:
    made = contained(DOMAIN="a.example")["media"]
    assert json.loads(made.files[MEDIA_CONFIG])["rtmpServerCert"] == f"{made.environment['CERTIFICATE']}.crt"
    assert made.environment["CERTIFICATE"].startswith(f"{made.mounts['certificates']}/")
    assert "edge" not in made.mounts
    without = {each.name: each for each in containers(catalog.select(["media"]), load({}))}["media"]
    assert without.environment == {}
    assert set(without.mounts) == {"recordings"}
    assert not {1936, 8322} & {port.number for port in without.published}
