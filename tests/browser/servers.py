"""Servers for the tests: an ASGI application in a thread, and a real MediaMTX."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse

from app.render import media
from app.serving.connections import PatientHttp, PatientSocket
from app.web.service import hls_js
from tests.child import Child, answers, end


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Returns as soon as it is so. Raises AssertionError after that many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@contextmanager
def serving(app: FastAPI, port: int) -> Iterator[str]:
    """Serves the application on a port of this machine; gives its address."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            "127.0.0.1",
            port,
            log_level="warning",
            timeout_graceful_shutdown=1,
            http=PatientHttp,
            ws=PatientSocket,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the server started")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def media_server(folder: Path, hls_port: int, rtmp_port: int, api_port: int) -> Iterator[None]:
    """A real MediaMTX without passwords, for HLS out and RTMP in."""
    config = folder / "mediamtx.yml"
    config.write_text(
        json.dumps(
            {
                "logLevel": "warn",
                "hlsAddress": f"127.0.0.1:{hls_port}",
                "rtmpAddress": f"127.0.0.1:{rtmp_port}",
                "api": True,
                "apiAddress": f"127.0.0.1:{api_port}",
                "rtsp": False,
                "webrtc": False,
                "srt": False,
                "paths": {"all_others": {}},
            }
        )
    )
    command = [str(media.find_binary()), str(config)]
    address = f"http://127.0.0.1:{api_port}/v3/paths/list"
    with Child("the media server", command, folder / "mediamtx.log", lambda: answers(address)):
        yield


@contextmanager
def publishing(address: str, tone: int = 440) -> Iterator[None]:
    """Publishes a moving test picture with a tone to an RTMP address, in real time."""
    command = ["ffmpeg", "-v", "error", "-re"]
    command += ["-f", "lavfi", "-i", "testsrc2=size=480x270:rate=15"]
    command += ["-f", "lavfi", "-i", f"sine=frequency={tone}:sample_rate=48000"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "15"]
    command += ["-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "flv", address]
    with running(command):
        yield


@contextmanager
def site_with_hls(page: str, port: int) -> Iterator[str]:
    """Somebody's own site on a port of this machine: one page, which finds hls.js at /hls.js."""
    app = FastAPI()
    app.get("/")(lambda: HTMLResponse(page))
    app.get("/hls.js")(lambda: FileResponse(hls_js()))
    with serving(app, port) as address:
        yield address


@contextmanager
def publishing_file(file: Path, address: str) -> Iterator[None]:
    """Publishes a video file to an RTMP address as it is, in real time, over and over."""
    command = ["ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", str(file)]
    with running([*command, "-c", "copy", "-f", "flv", address]):
        yield


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """A program that is ended with the context."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        end(process)
