"""What groups of processes cost: CPU in cores over a window, memory at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psutil

MIB = 1 << 20

Groups = Mapping[str, Callable[[], Iterable[psutil.Process]]]


@dataclass(frozen=True)
class Cost:
    """CPU in cores, averaged; memory in MiB: proportional (shared pages divided) and resident."""

    cores: float
    pss: float
    rss: float


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU time that these processes and their children that have ended used so far."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        # A child that ends hands its time to its parent, so the sum over a family only grows.
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(processes: Iterable[psutil.Process]) -> tuple[float, float]:
    """Proportional and resident memory in MiB."""
    pss = rss = 0.0
    for process in processes:
        try:
            info = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        pss += getattr(info, "pss", info.rss) / MIB
        rss += info.rss / MIB
    return pss, rss


class Window:
    """Measures groups of processes from its making to `close`."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._began = time.monotonic()
        self._before = {name: cpu_seconds(processes()) for name, processes in groups.items()}
        self._busy_before = busy_seconds()

    def close(self) -> tuple[dict[str, Cost], float]:
        """The cost of each group, and the cores that everything else on the machine used meanwhile."""
        seconds = time.monotonic() - self._began
        costs = {}
        for name, processes in self._groups.items():
            found = list(processes())
            cores = max(0.0, cpu_seconds(found) - self._before[name]) / seconds
            costs[name] = Cost(cores, *memory(found))
        others = (busy_seconds() - self._busy_before) / seconds - sum(cost.cores for cost in costs.values())
        return costs, max(0.0, others)


def busy_seconds() -> float:
    """CPU time that the whole machine spent on anything since it was started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
