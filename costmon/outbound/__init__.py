"""The door for reading: bounded GETs with retries; the one room that imports requests."""

from costmon.outbound.http import HttpOutbound
from costmon.outbound.protocol import Outbound, OutboundLimits

__all__ = ["HttpOutbound", "Outbound", "OutboundLimits"]
