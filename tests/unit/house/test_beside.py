"""Tests that run side by side are all run, each once."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from tests.beside import PLANS, ROOT, Ended, Plan, dealt, run, run_again, to_repeat, together


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

    ended = run([[well], [ill], [bare], []], ["-p", "no:cacheprovider"], at_once)
    statuses = [each.status for each in ended]
    assert sorted(statuses) == [0, 1, 5]
    assert at_once > 1 or statuses == [0, 1, 5], "they ran one after the other"
    told = capsys.readouterr().out
    assert "1 passed" in told
    assert "a reason" in told
    assert [Path(file).name for each in ended for file in each.failed] == ["test_ill.py"]


@pytest.mark.parametrize(
    ("most", "statuses"), [(0, {"1": 1, "2": 1}), (1, {"1": 1, "2": 1}), (2, {"1": 0, "2": 1})]
)
def test_what_failed_is_run_once_more_unless_too_much_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], most: int, statuses: dict[str, int]
) -> None:
    late, ill = tmp_path / "test_1.py", tmp_path / "test_2.py"
    ran = tmp_path / "ran"
    late.write_text(f"def test_late():\n    with open({str(ran)!r}, 'a') as file: file.write('.')\n"
                    f"    assert len(open({str(ran)!r}).read()) == 2\n")  # fmt: skip
    ill.write_text("def test_it_is_ill(): assert False")

    ended = run_again(run([[late], [ill]], ["-p", "no:cacheprovider"], 1), most, ["-p", "no:cacheprovider"])

    assert [each.status for each in ended] == list(statuses.values())
    assert together(ended) == 1
    told = capsys.readouterr().out
    assert ("run once more alone: FAILED" in told) == (most == 2)
    assert ran.read_text() == ("." if most < 2 else "..")


def test_what_passes_alone_is_told_and_a_process_that_broke_is_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    well = tmp_path / "test_well.py"
    well.write_text("def test_well(): pass")

    options = ["-p", "no:cacheprovider"]
    assert together(run_again([Ended(0), Ended(1, (str(well),))], 2, options)) == 0
    assert "not sure" in capsys.readouterr().out
    assert together(run_again([Ended(-9)], 2, options)) == -9
    assert together(run_again([Ended(2, (str(well),))], 2, options)) == 2


def test_a_folder_whose_files_go_on_from_each_other_is_run_again_from_its_first_file_and_once(
    tmp_path: Path,
) -> None:
    folder, ran = tmp_path / "steps", tmp_path / "ran"
    folder.mkdir()
    for name, passes in (("begins", "True"), ("ends", "said.count('ends') == 2"), ("ends_too", "True")):
        (folder / f"test_{name}.py").write_text(
            f"def test_it():\n    with open({str(ran)!r}, 'a') as file: file.write('{name} ')\n"
            f"    said = open({str(ran)!r}).read().split()\n    assert {passes}\n"
        )
    options = ["-p", "no:cacheprovider"]
    begins, *_ = files = sorted(folder.glob("test_*.py"))

    ended = run_again(run([files], options, 1), 1, options, [folder])

    assert together(ended) == 0
    assert ran.read_text().split() == ["begins", "ends", "ends_too"] * 2
    both = [str(begins), str(files[-1]), str(tmp_path / "test_other.py")]
    assert to_repeat(both, [folder]) == [files, [tmp_path / "test_other.py"]]


@pytest.mark.parametrize(("statuses", "status"), [([0, 5], 0), ([5, 5], 5), ([0, 1, 5], 1), ([0, -9], -9)])
def test_one_group_that_fails_fails_all_but_one_without_the_chosen_tests_does_not(
    statuses: list[int], status: int
) -> None:
    assert together([Ended(each) for each in statuses]) == status
