"""A Flask application with the meter in one line.

Run it: `python examples/meter/with_flask.py [port [dashboard's port]]`, request http://localhost:8000,
/reports/50 and /slow a few times, and open http://localhost:7777.
"""

import sys
import time

from flask import Flask

from costmon.meter.flask import CostMeter

PORT, DASHBOARD_PORT = (int(port) for port in [*sys.argv[1:], "8000", "7777"][:2])

app = Flask("flask-shop")


@app.get("/")
def home() -> str:
    """Respond immediately: costs next to nothing."""
    return "hello"


@app.get("/reports/<int:rows>")
def report(rows: int) -> dict[str, int]:
    """Compute: the cost grows with the number of rows."""
    return {"total": sum(number * number for number in range(rows * 10_000))}


@app.get("/slow")
def slow() -> str:
    """Wait for something else: takes 100 ms, but costs no more than the home page."""
    time.sleep(0.1)
    return "done"


CostMeter(app, provider="AWS", target_users=1000, port=DASHBOARD_PORT, warmup_s=5)

if __name__ == "__main__":
    app.run(port=PORT)
