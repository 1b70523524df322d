# SPDX-License-Identifier: Apache-2.0
"""What a process costs, from /proc."""

import threading
import time


def status_of(pid: int) -> dict[str, int]:
    """The numbers of /proc/PID/status: VmRSS and VmHWM in KiB, Threads, ..."""
    found = {}
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            first = value.split()[:1]
            if first and first[0].isdigit():
                found[name] = int(first[0])
    return found


def rss_mib(pid: int) -> float:
    """Memory without pages of mapped files: the store is one."""
    status = status_of(pid)
    return round((status["RssAnon"] + status["RssShmem"]) / 1024, 1)


class Watch(threading.Thread):
    """Samples a process and keeps the peaks."""

    def __init__(self, pid: int, interval: float = 0.05):
        super().__init__(daemon=True)
        self.pid = pid
        self.first = rss_mib(pid)
        self.peak = self.first
        self.threads = 0
        self._interval = interval
        self._ended = threading.Event()
        self.start()

    @property
    def growth(self) -> float:
        """MiB above what it was at the start."""
        return round(self.peak - self.first, 1)

    def run(self) -> None:
        while not self._ended.wait(self._interval):
            try:
                self.peak = max(self.peak, rss_mib(self.pid))
                self.threads = max(self.threads, status_of(self.pid)["Threads"])
            except (OSError, KeyError):
                return

    def stop(self) -> None:
        self._ended.set()
        self.join()


def quantile(values: list[float], part: float) -> float:
    """The value below which that part of them lies; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def in_ms(seconds: float) -> float:
    return round(1_000 * seconds, 2)


def until(check, seconds: float, pause: float = 0.01):
    """check()'s value as soon as it is true; None when it was not in time."""
    deadline = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > deadline:
            return None
        time.sleep(pause)
    return value
