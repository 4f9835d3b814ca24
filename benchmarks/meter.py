"""What the meter adds to a request, what it tells right, and how long its import takes.

Run: `python -m benchmarks.meter`; its parts have their own modules.
"""

from benchmarks import library_import, meter_burn, meter_overhead
from benchmarks.report import Row, print_table


def main() -> list[Row]:
    """Measure and return the rows."""
    return [
        *meter_overhead.main(),
        *meter_burn.main(),
        library_import.row("costmon.meter.wsgi", "decimal, datetime, threading, typing"),
    ]


if __name__ == "__main__":
    print_table(main())
