"""What the meter adds to a request, what it tells right, and how long its import takes.

Run: `python -m benchmarks.meter`; its parts have their own modules.
"""

from benchmarks import meter_burn, meter_import, meter_overhead
from benchmarks.report import Row, print_table


def main() -> list[Row]:
    """Measure and return the rows."""
    return [*meter_overhead.main(), *meter_burn.main(), *meter_import.main()]


if __name__ == "__main__":
    print_table(main())
