"""`python -m tests.bench.surge`: three times as many dubs within a minute, and what the ones before notice.

Hosts and dubs are those of tests.bench.pool: real but for the recogniser, which stands in for a GPU.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from math import inf
from pathlib import Path

import structlog

from tests.bench.pool import BEGIN_OVER, SETTLES, Dub, begun, hosts, play, share_in_time
from tests.bench.report import machine

BEFORE = 45.0
COME_OVER = 60.0
AFTER = 60.0


def row(when: str, dubs: Sequence[Dub], since: float, until: float) -> str:
    """A line of the table: what became of these dubs' phrases in that time."""
    told = [each for dub in dubs for each in dub.between(since, until)]
    whole = sum(share_in_time(dub.between(since, until)) >= 0.95 for dub in dubs)
    why = Counter(each.why for each in told)
    none = ", ".join(f"{count} {code}" for code, count in why.most_common() if code)
    late = sum(not each.why and not each.in_time for each in told)
    share = f"{100 * share_in_time(told):.1f} %"
    return f"| {when} | {len(dubs)} | {len(told)} | {share} | {late} | {none or '-'} | {whole} |"


def main() -> None:
    """Prints the table as Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.surge", description=__doc__)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--before", type=int, default=4, help="dubs a host that are there before")
    parser.add_argument("--times", type=int, default=3, help="how many times as many there are afterwards")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    first = options.hosts * options.before
    more = first * (options.times - 1)
    print(f"{options.hosts} hosts, {first} dubs, then {more} more", file=sys.stderr, flush=True)
    comes = SETTLES + BEFORE
    begins = [BEGIN_OVER * number / first for number in range(first)]
    begins += [comes + COME_OVER * number / more for number in range(more)]
    with tempfile.TemporaryDirectory() as folder, hosts(Path(folder), options.hosts) as addresses:
        dubs = begun(addresses, begins)
        began = play(dubs, comes + COME_OVER + AFTER)
    old, new = dubs[:first], dubs[first:]
    there, over = began + comes, began + comes + COME_OVER
    print(machine().partition("\n")[0], "", sep="\n")
    print("| | dubs | phrases | in time | late | no dub | dubs with 95 % in time |")
    print("|---|---:|---:|---:|---:|---|---:|")
    print(row("those there, before", old, began + SETTLES, there))
    print(row("those there, in the minute in which the others come", old, there, over))
    print(row("those there, in the minute after", old, over, inf))
    print(row("the others, in the minute after", new, over, inf))


if __name__ == "__main__":
    main()
