"""The edge's configuration for Caddy, drawn from the settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from app.access import links
from app.render.edge import LETS_ENCRYPT, behind, is_own_authority, names
from app.settings import Settings

# Often, so that a certificate of a minute is renewed in time too; a look costs nothing.
LOOK_EVERY = "10s"
A_MONTH, A_YEAR = 30 * 24 * 3600, 365 * 24 * 3600
MEGABYTE = 1 << 20
# Beside them Caddy ends uploads and answers that stand still for a minute.
LIMITS = {"max_header_bytes": 16 << 10, "read_header_timeout": "10s", "idle_timeout": "2m", "logs": {}}
HEALTH = "/health"

STREAM = r"(live/[A-Za-z0-9_.-]+|dub/[A-Za-z0-9_.-]+/[a-z]{2,3})"
# What a viewer is let in by may stand in the path.
JOINED = rf"^/all/[A-Za-z0-9_.@-]+/({links.PATTERN}/)?[a-z0-9-]+\.(m3u8|mp4|m4s|vtt|json)$"
OPENED = r"^/all/[A-Za-z0-9_.@-]+/(index|steered|replay)\.m3u8$"
PLAYBACK = rf"^/{STREAM}/[A-Za-z0-9_.-]+\.(m3u8|mp4|mp|m4s|ts)$"
WEBRTC = rf"^/{STREAM}/wh[ie]p(/[A-Za-z0-9-]+)?$"
CDN_HEADER, CDN_SECRET = "X-Voicestack-CDN", "CDN_SECRET"
"""What a CDN shows that it is ours by, and the variable of Caddy's process that has it."""
LEAD_HEADER = "X-Voicestack-Lead"
"""By what the dubber knows that who asks has come past the CDN, and is to be led there."""
# Of an address the log keeps neither a query, which may hold a token or a password, nor a link, nor the
# secret by which a WebRTC session is ended.
SECRETS_OF_ADDRESSES = rf"(/wh[ie]p/).*|\?.*|{links.PATTERN}/"


def configuration(
    settings: Settings, folder: str, *, web: str = "", shown_port: int = 0, access_log: str = ""
) -> dict[str, Any]:
    """Caddy's configuration as plain data; it holds no secret.

    Certificates lie in `folder`. `web` is the console's host where that is another one, `shown_port` the port
    of HTTPS that the world sees, where that is another. Requests are logged to the file `access_log`, or
    beside everything else.
    """
    shown = shown_port or settings.edge_https_port
    policy = {"subjects": list(names(settings)), "issuers": [issuer(settings)]}
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "storage": {"module": "file_system", "root": folder},
        "logging": {"logs": logs(settings, access_log)},
        "apps": {
            "pki": {"certificate_authorities": {"local": {"name": "Voicestack", "install_trust": False}}},
            "tls": {"automation": {"policies": [policy], "renew_interval": LOOK_EVERY}},
            "http": {
                "http_port": settings.edge_http_port,
                "https_port": settings.edge_https_port,
                "grace_period": "5s",
                "servers": {
                    "https": LIMITS | https_server(settings, web, shown),
                    "http": LIMITS | http_server(settings, shown),
                },
            },
        },
    }


def https_server(settings: Settings, web: str, shown_port: int) -> dict[str, Any]:
    """What answers HTTPS."""
    ours = list(names(settings))
    inner = {"handler": "subroute", "routes": routes(behind(settings), web)}
    return {
        "listen": [listener(settings, settings.edge_https_port)],
        "automatic_https": {"disable_redirects": True},
        # Who asks for an address names no host.
        "tls_connection_policies": [{"default_sni": ours[0]}],
        "routes": [
            {"handle": [headers(settings, shown_port)]},
            route([{"host": ours}], [inner]),
            misdirected(),
        ],
        "errors": {"routes": [says("{http.error.status_code}", "{http.error.status_text}")]},
    }


def http_server(settings: Settings, shown_port: int) -> dict[str, Any]:
    """What leads to HTTPS, tells its health, and answers the authority by itself."""
    port = "" if shown_port == 443 else f":{shown_port}"
    elsewhere = {
        "handler": "static_response",
        "status_code": 308,
        "headers": {"Location": [f"https://{{http.request.host}}{port}{{http.request.uri}}"]},
    }
    return {
        "listen": [listener(settings, settings.edge_http_port)],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "routes": [
            {"handle": [headers(settings)]},
            {"match": [{"path": [HEALTH]}], **says(200, "ok")},
            route([{"host": list(names(settings))}], [elsewhere]),
            misdirected(),
        ],
    }


def listener(settings: Settings, port: int) -> str:
    """What is listened on, in Caddy's words."""
    host = "" if settings.bind_address in ("0.0.0.0", "::") else settings.bind_address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def issuer(settings: Settings) -> dict[str, Any]:
    """Who gives the certificates: an ACME authority, or the edge itself for names that are nobody else's."""
    if is_own_authority(settings):
        return {"module": "internal"}
    account = {"email": settings.acme_email} if settings.acme_email else {}
    return {"module": "acme", "ca": settings.acme_ca or LETS_ENCRYPT, **account}


def headers(settings: Settings, shown_port: int = 0) -> dict[str, Any]:
    """What every answer carries, and what none tells; over HTTPS, which has a `shown_port`, more than else.

    The console's own policy stays the console's.
    """
    carried = {"X-Content-Type-Options": ["nosniff"]}
    if shown_port:
        # Caddy tells the port that it listens on, which the world may see as another.
        carried["Alt-Svc"] = [f'h3=":{shown_port}"; ma={A_MONTH}']
    if shown_port and issuer(settings)["module"] == "acme":
        # Never for localhost: it would hold for every other program there.
        carried["Strict-Transport-Security"] = [f"max-age={A_YEAR}"]
    return {
        "handler": "headers",
        "response": {"deferred": True, "set": carried, "delete": ["Server", "Via"]},
    }


def routes(settings: Settings, web: str) -> list[dict[str, Any]]:
    """Which request goes to whom. What asks for no key is only reached through the console."""
    media, local = settings.media_host, settings.local_host
    found = [
        *hls(settings),
        {"match": [{"path": ["/metrics"]}], **says(404, "no such address")},
        route(
            [{"path_regexp": {"pattern": WEBRTC}}], [largest(1), passed_to(media, settings.media_webrtc_port)]
        ),
    ]
    uploads = settings.max_file_mb
    if settings.api_keys:
        speech, asr, tts = settings.max_upload_mb + 1, settings.asr_address, settings.tts_address
        found += [
            # WhisperLive's clients know a host and a port, and no path.
            route(
                [{"path": ["/"], "header_regexp": {"Upgrade": {"pattern": "(?i)^websocket$"}}}],
                [passed_to_address(settings.live_address)],
            ),
            route([{"path": ["/v1/realtime/translations"]}], [passed_to_address(settings.sts_addresses[0])]),
            route([{"path": ["/v1/realtime"]}], [passed_to_address(settings.live_address)]),
            route([{"path": ["/v1/audio/speech", "/v1/voices"]}], [largest(1), passed_to_address(tts)]),
            route([{"path": ["/v1/*"]}], [largest(speech), passed_to_address(asr)]),
            route([{"path": ["/api/v1/*"]}], [largest(uploads), passed_to_address(settings.api_address)]),
        ]
    console = passed_to(web or local, settings.web_port)
    return [
        *found,
        route([{"path": ["/api/archive/uploads/*"]}], [largest(uploads), console]),
        route([], [largest(1), console]),
    ]


def hls(settings: Settings) -> list[dict[str, Any]]:
    """The routes of HLS: it is everyone's, or a CDN's that shows the secret and gets nothing else."""
    origins: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"path_regexp": {"pattern": PLAYBACK}}, passed_to(settings.media_host, settings.media_hls_port)),
        ({"path_regexp": {"pattern": JOINED}}, passed_to_address(settings.dubber_address)),
    ]
    if not settings.cdn_secret.get_secret_value():
        return [route([match], [origin]) for match, origin in origins]
    shown = {
        "header": {CDN_HEADER: [f"{{env.{CDN_SECRET}}}"]},
        # An environment without the secret must not let in who shows nothing.
        "header_regexp": {CDN_HEADER: {"pattern": "."}},
    }
    hidden = {"headers": {"request": {"delete": [CDN_HEADER]}}}
    return [
        *[
            route([{"method": ["GET", "HEAD"], **shown, **match}], [{**origin, **hidden}])
            for match, origin in origins
        ],
        {"match": [shown], **says(404, "a CDN gets HLS and nothing else")},
        *([past_the_cdn(settings)] if settings.cdn_url else []),
        *[{"match": [match], **says(403, "HLS comes from the CDN alone")} for match, _ in origins],
    ]


def past_the_cdn(settings: Settings) -> dict[str, Any]:
    """Leads who asks the edge for a stream to the CDN; where watching needs a password the dubber does it."""
    match = {"method": ["GET", "HEAD"], "path_regexp": {"pattern": OPENED}}
    if settings.media_read_user:
        said = {"headers": {"request": {"set": {LEAD_HEADER: ["cdn"]}}}}
        return route([match], [{**passed_to_address(settings.dubber_address), **said}])
    there = {"Location": [f"{settings.cdn_url}{{http.request.uri.path}}"], "Cache-Control": ["no-store"]}
    return route([match], [{"handler": "static_response", "status_code": 307, "headers": there}])


def route(match: list[dict[str, Any]], handle: list[dict[str, Any]]) -> dict[str, Any]:
    """A route that ends the search."""
    return {**({"match": match} if match else {}), "handle": handle, "terminal": True}


def largest(megabytes: int) -> dict[str, Any]:
    """Refuses a body larger than that (413)."""
    return {"handler": "request_body", "max_size": megabytes * MEGABYTE}


def passed_to_address(address: str) -> dict[str, Any]:
    """Passes a request on to the service at that HTTP or WebSocket address."""
    parts = urlsplit(address)
    return passed_to(parts.hostname or "", parts.port or 80)


def passed_to(host: str, port: int) -> dict[str, Any]:
    """Passes a request on, with X-Forwarded-For, -Proto and -Host of Caddy's own making."""
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}],
        "transport": {
            "protocol": "http",
            "dial_timeout": "3s",
            # Our services close a connection that says nothing for ten seconds.
            "keep_alive": {"idle_timeout": "5s"},
            # The others are on this machine or beside it, whatever the environment says of proxies.
            "network_proxy": {"from": "none"},
        },
    }


def says(status: int | str, words: str) -> dict[str, Any]:
    """A route that answers so itself, as our services do; no cache may keep it."""
    return {
        "handle": [
            {
                "handler": "static_response",
                "status_code": status,
                "headers": {"Content-Type": ["application/json"], "Cache-Control": ["no-store"]},
                "body": f'\\{{"detail": "{words}"\\}}',
            }
        ],
        "terminal": True,
    }


def misdirected() -> dict[str, Any]:
    """What answers those who ask for another name."""
    return says(421, "this server does not answer to that name")


def logs(settings: Settings, access_log: str) -> dict[str, Any]:
    """What is logged, without headers, queries and what else may open something: requests as JSON, the rest
    as the other services do."""

    def encoder(form: str) -> dict[str, Any]:
        return {
            "format": "filter",
            "wrap": {"format": form, "time_format": "rfc3339", "level_format": "lower"},
            "fields": {
                "request>headers": {"filter": "delete"},
                "resp_headers": {"filter": "delete"},
                "request>tls": {"filter": "delete"},
                "request>uri": {"filter": "regexp", "regexp": SECRETS_OF_ADDRESSES, "value": "$1"},
            },
        }

    to_file = {"output": "file", "filename": access_log, "roll_size_mb": 10, "roll_keep": 3}
    return {
        "default": {
            "level": {"warning": "WARN"}.get(settings.log_level, settings.log_level.upper()),
            "encoder": encoder("json" if settings.log_format == "json" else "console"),
            "exclude": ["http.log.access"],
        },
        "access": {
            "encoder": encoder("json"),
            "include": ["http.log.access"],
            **({"writer": to_file} if access_log else {}),
        },
    }
