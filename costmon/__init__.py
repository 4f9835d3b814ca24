"""Know what every cloud and API vendor costs you now, what changed, and where it is heading."""

__version__ = "0.1.0"
