"""The webhook's secret and signature, by the example of Standard Webhooks."""

from __future__ import annotations

import pytest

from app.api.webhook import WAITS, after, signature
from app.settings import SettingsError, load


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the specification's libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
    expected = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="  # pragma: allowlist secret
    message = "msg_p5jXN8AQM9LWM0D4loKWxJek"  # pragma: allowlist secret
    assert signature(secret, message, 1614265330, '{"test": 2432232314}') == f"v1,{expected}"


def test_a_secret_that_can_not_be_read_is_told_at_the_start_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_SECRET: after whsec_ a secret is base64") as told:
        load({"WEBHOOK_SECRET": "whsec_not*base64"})
    assert "not*base64" not in str(told.value)


def test_what_is_not_taken_is_sent_later_and_later_and_then_no_more() -> None:
    waits = [after(attempts, "HTTP 500").get("next_at") for attempts in range(len(WAITS) + 1)]
    assert None not in waits[:-1]
    assert waits[:-1] == sorted(waits[:-1])  # type: ignore[type-var]
    assert waits[-1] is None
    assert after(0, "HTTP 410")["ended"]
    assert after(0, "")["ended"]
