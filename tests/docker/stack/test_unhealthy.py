"""What fails `up`, and in which words."""

from __future__ import annotations

import os

import pytest

from tests.docker.checkout import Checkout


@pytest.mark.thorough
def test_up_fails_with_the_last_log_lines_each_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    checkout = Checkout(tmp_path_factory.mktemp("unhealthy"), f"sick{os.getpid()}")
    try:
        # No model is named: the service starts, and says that it can't get ready.
        checkout.configure({"MT_ENGINE": "ctranslate2"}, services="sts")
        for _ in range(2):
            done = checkout.pulumi("up", "--yes", "--skip-preview")
            assert done.returncode != 0
            assert f"voicestack-sick{os.getpid()}-sts" in done.stdout
            assert "MT_MODEL=(empty)" in done.stdout
    finally:
        checkout.remove()


def test_a_builder_that_does_not_work_is_named_with_what_to_do(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    checkout = Checkout(tmp_path_factory.mktemp("no-builder"), f"bare{os.getpid()}")
    try:
        checkout.configure({}, services="media", builder="nobody")
        done = checkout.pulumi("up", "--yes", "--skip-preview")
        assert done.returncode != 0
        assert "the builder nobody does not work" in done.stdout
        assert "tools.buildkit" in done.stdout
    finally:
        checkout.remove()


def test_a_model_that_can_not_be_fetched_fails_up_before_any_service_starts(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    checkout = Checkout(tmp_path_factory.mktemp("no-model"), f"poor{os.getpid()}")
    try:
        checkout.configure({"ASR_ENGINE": "whisper", "ASR_MODEL": "no-such-model"}, services="sts")
        for _ in range(2):
            done = checkout.pulumi("up", "--yes", "--skip-preview")
            assert done.returncode != 0
            assert "no-such-model" in done.stdout
            assert "docker:index:Container voicestack-sts" not in done.stdout
    finally:
        checkout.remove()
