"""`python -m app`: what it says when it can't do what was asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.command import cli
from tests.stack import free_ports

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("arguments", [["serve"], ["serve", "nothing"], ["serve", "media"]])
def test_serve_lists_the_choices(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments, env={"SERVICE_MODE": ""})
    assert result.exit_code == 2
    assert "sts, dubber, asr, tts, live, sales, web" in result.output


def test_service_mode_names_the_service_where_none_is_given() -> None:
    result = CliRunner().invoke(cli, ["serve"], env={"SERVICE_MODE": "wrong"})
    assert result.exit_code == 2
    assert "'wrong'" in result.output


def test_run_refuses_an_unknown_service_with_the_choices() -> None:
    result = CliRunner().invoke(cli, ["run", "--no-setup", "--services", "media", "wrong"])
    assert result.exit_code == 2
    assert "unknown service 'wrong'" in result.output


def test_wrong_settings_are_lines_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "run", "--no-setup"],
        cwd=ROOT,
        env={"WEB_PORT": "x", "STS_PORT": "y", "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "WEB_PORT" in done.stderr
    assert "STS_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_says_that_everything_is_down(tmp_path: Path) -> None:
    environment = {**free_ports(), "DATA_DIR": str(tmp_path), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    result = CliRunner().invoke(cli, ["status", "--json"], env=environment)
    assert result.exit_code == 1
    assert {each["service"]: each["state"] for each in json.loads(result.output)} == {
        "sts": "down",
        "media": "down",
        "asr": "down",
        "tts": "down",
        "live": "down",
        "sales": "down",
        "dubber": "down",
        "web": "down",
    }


def test_doctor_gives_a_remedy_for_everything_that_is_not_fine(tmp_path: Path) -> None:
    environment = {**free_ports(), "DATA_DIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    result = CliRunner().invoke(cli, ["doctor", "--json"], env=environment)
    findings = json.loads(result.output)
    missing = [each["subject"] for each in findings if each["state"] == "missing"]
    assert "console libraries" in missing
    assert result.exit_code == 1
    assert all(each["remedy"] for each in findings if each["state"] != "ok")
