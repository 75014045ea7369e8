"""The bench's table and plot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.demo.measure import Figures
from app.demo.statistics import spread
from tests.bench.cost import Cost
from tests.bench.report import PARTS, machine, plot, table
from tests.bench.run import Result

STEADY = spread([2.8, 2.81, 2.82])
FIGURES = Figures(120, STEADY, 0.0, spread([0.01, -0.03]), 1, 0.02, 0.15, 3000, spread([-20.0]), "")
ONE = Result(
    streams=1,
    seconds=120,
    figures=[FIGURES],
    relay=replace(FIGURES, delay=spread([0.01])),
    counts={"in_time": 98, "late": 1, "dropped": 0, "passed_through": 1, "wordless": 2},
    lag=spread([0.0, 0.02, 0.3]),
    lag_slope=0.0,
    reasons={"no words were recognised": 1},
    costs={part: Cost(0.1, 100, 120) for part in (*PARTS, "relay")},
    other_cores=0.2,
    restarts=0,
)
FOUR = replace(ONE, streams=4, figures=[FIGURES, replace(FIGURES, delay=spread([2.8, 2.9]))] * 2)


def row(text: str, name: str) -> list[str]:
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in found.strip("|").split("|")[1:]]


def test_the_table_has_a_column_a_run_and_tells_the_worst_stream() -> None:
    text = table([ONE, FOUR])
    assert "| | 1 stream | 4 streams |" in text
    assert row(text, "picture delay p99") == ["2.820 s", "2.899 s"]
    assert row(text, "in time") == ["98 (98.0 %)", "98 (98.0 %)"]
    assert row(text, "sound after picture, worst") == ["-30 ms", "-30 ms"]
    assert row(text, "a stream: sts, cores / MiB") == ["0.100 / 100", "0.025 / 25"]
    assert row(text, "all services, cores / MiB") == ["0.40 / 400", "0.40 / 400"]
    assert "1 phrases without a timely dub: no words were recognised" in text


def test_a_run_without_phrases_has_a_table_too() -> None:
    silent = replace(ONE, counts=dict.fromkeys(ONE.counts, 0), reasons={})
    assert row(table([silent]), "in time") == ["0"]


def test_the_machine_is_described_without_its_paths() -> None:
    assert "cores" in machine()
    assert str(Path.home()) not in machine()


def test_the_plot_is_a_small_picture(tmp_path: Path) -> None:
    plot([ONE, FOUR], tmp_path / "plot.png")
    content = (tmp_path / "plot.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 200_000
