"""Without LIVEKIT_ENABLED there is nothing of LiveKit (COM-3, COM-5)."""

from __future__ import annotations

import subprocess
import sys

from fastapi.testclient import TestClient

from app.catalog import select
from app.native.checks import livekit_problems
from app.settings import load
from app.web.service import create

LOADED = """
import sys
from app.commentary import service as commentary
from app.settings import load
from app.web import service as web
for service in (commentary, web):
    app = service.create(load({}))
    assert not any("livekit" in getattr(route, "path", "") for route in app.routes)
print([name for name in sys.modules if name.split(".")[0] in ("livekit", "aiohttp", "jwt")])
"""


def test_nothing_of_it_is_loaded_and_no_address_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_console_has_neither_library_nor_way_nor_camera() -> None:
    with TestClient(create(load({})), base_url="http://127.0.0.1") as client:
        assert client.get("/libraries/livekit-client.js").status_code == 404
        assert client.get("/api/livekit/rtc/validate").status_code == 404
        page = client.get("/commentary/")
        assert "livekit" not in page.text.lower()
        assert "camera=()" in page.headers["permissions-policy"]
        assert "/rooms/" not in page.text
        assert client.get("/rooms/").status_code == 404
    with TestClient(create(load({"LIVEKIT_ENABLED": "true"})), base_url="http://127.0.0.1") as client:
        assert "camera=(self)" in client.get("/commentary/").headers["permissions-policy"]
        assert '<a href="/rooms/">Rooms</a>' in client.get("/commentary/").text


def test_its_server_only_runs_where_it_is_asked_for() -> None:
    assert "livekit" not in {service.name for service in select()}
    assert "livekit" not in {service.name for service in select(["commentary"])}


def test_a_server_that_nobody_would_use_is_told_of_before_it_starts() -> None:
    told = livekit_problems({"livekit", "commentary"}, load({}))
    assert [each.remedy for each in told] == ["Set LIVEKIT_ENABLED=true."]
    assert livekit_problems({"commentary"}, load({})) == []
