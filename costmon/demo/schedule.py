"""Say what comes and goes when: a pure function of the tick.

One tick is ten seconds. A cycle of eighteen ticks holds two bursts of web workers, a preview
cluster at its start and a short job on a GPU in its second half, so that the monthly run-rate goes
above and below 100 USD several times in three minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from costmon.demo.draw import draw

TICK_S = 10
CYCLE_TICKS = 18

# Neighbours differ by two or more, at the seam by one, so that with a jitter of one in the
# inner ticks no two ticks in a row cost the same.
_BURST = (1, 3, 5, 7, 9, 6, 4, 2, 0)
_PREVIEW_TICKS = range(4)
_GPU_TICKS = range(10, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What comes and goes, at one tick.

    Attributes:
        workers: Tick of birth of each burst worker, by its slot.
        preview_since: Tick in which the preview cluster was made; `None`: it does not exist.
        gpu_since: Tick in which the GPU droplet was made; `None`: it does not exist.
    """

    workers: Mapping[int, int]
    preview_since: int | None
    gpu_since: int | None


def burst_size(seed: int, tick: int) -> int:
    """Return how many burst workers exist in a tick; none in the last one of a burst."""
    burst, step = divmod(tick, len(_BURST))
    jittered = 0 < step < len(_BURST) - 1
    return _BURST[step] + (draw(seed, "burst", burst, step, below=2) if jittered else 0)


def moment(seed: int, tick: int) -> Moment:
    """Return what exists in a tick; ticks before the first one count as it."""
    tick = max(tick, 0)
    cycle_start = tick - tick % CYCLE_TICKS
    position = tick - cycle_start
    return Moment(
        workers={slot: _birth(seed, tick, slot) for slot in range(burst_size(seed, tick))},
        preview_since=cycle_start if position in _PREVIEW_TICKS else None,
        gpu_since=cycle_start + _GPU_TICKS.start if position in _GPU_TICKS else None,
    )


def _birth(seed: int, tick: int, slot: int) -> int:
    while tick > 0 and burst_size(seed, tick - 1) > slot:
        tick -= 1
    return tick
