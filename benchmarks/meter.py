"""What the meter adds to a request, what it tells right, and how long its import takes.

Run: `python -m benchmarks.meter`; its parts have their own modules.
"""

from benchmarks import library_import, meter_burn, meter_overhead
from benchmarks.report import Row, part, print_table


def main() -> list[Row]:
    """Measure and return the rows."""
    return [
        *part("overhead of a meter", meter_overhead.main),
        *part("what meters charge to routes", meter_burn.main),
        *library_import.rows("costmon.meter.wsgi", "decimal, datetime, threading, typing"),
    ]


if __name__ == "__main__":
    print_table(main())
