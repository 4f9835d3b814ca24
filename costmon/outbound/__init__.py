"""The HTTP client for reading: bounded GETs with retries; only this package imports requests."""

from costmon.outbound.http import HttpOutbound
from costmon.outbound.protocol import Outbound, OutboundLimits

__all__ = ["HttpOutbound", "Outbound", "OutboundLimits"]
