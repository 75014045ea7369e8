"""`python -m tests.bench`: 1, 2, 4, 8 streams through the real services on the embedded engines."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from tests.bench.report import machine, plot, table
from tests.bench.run import run

RESULTS = Path(__file__).parents[2] / "docs" / "benchmarks"


def main() -> None:
    """Runs the bench and writes latest.md and latest.png."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long each count is measured")
    parser.add_argument("--streams", default="1,2,4,8", help="counts of streams, separated by commas")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of latest.md and latest.png")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = []
    for count in (int(part) for part in options.streams.split(",")):
        results.append(run(count, options.seconds, lambda line: print(line, flush=True)))
        print(table(results[-1:]), flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    plot(results, options.output / "latest.png")
    text = "\n".join(["# Benchmark", "", machine(), "", table(results), "![plot](latest.png)", ""])
    (options.output / "latest.md").write_text(text, encoding="utf-8")
    print(f"written: {options.output / 'latest.md'}")


if __name__ == "__main__":
    main()
