"""A FastAPI application with the meter in one line.

Run it: `python examples/meter/with_fastapi.py [port [dashboard's port]]`, request
http://localhost:8000, /reports/50, /slow and /orders a few times, and open http://localhost:7777.
"""

import asyncio
import sys

import uvicorn
from fastapi import APIRouter, BackgroundTasks, FastAPI

from costmon.meter.asgi import CostMeterMiddleware

PORT, DASHBOARD_PORT = (int(port) for port in [*sys.argv[1:], "8000", "7777"][:2])

app = FastAPI(title="fastapi-shop")
reports = APIRouter(prefix="/reports")


@app.get("/")
async def home() -> str:
    """Respond immediately: costs next to nothing."""
    return "hello"


@reports.get("/{rows}")
def report(rows: int) -> dict[str, int]:
    """Compute, in a thread like every `def` endpoint: its CPU time is charged to this route."""
    return {"total": total(rows)}


@app.get("/slow")
async def slow() -> str:
    """Wait for something else: takes 100 ms, but costs no more than the home page."""
    await asyncio.sleep(0.1)
    return "done"


@app.get("/orders")
async def order(tasks: BackgroundTasks) -> str:
    """Respond immediately and work afterwards: the work is charged, too."""
    tasks.add_task(total, 20)
    return "ordered"


def total(rows: int) -> int:
    """Return a sum that takes a while."""
    return sum(number * number for number in range(rows * 10_000))


app.include_router(reports)
app.add_middleware(
    CostMeterMiddleware,
    service="fastapi-shop",
    provider="GCP",
    target_users=1000,
    port=DASHBOARD_PORT,
    warmup_s=5,
)

if __name__ == "__main__":
    uvicorn.run(app, port=PORT, log_level="warning")
