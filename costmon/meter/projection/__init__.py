"""What was measured, as money: for a number of users, with a provider's prices."""

from costmon.meter.projection.projecting import project

__all__ = ["project"]
