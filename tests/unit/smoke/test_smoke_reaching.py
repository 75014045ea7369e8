"""Where the smoke tests look for a host."""

from __future__ import annotations

import pytest

from app.release.aws import Host
from tests.smoke.host import Login
from tests.smoke.reaching import jump_host, reached

SPEECH = Host("i-2", "speech-1", "speech", "10.40.0.20", "198.51.100.7")
HIDDEN = Host("i-3", "speech-2", "speech", "10.40.0.21", "")


@pytest.mark.parametrize(
    ("host", "overrides", "jumping", "where"),
    [
        (SPEECH, [], False, ("198.51.100.7", 22)),
        (SPEECH, [], True, ("10.40.0.20", 22)),
        (HIDDEN, [], False, ("10.40.0.21", 22)),
        (SPEECH, ["speech-1=127.0.0.1:2222"], True, ("127.0.0.1", 2222)),
        (SPEECH, ["speech-2=127.0.0.1:2222", "speech-1=host.example.org"], False, ("host.example.org", 22)),
    ],
)
def test_a_host_is_reached_where_it_was_said_or_else_where_it_can_be(
    host: Host, overrides: list[str], jumping: bool, where: tuple[str, int]
) -> None:
    assert reached(host, overrides, jumping) == where


@pytest.mark.parametrize(
    ("text", "user", "address", "port"),
    [
        ("bastion.example.org", "ubuntu", "bastion.example.org", 22),
        ("ec2-user@203.0.113.5:2222", "ec2-user", "203.0.113.5", 2222),
    ],
)
def test_a_jump_host_has_the_same_key_and_perhaps_another_user(
    text: str, user: str, address: str, port: int
) -> None:
    made = jump_host(text, Login("ubuntu", "key", "known"))
    assert (made.login, made.address, made.port) == (Login(user, "key", "known"), address, port)
