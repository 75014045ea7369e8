"""What is missing for the chosen engines, and how services' answers are read."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import httpx
import pytest

from app.access.accounts import Accounts
from app.access.keys import Keys
from app.access.store import store_of
from app.catalog import get
from app.native.checks import before_start, commentary_problems, data_folder_problems, edge_problems, is_open
from app.native.edge import make_stand_in
from app.native.engines import engine_problems
from app.native.plan import chosen
from app.native.status import described
from app.render import media
from app.settings import load
from app.speech.models import places
from tests.stack import free_ports


def test_without_any_program_on_path_every_missing_one_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    problems = before_start(chosen([]), load({**free_ports(), "DATA_DIR": str(tmp_path / "data")}))
    told = " ".join(each.what for each in problems)
    for name in ("MediaMTX", "curl", "Apertium", "eSpeak NG"):
        assert name in told
    assert all(each.remedy for each in problems)


def test_a_language_without_a_translator_is_worth_knowing_and_stops_nothing(tmp_path: Path) -> None:
    problems = engine_problems(load({"TARGET_LANGUAGES": "xx", "DATA_DIR": str(tmp_path)}))
    assert [(each.fatal, "en to xx" in each.what) for each in problems] == [(False, True)]


def test_a_camera_that_commentary_may_watch_and_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    assert commentary_problems(load({"DATA_DIR": str(tmp_path)})) == []
    (device,) = commentary_problems(load({"COMMENTARY_DEVICES": "/dev/video99"}))
    assert "/dev/video99 is not there" in device.what
    assert not device.fatal


def test_a_translation_model_that_is_not_there_is_told_with_its_folder(tmp_path: Path) -> None:
    settings = load({"MT_ENGINE": "ctranslate2", "MT_MODEL": "opus", "DATA_DIR": str(tmp_path)})
    assert str(settings.models_dir / "opus") in engine_problems(settings)[0].what


def test_models_that_are_not_there_are_worth_knowing_and_stop_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert engine_problems(load({"DATA_DIR": str(tmp_path)})) == []
    monkeypatch.setattr(places, "carried", lambda *_: None)
    (problem,) = engine_problems(load({"DATA_DIR": str(tmp_path)}))
    assert "Whisper" in problem.what
    assert "Kokoro" in problem.what
    assert not problem.fatal
    (needed,) = engine_problems(
        load({"DATA_DIR": str(tmp_path), "TTS_ENGINE": "kokoro", "ASR_ENGINE": "pocketsphinx"})
    )
    assert needed.fatal


def test_a_light_voice_that_could_not_be_compiled_is_worth_knowing_until_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ctts" else there(name))
    (problem,) = engine_problems(load({"DATA_DIR": str(tmp_path)}))
    assert "Pico" in problem.what
    assert not problem.fatal
    (needed,) = engine_problems(load({"DATA_DIR": str(tmp_path), "TTS_ENGINE": "pico"}))
    assert needed.fatal


def test_cuda_without_a_gpu_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("app.native.engines.gpu", lambda: "")
    problems = engine_problems(
        load({"ASR_DEVICE": "cuda", "MT_ENGINE": "identity", "DATA_DIR": str(tmp_path)})
    )
    assert any("ASR_DEVICE=cuda" in each.what and each.fatal for each in problems)


def test_a_data_folder_that_can_not_be_made_is_told_by_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    problems = data_folder_problems(load({"DATA_DIR": str(tmp_path / "file")}))
    assert "DATA_DIR" in problems[0].what


@pytest.mark.parametrize(("address", "warned"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_opening_to_the_network_without_a_password_is_warned_about(
    tmp_path: Path, address: str, warned: bool
) -> None:
    settings = load({**free_ports(), "BIND_ADDRESS": address, "DATA_DIR": str(tmp_path)})
    problems = before_start(chosen(["media"]), settings)
    assert any("anyone on your network" in each.what and not each.fatal for each in problems) is warned


def test_an_edge_needs_openssl_until_there_is_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load({"DATA_DIR": str(tmp_path / "data")})

    def told() -> list[str]:
        return [each.remedy for each in edge_problems(settings) if each.fatal and "openssl" in each.what]

    at = Path(media.certificate(settings))
    assert told() == []
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert told() == ["Debian: apt-get install openssl. macOS has it."]
    monkeypatch.setenv("PATH", path)
    make_stand_in(at)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert told() == []


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"BIND_ADDRESS": "0.0.0.0"}, ["sts, dubber, asr, sales, web"]),
        ({"BIND_ADDRESS": "0.0.0.0", "API_KEYS": "a-long-word"}, ["sts, dubber, sales, web"]),
        ({"BIND_ADDRESS": "127.0.0.1"}, []),
    ],
)
def test_opening_to_the_network_what_has_no_login_is_warned_about(
    tmp_path: Path, environment: dict[str, str], told: list[str]
) -> None:
    services = tuple(get(name) for name in ("sts", "media", "dubber", "asr", "sales", "web"))
    settings = load({**free_ports(), "DATA_DIR": str(tmp_path), **environment})
    warnings = [each for each in before_start(services, settings) if "no login" in each.what]
    assert [each.what.partition("may use ")[2].partition(", which")[0] for each in warnings] == told
    assert not any(each.fatal for each in warnings)


def test_what_a_service_can_not_reach_is_shown() -> None:
    answer = httpx.Response(
        200,
        json={
            "service": "dubber",
            "status": "degraded",
            "version": "1",
            "depends_on": {"sts": {"reachable": False, "detail": "refused"}, "media": {"reachable": True}},
        },
    )
    standing = described("dubber", "127.0.0.1:8003", 42, answer)
    assert (standing.state, standing.health, standing.detail) == ("up", "degraded", "sts: refused")


@pytest.mark.parametrize("body", ['{"service": "web"}', "[1]", "<html>"])
def test_another_program_on_the_port_is_not_taken_for_the_service(body: str) -> None:
    standing = described("dubber", "127.0.0.1:8003", None, httpx.Response(200, text=body))
    assert (standing.state, standing.detail) == ("down", "another program answers there")


def test_an_account_closes_all_that_can_be_closed(tmp_path: Path) -> None:
    settings = load({**free_ports(), "DATA_DIR": str(tmp_path), "BIND_ADDRESS": "0.0.0.0"})
    services = tuple(get(name) for name in ("sts", "media", "dubber", "asr", "sales", "web"))
    Keys(store_of(settings)).add("studio", ["speech"])
    assert [each.name for each in services if each.module and is_open(each, settings)] == ["sts", "web"]
    Accounts(store_of(settings)).add("ana", "seven green umbrellas", "viewer")
    assert [each.name for each in services if each.module and is_open(each, settings)] == ["sts"]
