"""Tests that run side by side are all run, each once."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from tests.beside import PLANS, ROOT, Plan, dealt, run, together


@pytest.mark.parametrize("kind", PLANS)
def test_every_file_of_tests_is_run_once_and_every_name_of_a_plan_is_of_use(kind: str) -> None:
    plan = PLANS[kind]
    groups, alone = dealt(ROOT / "tests" / kind, plan)

    assert sorted([*chain(*groups), *alone]) == sorted((ROOT / "tests" / kind).rglob("test_*.py"))
    assert all(groups)
    assert len(alone) == len(plan.alone)


def test_a_file_is_with_the_first_that_names_it_and_the_rest_is_a_group(tmp_path: Path) -> None:
    for name in ("a/test_1.py", "a/test_2.py", "a/b/test_3.py", "test_4.py", "c/test_5.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    groups, alone = dealt(tmp_path, Plan((("a/test_2*",), ("a",)), alone=("test_4.py",)))

    assert [[file.name for file in group] for group in groups] == [
        ["test_2.py"],
        ["test_3.py", "test_1.py"],
        ["test_5.py"],
    ]
    assert alone == [tmp_path / "test_4.py"]


@pytest.mark.parametrize("at_once", [1, 3])
def test_each_group_tells_all_it_said_and_how_it_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at_once: int
) -> None:
    well, ill, bare = (tmp_path / f"test_{name}.py" for name in ("well", "ill", "bare"))
    well.write_text("def test_it_is_well(): pass")
    ill.write_text("def test_it_is_ill(): assert False, 'a reason'")
    bare.touch()

    statuses = run([[well], [ill], [bare], []], ["-p", "no:cacheprovider"], at_once)
    assert sorted(statuses) == [0, 1, 5]
    assert at_once > 1 or statuses == [0, 1, 5], "they ran one after the other"
    told = capsys.readouterr().out
    assert "1 passed" in told
    assert "a reason" in told


@pytest.mark.parametrize(("statuses", "status"), [([0, 5], 0), ([5, 5], 5), ([0, 1, 5], 1), ([0, -9], -9)])
def test_one_group_that_fails_fails_all_but_one_without_the_chosen_tests_does_not(
    statuses: list[int], status: int
) -> None:
    assert together(statuses) == status
