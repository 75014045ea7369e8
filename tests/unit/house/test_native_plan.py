"""What the supervisor decides before it does anything."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import catalog
from app.native import plan
from app.native.state import AlreadyRunning, RunFolder
from app.settings import Settings, load

NAMES = [service.name for service in catalog.CATALOG]


def test_services_come_with_what_they_need_first() -> None:
    assert [each.name for each in plan.chosen(["web"])] == ["media", "sts", "dubber", "web"]


def test_names_may_be_separated_by_commas_or_spaces() -> None:
    assert {each.name for each in plan.chosen(["media,sts"])} == {"media", "sts"}
    assert {each.name for each in plan.chosen(["media sts"])} == {"media", "sts"}


@given(st.lists(st.sampled_from(NAMES)))
def test_nothing_starts_before_what_it_needs_and_nothing_starts_twice(names: list[str]) -> None:
    order = [each.name for each in plan.chosen(names)]
    assert len(order) == len(set(order))
    for position, service in enumerate(plan.chosen(names)):
        assert set(service.needs) <= set(order[:position])


@given(st.integers(min_value=0, max_value=10_000))
def test_the_wait_before_a_restart_doubles_up_to_half_a_minute(failures: int) -> None:
    delay = plan.delay_before_restart(failures)
    assert 0.5 <= delay <= 30.0
    assert plan.delay_before_restart(failures + 1) == min(30.0, delay * 2)


def test_the_media_server_gets_none_of_our_settings_and_no_override_of_its_configuration() -> None:
    own = {name.upper(): "x" for name in Settings.model_fields} | {"MTX_API": "no", "HF_TOKEN": "x"}
    environment = plan.environment(catalog.get("media"), {"PATH": "/bin", "LC_ALL": "C.UTF-8", **own})
    assert set(environment) == {"PATH", "LC_ALL", "PYTHONUNBUFFERED"}
    assert plan.environment(catalog.get("dubber"), own)["MEDIA_READ_PASSWORD"] == "x"


@given(st.dictionaries(st.text(), st.text()))
def test_of_what_nobody_has_thought_of_the_media_server_gets_nothing(inherited: dict[str, str]) -> None:
    passed = plan.environment(catalog.get("media"), inherited)
    assert all(name in plan.FOREIGN or name.startswith("LC_") for name in passed)


def test_every_service_is_asked_for_its_health_at_an_address_of_this_machine() -> None:
    settings = load({"BIND_ADDRESS": "0.0.0.0", "WEB_PORT": "4300"})
    urls = {
        each.name: plan.launch(each, settings, Path("/mediamtx"), Path("/config")).health_url
        for each in catalog.CATALOG
    }
    assert urls["web"] == "http://127.0.0.1:4300/health"
    assert urls["media"] == "http://127.0.0.1:9997/v3/config/global/get"


def test_only_addresses_of_what_runs_are_shown() -> None:
    settings = load({})
    shown = dict(plan.addresses(plan.chosen(["media"]), settings))
    assert shown["Publish (RTMP)"] == "rtmp://127.0.0.1:1935/live/NAME"
    assert shown["Watch (SRT)"] == "srt://127.0.0.1:8890?streamid=read:dub/NAME/es"
    assert "Console" not in shown
    assert dict(plan.addresses(plan.chosen(["replica"]), settings)) == {
        "Read replica": "http://127.0.0.1:8005/all/NAME/steered.m3u8"
    }
    everything = plan.chosen([])
    shown = dict(plan.addresses(everything, settings))
    assert shown["Console"] == "http://127.0.0.1:4200"
    ports = {urlsplit(address).port for address in shown.values()}
    assert {plan.number(service.port("http"), settings) for service in everything if service.module} <= ports


def test_the_run_folder_has_one_holder_and_a_second_one_is_told_who(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": str(tmp_path)})
    first, second = RunFolder(settings), RunFolder(settings)
    first.hold()
    try:
        assert second.is_held()
        with pytest.raises(AlreadyRunning, match=rf"process {first.read()['pid']}"):
            second.hold()
    finally:
        first.release()
    assert not second.is_held()
    second.hold()
    second.release()


def test_the_run_folder_and_its_files_are_their_owners_alone(tmp_path: Path) -> None:
    folder = RunFolder(load({"DATA_DIR": str(tmp_path)}))
    folder.hold()
    try:
        written = folder.write_private("config.yml", "{}")
        folder.note_services({"sts": 42})
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        assert folder.read()["services"] == {"sts": 42}
        assert json.loads(written.read_text()) == {}
    finally:
        folder.release()
