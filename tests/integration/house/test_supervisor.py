"""`python -m app run` with the real services: starts, restarts, stops, leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from app import catalog
from app.native.plan import everything
from app.settings import Settings, load
from tests.stack import ROOT, free_ports, inherited, wait_for

UP_WITHIN = 90.0
# A stand-in: no real media server fails its start on demand.
BROKEN_MEDIA_SERVER = """#!/bin/sh
[ "$1" = --version ] && echo v1.13.1 && exit
echo the disk is on fire
exit 3
"""
STOP_WITHIN = 40.0


# A stand-in that answers for its health once and then ends.
SHORT_LIVED_MEDIA_SERVER = f"""#!{sys.executable}
import http.server, json, sys
if sys.argv[1] == "--version":
    sys.exit(print("v1.13.1"))
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
host, port = json.load(open(sys.argv[1]))["apiAddress"].split(":")
server = http.server.HTTPServer((host, int(port)), Healthy)
server.handle_request()
sys.exit(5)
"""


def path_with(folder: Path, script: str) -> str:
    """A PATH on which that script is the media server."""
    program = folder / "bin" / "mediamtx"
    program.parent.mkdir()
    program.write_text(script)
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


class Run:
    """A supervisor process, its output, and the processes it started."""

    def __init__(self, folder: Path, *arguments: str, **extra: str) -> None:
        chosen = {**free_ports(), "DATA_DIR": str(folder), **extra}
        self.settings: Settings = load(chosen)
        self.environment = {**inherited(), **chosen}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "run", "--no-setup", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def output(self) -> str:
        """All it has said so far."""
        return "\n".join(self.lines)

    def wait_for_line(self, part: str, within: float = UP_WITHIN) -> None:
        """Waits until it has said that."""

        def said() -> bool:
            if self.process.poll() is not None and not self._reader.is_alive() and part not in self.output:
                raise AssertionError(f"ended without saying {part!r}:\n{self.output}")
            return part in self.output

        try:
            wait_for(repr(part), said, within)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.output}") from None

    def pids(self) -> dict[str, int]:
        """The process ids of the services, as noted for `status`."""
        noted = json.loads((self.settings.data_dir / "run" / "supervisor.json").read_text())
        return dict(noted.get("services", {}))

    def family(self) -> list[psutil.Process]:
        """Everything it started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Asks it to stop; its exit status."""
        self.process.send_signal(number)
        status = self.process.wait(STOP_WITHIN)
        self._reader.join(5)
        return status


StartRun = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartRun]:
    """Starts supervisors and ends what a failed test leaves of them."""
    runs: list[Run] = []

    def one(*arguments: str, **extra: str) -> Run:
        runs.append(Run(tmp_path, *arguments, **extra))
        return runs[-1]

    yield one
    for run in runs:
        if run.process.poll() is None:
            run.stop()


def healthy(settings: Settings) -> bool:
    """Whether the dubber answers."""
    try:
        return httpx.get(f"{settings.dubber_address}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_everything_starts_in_order_of_need_and_a_stop_leaves_no_process(start: StartRun) -> None:
    run = start(HF_TOKEN="secret")
    run.wait_for_line("Ctrl-C stops it")
    assert "secret" not in psutil.Process(run.pids()["media"]).environ().values()
    ups = [line.split()[2] for line in run.lines if " is up after " in line]
    assert sorted(ups) == sorted(service.name for service in everything())
    assert all(ups.index(need) < ups.index(name) for name in ups for need in catalog.get(name).needs)
    assert f"rtmp://127.0.0.1:{run.settings.media_rtmp_port}/live/NAME" in run.output

    status = subprocess.run(
        [sys.executable, "-m", "app", "status", "--json"],
        # Containers of this machine are none of this test's business.
        cwd=ROOT, env={**run.environment, "DOCKER_HOST": "unix:///nowhere/docker.sock"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {each["service"]: each for each in json.loads(status.stdout)}
    assert {name: each["health"] for name, each in found.items()} == dict.fromkeys(run.pids(), "ok")
    assert {name: each["process"] for name, each in found.items()} == run.pids()
    assert status.returncode == 0

    family = run.family()
    assert {each.pid for each in family} >= set(run.pids().values())
    assert run.stop() == 0
    assert psutil.wait_procs(family, timeout=20)[1] == []
    assert "killed" not in run.output


def test_a_service_that_is_killed_is_started_again_and_the_others_stay(start: StartRun) -> None:
    run = start("--services", "dubber")
    run.wait_for_line("Ctrl-C stops it")
    before = run.pids()
    os.kill(before["media"], signal.SIGKILL)
    run.wait_for_line("media ended by SIGKILL; starting it again in 0.5 s")
    wait_for("media noted anew", lambda: run.pids().get("media") != before["media"], 30)
    after = run.pids()
    assert psutil.Process(after["media"]).name() == "mediamtx"
    assert (after["sts"], after["dubber"]) == (before["sts"], before["dubber"])
    assert run.stop(signal.SIGINT) == 0


def test_a_killed_supervisor_leaves_no_process_behind(start: StartRun) -> None:
    run = start("--services", "dubber")
    run.wait_for_line("Ctrl-C stops it")
    family = run.family()
    run.process.kill()
    run.process.wait()
    assert psutil.wait_procs(family, timeout=15)[1] == []


def test_taken_ports_are_all_told_before_anything_starts(start: StartRun) -> None:
    with socket.socket() as one, socket.socket() as two:
        for holder in (one, two):
            holder.bind(("127.0.0.1", 0))
            holder.listen()
        run = start(WEB_PORT=str(one.getsockname()[1]), MEDIA_RTSP_PORT=str(two.getsockname()[1]))
        assert run.process.wait(30) == 2
    run.wait_for_line("Nothing was started")
    run.wait_for_line("set WEB_PORT to a free port")
    run.wait_for_line("set MEDIA_RTSP_PORT to a free port")
    assert f"(process {os.getpid()})" in run.output
    assert "starting" not in run.output


def test_a_second_run_is_told_of_the_first(start: StartRun) -> None:
    first = start("--services", "media")
    first.wait_for_line("Ctrl-C stops it")
    second = start("--services", "media")
    assert second.process.wait(30) == 2
    second.wait_for_line(f"running already (process {first.process.pid})")
    assert first.stop() == 0


def test_a_service_that_can_not_start_stops_the_start_with_its_last_lines(
    start: StartRun, tmp_path: Path
) -> None:
    run = start("--services", "media", PATH=path_with(tmp_path, BROKEN_MEDIA_SERVER))
    assert run.process.wait(30) == 1
    run.wait_for_line("media ended with exit code 3 before it was healthy")
    run.wait_for_line("the disk is on fire")


def test_a_service_that_keeps_dying_is_started_again_after_longer_and_longer_waits(
    start: StartRun, tmp_path: Path
) -> None:
    run = start("--services", "media", PATH=path_with(tmp_path, SHORT_LIVED_MEDIA_SERVER))
    for wait in ("0.5", "1", "2"):
        run.wait_for_line(f"media ended with exit code 5; starting it again in {wait} s")
    assert run.stop() == 0


def test_a_service_that_ignores_the_stop_is_killed_after_its_grace(start: StartRun) -> None:
    run = start("--services", "media")
    run.wait_for_line("Ctrl-C stops it")
    media = psutil.Process(run.pids()["media"])
    # A stopped process can't react to SIGTERM.
    media.suspend()
    assert run.stop() == 0
    assert "media did not stop within 10 s: killed" in run.output
    assert "gives no answer" not in run.output
    assert not media.is_running()
