"""Which containers `logs` and `shell` mean."""

from __future__ import annotations

import pytest

from app.native.containers import Running
from app.native.inside import NoContainer, choose


def container(stack: str, service: str) -> Running:
    return Running(service, stack, f"voicestack-{stack}-{service}", "running", "healthy", {})


FOUND = [container("dev", "web"), container("local", "media"), container("local", "web")]


def test_without_a_name_all_of_the_stack_are_meant() -> None:
    assert choose(FOUND, "local", []) == FOUND[1:]


def test_named_ones_are_meant_in_the_order_of_their_names() -> None:
    assert choose(FOUND, "local", ["web", "media"]) == [FOUND[2], FOUND[1]]


def test_a_stack_without_containers_is_told_with_what_to_do_and_what_there_is() -> None:
    with pytest.raises(NoContainer, match=r"make up.*dev, local"):
        choose(FOUND, "prod", [])
    with pytest.raises(NoContainer, match=r"`make up`\.$"):
        choose([], "local", [])


def test_a_service_that_the_stack_has_not_is_told_with_those_it_has() -> None:
    with pytest.raises(NoContainer, match=r"no container of sts; it has: web"):
        choose(FOUND, "dev", ["web", "sts"])
