"""Make money of what a page shows; where there is no price for it, say which, and show the rest."""

from collections.abc import Callable

from costmon.clock import Clock
from costmon.errors import InputError
from costmon.meter.dashboard.answers import Project
from costmon.meter.figures import Snapshot
from costmon.meter.options import Options
from costmon.meter.projection.projecting import project
from costmon.meter.projection.values import Projection, Unprojected
from costmon.pricing.instances.instance import RegionPrices


def projector(prices: Callable[[Options], RegionPrices], clock: Clock) -> Project:
    """Return what projects a snapshot by its own options, today.

    Args:
        prices: Returns those that options ask for; may raise `InputError` and `OSError`.
        clock: Tells the day.
    """

    def projected(snapshot: Snapshot) -> Projection | Unprojected:
        try:
            return project(snapshot, prices(snapshot.options), today=clock.now().date())
        except (InputError, OSError) as error:
            text = str(error).rstrip(".")
            return Unprojected("no_prices", f"The prices cannot be used: {text}.")

    return projected
