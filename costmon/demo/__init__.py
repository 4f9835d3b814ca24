"""A simulated DigitalOcean account behind a real HTTP server on loopback.

`DemoServer` is what `run --demo` polls, with the same provider code as production. `PageServer`
serves a very large account from pages rendered in advance.
"""

from costmon.demo.bulk import PageServer, bulk_pages
from costmon.demo.server import DEMO_TOKEN, DemoServer

__all__ = ["DEMO_TOKEN", "DemoServer", "PageServer", "bulk_pages"]
