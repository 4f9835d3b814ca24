"""Time several things in turns, so that a busy machine slows all alike."""

import gc
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence

Loop = Callable[[int], None]


def seconds_each(loop: Loop, count: int, threads: int = 1) -> float:
    """Return the seconds that one of `count` turns takes, spread over `threads`.

    With several threads that is the time of the whole divided by all turns.
    """
    gc.collect()
    gc.disable()
    try:
        if threads == 1:
            began_s = time.perf_counter()
            loop(count)
            return (time.perf_counter() - began_s) / count
        share = count // threads
        ready = threading.Barrier(threads + 1)

        def run() -> None:
            ready.wait()
            loop(share)

        workers = [threading.Thread(target=run) for _ in range(threads)]
        for worker in workers:
            worker.start()
        ready.wait()
        began_s = time.perf_counter()
        for worker in workers:
            worker.join()
        return (time.perf_counter() - began_s) / (share * threads)
    finally:
        gc.enable()


def in_turns(
    loops: Mapping[str, Loop], *, rounds: int, count: int, threads: int = 1
) -> dict[str, list[float]]:
    """Return the seconds that a turn of each loop takes, round by round.

    Every second round goes backwards, so that no loop always follows the same one.
    """
    names = list(loops)
    for name in names:
        loops[name](count // 10 + 1)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            taken[name].append(seconds_each(loops[name], count, threads))
    return taken


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios within each round."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of all are not above."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
