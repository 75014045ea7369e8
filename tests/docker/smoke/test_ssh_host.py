"""Logging in over SSH, and checks that look at a real system, against a real sshd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest

from tests.docker.smoke.conftest import Sshd
from tests.smoke import checks
from tests.smoke.facts import CheckFailed, Facts
from tests.smoke.host import HostError, Login, SshHost
from tests.stack import wait_for

SERVICE: dict[str, Any] = {"image": "a@sha256:b", "ports": [{"protocol": "tcp", "published": "8554"}]}


def facts(*secrets: str) -> Facts:
    host = {"data": "/srv/voicestack", "gpu": False, "volume": "vol-0"}
    bundle = {
        "compose": {"name": "voicestack", "services": {"media": SERVICE}},
        "secrets": list(secrets),
        "made": [],
    }
    return Facts(host, "r1", bundle)


@pytest.fixture
def listener(sshd: Sshd) -> Iterator[None]:
    """Something that listens where the release offers a port."""
    sshd.sh("nc -lk 0.0.0.0 8554 > /dev/null 2>&1 & echo $! > /tmp/listener")
    wait_for("a listener", lambda: ":8554" in sshd.sh("ss --listening --tcp --numeric"), 10)
    yield
    sshd.sh("kill $(cat /tmp/listener)")


def test_commands_run_as_root_with_input_output_and_exit_code(host: SshHost) -> None:
    answer = host.run("id -un; cat; echo oops >&2; exit 7", given="given ünï\n")
    assert (answer.status, answer.out, answer.err) == (7, "root\ngiven ünï\n", "oops\n")


def test_a_quoted_command_arrives_as_it_is(host: SshHost) -> None:
    assert host.run("""printf '%s' "a'b \\$HOME" """).out == "a'b $HOME"


def test_a_user_without_sudo_is_told_so(sshd: Sshd) -> None:
    with SshHost("streaming", sshd.address, sshd.login("helpless")) as host:
        answer = host.run("true")
    assert answer.status != 0
    assert "sudo" in answer.err


def test_a_wrong_key_says_which_options_say_who_logs_in(sshd: Sshd, tmp_path: Path) -> None:
    other = tmp_path / "other"
    paramiko.RSAKey.generate(2048).write_private_key_file(str(other))
    with (
        SshHost("streaming", sshd.address, Login("ubuntu", str(other))) as host,
        pytest.raises(HostError, match="--ssh-key"),
    ):
        host.run("true")


def test_a_key_that_is_none_is_named(sshd: Sshd, tmp_path: Path) -> None:
    for text in (None, "not a key"):
        file = tmp_path / "key"
        if text is not None:
            file.write_text(text, encoding="utf-8")
        login = Login("ubuntu", str(file))
        with (
            SshHost("streaming", sshd.address, login) as host,
            pytest.raises(HostError, match="no private key"),
        ):
            host.run("true")


def test_where_nothing_listens_the_way_in_is_named(sshd: Sshd) -> None:
    with (
        SshHost("streaming", sshd.address, sshd.login(), port=2) as host,
        pytest.raises(HostError, match="sshCidrs"),
    ):
        host.run("true")


def test_an_unknown_host_is_refused_where_host_keys_are_insisted_on(sshd: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.touch()
    login = replace(sshd.login(), known_hosts=str(known))
    with (
        SshHost("streaming", sshd.address, login) as host,
        pytest.raises(HostError, match="not found in known"),
    ):
        host.run("true")


def test_a_command_that_takes_too_long_is_given_up_and_the_next_one_works(host: SshHost) -> None:
    with pytest.raises(HostError, match="no answer within"):
        host.run("sleep 30", within=0.5)
    assert host.run("echo again").out == "again\n"


def test_a_host_is_reached_through_another(sshd: Sshd) -> None:
    with (
        SshHost("jump host", sshd.address, sshd.login()) as jump,
        # As seen from the jump host, and only from there.
        SshHost("speech-1", "127.0.0.1", sshd.login(), jump=jump) as behind,
    ):
        assert behind.run("hostname").out == jump.run("hostname").out


@pytest.mark.usefixtures("listener")
def test_the_ports_of_the_release_and_ssh_may_be_open(host: SshHost) -> None:
    assert checks.ports_expected(host, facts()) == "2 open"


@pytest.mark.usefixtures("listener")
def test_another_open_port_and_one_on_loopback_alone_are_told_apart(sshd: Sshd, host: SshHost) -> None:
    sshd.sh(
        "(nc -lk 0.0.0.0 9997 & echo $! > /tmp/a; nc -lk 127.0.0.1 9998 & echo $! > /tmp/b) > /dev/null 2>&1"
    )
    wait_for("listeners", lambda: sshd.sh("ss -ltn | grep -c ':999[78] '").strip() == "2", 10)
    with pytest.raises(CheckFailed, match=r"^tcp 9997 is open$"):
        checks.ports_expected(host, facts())
    sshd.sh("kill $(cat /tmp/a) $(cat /tmp/b)")


def test_a_port_of_the_release_that_is_closed_is_named(host: SshHost) -> None:
    with pytest.raises(CheckFailed, match="tcp 8554 is closed"):
        checks.ports_expected(host, facts())


def test_a_full_volume_is_named(sshd: Sshd, host: SshHost) -> None:
    used = checks.disk_in_bounds(host, facts())
    assert "/srv/voicestack 0 %" in used
    sshd.sh("head -c 1000000 /dev/zero > /srv/voicestack/full")
    with pytest.raises(CheckFailed, match=r"/srv/voicestack is 9. % full"):
        checks.disk_in_bounds(host, facts())
    sshd.sh("rm /srv/voicestack/full")


def test_memory_is_told_in_percent(host: SshHost) -> None:
    assert checks.memory_in_bounds(host, facts()).endswith("% available")


@pytest.fixture
def secret(sshd: Sshd) -> Iterator[str]:
    """A secret on the host, as its program writes it."""
    sshd.sh("umask 077; printf 'API_KEYS=\"well\\\\\\\\kept\\\\$word\"\\n' > /run/voicestack/secrets.env")
    sshd.sh("mkdir -p /var/lib/cloud/instance; echo 'no secret' > /var/lib/cloud/instance/user-data.txt")
    yield "well\\kept$word"
    sshd.sh("rm /run/voicestack/secrets.env")


def test_a_secret_that_is_kept_is_found_nowhere(host: SshHost, secret: str) -> None:
    assert secret
    assert checks.secrets_kept(host, facts("API_KEYS")).startswith("1 secrets in none of")


@pytest.mark.parametrize(
    ("breaking", "mending", "words"),
    [
        ("chmod 644 /run/voicestack/secrets.env", "true", "mode 644"),
        ("chown ubuntu /run/voicestack/secrets.env", "true", "is ubuntu's"),
        (
            "printf '%s' 'x well\\kept$word x' > /var/lib/cloud/instance/user-data.txt", "true",
            "API_KEYS is in the user data",
        ),
        (
            "mkdir -p /var/log; printf '%s' 'well\\kept$word' > /var/log/cloud-init.log",
            "rm /var/log/cloud-init.log", "API_KEYS is in the /var/log/cloud-init.log",
        ),
        (
            "nohup sh -c 'sleep 60; true' 'well\\kept$word' > /dev/null 2>&1 & echo $! > /tmp/loud",
            "kill $(cat /tmp/loud)", "API_KEYS is in the process list",
        ),
    ],
)  # fmt: skip
def test_a_secret_that_is_not_kept_is_named_and_never_shown(
    sshd: Sshd, host: SshHost, secret: str, breaking: str, mending: str, words: str
) -> None:
    sshd.sh(breaking)
    try:
        with pytest.raises(CheckFailed, match=words) as told:
            checks.secrets_kept(host, facts("API_KEYS"))
    finally:
        sshd.sh(mending)
    assert secret not in str(told.value)


def test_a_secret_on_a_disk_is_told_of(sshd: Sshd, host: SshHost) -> None:
    sshd.sh("mkdir -p /root/run; umask 077; echo 'A=\"a\"' > /root/run/secrets.env; chmod 600 /root/run/*")
    known = facts("A")
    with pytest.raises(CheckFailed, match="not in memory"):
        checks.secrets_kept(host, replace(known, places=replace(known.places, run="/root/run")))
