"""Calls outlive a restart of sales: what was said, objected to, and that they ended."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.sales import calls as calls_module
from app.sales import kept as kept_module
from app.sales.calls import STOPPED
from app.sales.event_log import BEFORE
from app.sales.kept import CUT_OFF
from app.sales.service import create
from app.settings import load
from tests.unit.sales.stand_in_model import wait_until
from tests.unit.sales.test_sales_service import UNREACHABLE, events, new, say


def sales(folder: Path, **extra: str) -> TestClient:
    """Sales with its data in that folder; a second one is the first after a restart."""
    return TestClient(create(load({**UNREACHABLE, "CALLS_KEPT_DAYS": "7", "DATA_DIR": str(folder), **extra})))


def file_of(folder: Path, call: str) -> Path:
    return folder / "calls" / f"{call}.jsonl"


def a_call(client: TestClient) -> str:
    call = new(client, title="First", channels=["seller", "customer"])
    say(client, call, "our price is forty dollars", 0, "seller")
    say(client, call, "that is too expensive for us", 3, "customer")
    return call


def test_a_call_that_was_ended_is_the_same_after_a_restart(tmp_path: Path) -> None:
    with sales(tmp_path) as client:
        call = a_call(client)
        client.post(f"/calls/{call}/end")
        before = client.get(f"/calls/{call}").json()
    with sales(tmp_path) as client:
        assert client.get(f"/calls/{call}").json() == before
        assert len(before["segments"]) == 2
        assert len(before["objections"]) == 1
        assert "! price" in client.get(f"/calls/{call}/export?format=txt").text


def test_a_call_that_goes_on_when_sales_is_stopped_has_ended_then_and_says_why(tmp_path: Path) -> None:
    with sales(tmp_path) as client:
        call = a_call(client)
    with sales(tmp_path) as client:
        whole = client.get(f"/calls/{call}").json()
        assert (whole["state"], whole["detail"]) == ("ended", STOPPED)
        assert [each["text"] for each in whole["segments"]][-1] == "that is too expensive for us"
        assert client.post(f"/calls/{call}/text", json={"start": 0, "end": 1, "text": "x"}).status_code == 409


def test_a_call_whose_sales_was_killed_in_the_middle_of_a_line_has_all_lines_before_it(
    tmp_path: Path,
) -> None:
    with sales(tmp_path) as client:
        call = a_call(client)
        file = file_of(tmp_path, call)
        killed = file.read_bytes() + b'{"type":"segment","id":3,"chan'
    file.write_bytes(killed)
    with sales(tmp_path) as client:
        whole = client.get(f"/calls/{call}").json()
    assert (whole["state"], whole["detail"]) == ("ended", CUT_OFF)
    assert (len(whole["segments"]), len(whole["objections"])) == (2, 1)
    with sales(tmp_path) as client:
        assert client.get(f"/calls/{call}").json() == whole


def test_a_listener_of_before_gets_everything_and_then_only_what_it_misses(tmp_path: Path) -> None:
    with sales(tmp_path) as client:
        call = a_call(client)
    with sales(tmp_path) as client:
        text = client.get(f"/calls/{call}/events", headers={"Last-Event-ID": "2"}).text
        assert [each["type"] for each in events(text)] == [
            "state",
            "segment",
            "segment",
            "objection",
            "state",
        ]
        assert f"id: {BEFORE + 2}" in text
        text = client.get(f"/calls/{call}/events", headers={"Last-Event-ID": str(BEFORE + 2)}).text
        assert [each["type"] for each in events(text)] == ["state", "objection", "state"]


def test_a_call_that_is_deleted_or_makes_room_is_gone_from_the_disk_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "MAX_CALLS", 2)
    with sales(tmp_path) as client:
        first, second = a_call(client), a_call(client)
        client.post(f"/calls/{first}/end")
        third = a_call(client)
        assert not file_of(tmp_path, first).exists()
        assert client.delete(f"/calls/{second}").status_code == 204
        assert [path.stem for path in (tmp_path / "calls").iterdir()] == [third]


def test_calls_are_kept_for_the_days_that_were_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "LOOK_ROUND", 0.02)
    with sales(tmp_path) as client:
        old, open_call = a_call(client), a_call(client)
        client.post(f"/calls/{old}/end")
    file = file_of(tmp_path, old)
    long_ago = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    lines = file.read_text().splitlines()
    file.write_text(
        "\n".join([*lines[:-1], f'{{"type":"over","ended":"{long_ago}","detail":"","dropped":0}}\n'])
    )
    with sales(tmp_path) as client:
        assert [each["id"] for each in client.get("/calls").json()["calls"]] == [open_call]
        assert not file.exists()
    with sales(tmp_path, CALLS_KEPT_DAYS="0.0000001") as client:
        wait_until(lambda: client.get("/calls").json()["calls"] == [], "the call's time is over")
    assert not list((tmp_path / "calls").iterdir())


def test_nobody_else_can_read_the_files_and_without_days_there_are_none(tmp_path: Path) -> None:
    with sales(tmp_path) as client:
        call = a_call(client)
        assert stat.S_IMODE(file_of(tmp_path, call).stat().st_mode) == 0o600
    with sales(tmp_path / "other", CALLS_KEPT_DAYS="0") as client:
        a_call(client)
        assert "calls" not in client.get("/health").json()["depends_on"]
    assert not (tmp_path / "other").exists()


def test_a_file_that_grows_too_large_goes_on_with_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_module, "LARGEST", 4000)
    with sales(tmp_path) as client:
        call = new(client)
        for number in range(100):
            say(client, call, f"sentence {number}", number)
            assert file_of(tmp_path, call).stat().st_size < 4200
    with sales(tmp_path) as client:
        said = [each["text"] for each in client.get(f"/calls/{call}").json()["segments"]]
    assert said[-1] == "sentence 99"
    assert len(said) > 10


def test_calls_that_cannot_be_written_go_on_and_health_says_so(tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("a file where the folder should be")
    with sales(tmp_path) as client:
        call = a_call(client)
        assert len(client.get(f"/calls/{call}").json()["segments"]) == 2
        health: dict[str, Any] = client.get("/health").json()
    assert health["status"] == "degraded"
    assert str(tmp_path / "calls") in health["depends_on"]["calls"]["detail"]


def test_what_is_no_call_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    for name in ("notes.txt", "0123456789abcdef.jsonl", "0123456789abcdef.new"):
        (tmp_path / "calls" / name).write_text("{}\n")
    with sales(tmp_path) as client:
        assert client.get("/calls").json()["calls"] == []
    left = sorted(path.name for path in (tmp_path / "calls").iterdir())
    assert left == ["0123456789abcdef.jsonl", "notes.txt"]
