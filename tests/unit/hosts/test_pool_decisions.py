"""What is decided for a pool of speech hosts, and where the unit that follows it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.hosts import program
from infra.hosts.converge import decide, following
from infra.hosts.converge.host import Places


@given(
    target=st.sampled_from(["", "InService", "Terminated", "Standby"]),
    taken_back=st.booleans(),
    healthy=st.booleans(),
    done=st.sets(st.sampled_from([decide.JOIN, decide.LEAVE, decide.END])),
)
def test_nothing_is_done_twice_and_none_ends_that_has_not_left(
    target: str, taken_back: bool, healthy: bool, done: set[str]
) -> None:
    step = decide.next_step(target, taken_back=taken_back, healthy=healthy, done=done)
    assert step not in done
    if step == decide.END:
        assert decide.LEAVE in done
        assert target == "Terminated"
    if step == decide.JOIN:
        assert healthy
        assert target != "Terminated"
        assert not taken_back


def test_a_name_has_who_answers_or_who_is_there_or_whom_it_had() -> None:
    assert decide.addresses(["b", "a"], ["b"], ("c",)) == ("b",)
    assert decide.addresses(["b", "a"], [], ("c",)) == ("a", "b")
    assert decide.addresses([], [], ("c",)) == ("c",)


def test_a_pool_is_as_full_as_its_sessions_and_more_than_full_where_some_have_to_rest() -> None:
    assert decide.load([]) is None
    assert decide.load([(0, 0, 0)]) is None
    assert decide.load([(8, 0, 16), (0, 0, 16)]) == pytest.approx(25.0)
    assert decide.load([(4, 1, 16)]) == pytest.approx(100.0 * 4 / 3)
    assert decide.load([(2, 2, 16)]) == pytest.approx(300.0)


def test_the_unit_is_there_with_a_pool_and_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, pool = Places(tmp_path / "state"), {"pool": {"group": "voicestack-prod-speech"}}
    asked = tmp_path / "asked"
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f'#!/bin/sh\necho "$*" >> {asked}\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:{os.environ['PATH']}")
    following.install({}, places, tmp_path)
    assert not asked.exists()
    for _ in range(2):
        following.install(pool, places, tmp_path)
    unit = (tmp_path / following.NAME).read_text(encoding="utf-8")
    assert f"WorkingDirectory={places.state}/wanted" in unit
    following.install({}, places, tmp_path)
    assert not (tmp_path / following.NAME).exists()
    again = f"enable --now {following.NAME}"
    assert asked.read_text().splitlines() == [
        "daemon-reload", again, again, f"disable --now {following.NAME}",
    ]  # fmt: skip


def test_the_program_is_whole_where_it_is_run(tmp_path: Path) -> None:
    (tmp_path / "converge").mkdir()
    for name, text in program().items():
        (tmp_path / "converge" / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-B", "-I", "-c", "import sys; sys.path.insert(0, '.'); import converge.__main__"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
