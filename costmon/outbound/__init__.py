"""The HTTP client for reading: bounded, with retries; the one package that imports requests."""

from costmon.outbound.allowance import DailyAllowance
from costmon.outbound.http import HttpOutbound
from costmon.outbound.protocol import Accept, Outbound, OutboundLimits, Params

__all__ = ["Accept", "DailyAllowance", "HttpOutbound", "Outbound", "OutboundLimits", "Params"]
