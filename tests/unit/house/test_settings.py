"""Settings: every error at once, secrets never shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings, load
from app.settings.env_file import example
from app.settings.rules import SettingsError

ROOT = Path(__file__).parents[3]
PORTS = sorted(name for name in Settings.model_fields if name.endswith("_port"))


def test_every_wrong_variable_is_told_at_once_with_an_example() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"WEB_PORT": "none", "DUB_PROFILE": "fast", "STS_URLS": "http://gpu:1", "RECONNECT_DELAY": "0"})
    lines = str(caught.value).splitlines()
    assert {line.split(":")[0] for line in lines} == {
        "WEB_PORT",
        "DUB_PROFILE",
        "STS_URLS",
        "RECONNECT_DELAY",
    }
    assert all("for example" in line for line in lines)


@given(st.sampled_from(PORTS), st.integers(min_value=1, max_value=65535))
def test_every_port_number_is_taken(name: str, number: int) -> None:
    assert getattr(load({name.upper(): str(number)}), name) == number


@given(st.sampled_from(PORTS), st.one_of(st.integers(max_value=0), st.integers(min_value=65536)))
def test_what_is_no_port_number_is_told_by_its_variable(name: str, number: int) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        load({name.upper(): str(number)})


@given(st.sampled_from(PORTS), st.text(alphabet=st.characters(blacklist_categories=["Nd", "Cs"]), min_size=1))
def test_text_that_is_no_number_never_gets_into_a_port(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()):
        load({name.upper(): text})


def test_a_user_without_a_password_is_told_and_the_password_is_not() -> None:
    with pytest.raises(SettingsError, match="go together"):
        load({"MEDIA_PUBLISH_USER": "obs"})
    with pytest.raises(SettingsError) as caught:
        load({"MEDIA_PUBLISH_PASSWORD": "hunter2-secret", "WEB_PORT": "0"})
    assert "hunter2-secret" not in str(caught.value)


def test_settings_never_show_a_secret() -> None:
    settings = load({"MEDIA_READ_USER": "v", "MEDIA_READ_PASSWORD": "hunter2-secret"})
    assert "hunter2-secret" not in repr(settings)
    assert "hunter2-secret" not in settings.model_dump_json()


def test_an_empty_variable_means_the_default() -> None:
    assert load({"WEB_PORT": ""}).web_port == 4200


def test_the_example_file_is_the_generated_text() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example(), (
        "python -m app env > .env.example"
    )


def test_the_example_file_names_every_setting_once_with_its_meaning() -> None:
    lines = example().splitlines()
    for name, field in Settings.model_fields.items():
        assert field.description
        assert len([line for line in lines if line.startswith(f"#{name.upper()}=")]) == 1


def test_the_example_file_uncommented_gives_the_defaults(tmp_path: Path) -> None:
    text = "\n".join(
        line.removeprefix("#") if line.startswith("#") and not line.startswith("# ") else line
        for line in example().splitlines()
    )
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    code = "from app.settings import load; print(load() == load({}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr
