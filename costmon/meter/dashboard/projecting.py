"""Project a snapshot for the dashboard; report missing prices instead of failing."""

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
    """Return a function that projects a snapshot with its own options, as of today.

    Args:
        prices: Returns the prices for given options; may raise `InputError` and `OSError`.
        clock: Gives the current date.
    """

    def projected(snapshot: Snapshot) -> Projection | Unprojected:
        try:
            return project(snapshot, prices(snapshot.options), today=clock.now().date())
        except (InputError, OSError) as error:
            text = str(error).rstrip(".")
            return Unprojected("no_prices", f"No usable prices: {text}.")

    return projected
