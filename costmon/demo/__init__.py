"""Simulated vendors behind real HTTP servers on loopback.

`DemoServer` (DigitalOcean) and `BillingServer` (OpenAI, Supabase, Vercel) are what `run --demo`
polls, with the same provider code as production. `PageServer` serves a very large DigitalOcean
account from pages rendered in advance.
"""

from costmon.demo.billing import BillingServer
from costmon.demo.bulk import PageServer, bulk_pages
from costmon.demo.server import DEMO_TOKEN, DemoServer

__all__ = ["DEMO_TOKEN", "BillingServer", "DemoServer", "PageServer", "bulk_pages"]
