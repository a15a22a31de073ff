"""Wall and processor time side by side: on a machine that others use, the second tells what the work itself takes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Stopwatch:
    """Adds up over rounds: ``done`` things in ``wall`` seconds, of which this process computed for ``cpu``."""

    done: int = 0
    wall: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def running(self, count: int) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall
        self.done += count

    @property
    def rate(self) -> float:
        return self.done / self.wall

    @property
    def cpu_rate(self) -> float:
        return self.done / self.cpu

    @property
    def micros(self) -> float:
        """Processor time of one, in microseconds."""
        return self.cpu / self.done * 1e6


def compared(rounds: Mapping[str, Callable[[Stopwatch], None]], seconds: float) -> Mapping[str, Stopwatch]:
    """Runs the rounds in turn, so that all have the same neighbours on the machine, until each has had its time."""
    watches = {name: Stopwatch() for name in rounds}
    for warm in rounds.values():
        warm(Stopwatch())
    while any(watch.wall < seconds for watch in watches.values()):
        for name, one in rounds.items():
            if watches[name].wall < seconds:
                one(watches[name])
    return watches
