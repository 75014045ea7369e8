"""A stream that is published to the streaming host comes back dubbed, and not much later (DEP-11)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.release import aws
from tests.smoke import facts, stream
from tests.smoke.host import SshHost
from tests.smoke.reaching import reached
from tests.smoke.report import Report

SECONDS = 30.0


def test_a_test_stream_is_dubbed(
    streaming: aws.Host, ssh: Callable[[aws.Host], SshHost], report: Report, pytestconfig: pytest.Config
) -> None:
    address, _ = reached(streaming, pytestconfig.getoption("--address"), False)
    host = ssh(streaming)
    known = facts.read(host)
    try:
        dubbed = stream.dubbed(host, known, address, SECONDS)
        said = f"{dubbed.phrases} phrases dubbed, picture delay {dubbed.figures.delay.p50:.2f} s"
        longest = stream.LONGEST_DELAY[stream.settings(host, known, address).dub_profile]
        if not dubbed.phrases:
            raise facts.CheckFailed(f"the stream came back and no phrase of it was dubbed; {said}")
        if dubbed.figures.delay.p50 > longest:
            raise facts.CheckFailed(f"{said}, over {longest:g} s")
    except facts.CheckFailed as problem:
        report.add(streaming.name, "stream", False, str(problem))
        raise
    report.add(streaming.name, "stream", True, said)
