"""Describe the machine a table was measured on, and say whether it was quiet enough to believe the figures."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path

SYNC_SAMPLES = 200


def describe(build: Path) -> dict[str, object]:
    """Return what a reader needs to compare figures: processor, kernel, disk; no name or address of the machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": f"{platform.system()} {platform.release()}",
        "sync_ms": _sync_ms(build),
        "busy_before": round(busy_share(1.0), 3),
    }


def busy_share(seconds: float) -> float:
    """Measure for `seconds` how many cores are in use by anyone; 0.0 on an idle machine."""
    before, start = _busy_ticks(), time.monotonic()
    time.sleep(seconds)
    ticks = _busy_ticks() - before
    return ticks / os.sysconf("SC_CLK_TCK") / (time.monotonic() - start)


def _busy_ticks() -> int:
    user, nice, system, _idle, _wait, irq, softirq, steal = (
        int(field) for field in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]
    )
    return user + nice + system + irq + softirq + steal


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _sync_ms(folder: Path) -> dict[str, float]:
    """Time one 4 KiB write and fdatasync: the price of a durable answer before the server adds its own."""
    path = folder / "sync-probe"
    took: list[float] = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for _ in range(SYNC_SAMPLES):
            start = time.perf_counter()
            os.pwrite(descriptor, b"x" * 4096, 0)
            os.fdatasync(descriptor)
            took.append((time.perf_counter() - start) * 1e3)
    finally:
        os.close(descriptor)
        path.unlink()
    took.sort()
    return {"median": round(statistics.median(took), 3), "p99": round(took[int(len(took) * 0.99)], 3)}
