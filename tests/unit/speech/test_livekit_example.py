"""docs/livekit_interpreter.py, which needs packages that are not ours, follows events that sts tells."""

from __future__ import annotations

import ast
from typing import get_args

from app.speech.sts.interpreting import CHANNEL
from tests.stack import ROOT


def test_the_interpreter_for_livekit_follows_events_that_there_are() -> None:
    tree = ast.parse((ROOT / "docs" / "livekit_interpreter.py").read_text("utf-8"))
    followed = {
        case.pattern.value.value
        for case in ast.walk(tree)
        if isinstance(case, ast.match_case)
        and isinstance(case.pattern, ast.MatchValue)
        and isinstance(case.pattern.value, ast.Constant)
    }
    told = {
        kind
        for event in CHANNEL.tells
        if isinstance(event, type)
        for kind in get_args(event.model_fields["type"].annotation)
    }
    assert followed
    assert followed <= told
