"""A service that does not get healthy fails `up`, the first time and the second."""

from __future__ import annotations

import os

import pytest

from tests.docker.checkout import Checkout


def test_up_fails_with_the_last_log_lines_each_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    checkout = Checkout(tmp_path_factory.mktemp("unhealthy"), f"sick{os.getpid()}")
    try:
        # A model that is nowhere: the service starts, and says that it can't get ready.
        checkout.configure({"ASR_ENGINE": "whisper", "ASR_MODEL": "no-such-model"}, services="sts")
        for _ in range(2):
            done = checkout.pulumi("up", "--yes", "--skip-preview")
            assert done.returncode != 0
            assert f"voicestack-sick{os.getpid()}-sts" in done.stdout
            assert "no-such-model" in done.stdout
    finally:
        checkout.remove()
