"""The door for reading: bounded GETs with retries; the one room that imports requests."""

from costmon.outbound.door import Outbound, OutboundLimits
from costmon.outbound.http import HttpOutbound

__all__ = ["HttpOutbound", "Outbound", "OutboundLimits"]
