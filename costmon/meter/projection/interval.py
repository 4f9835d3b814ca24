"""Confidence intervals of means.

The interval is Student's: mean -+ t * s / sqrt(n), with t for 95 % and n - 1 degrees of freedom.
Measured requests are a sample of all future requests, so the interval is not narrower if all
requests of a recording were measured. CPU is skewed to the right, so below about 100 requests the
actual coverage is less than 95 %: such routes are marked as `few`.
"""

from math import isqrt

# t for a two-sided 95 % interval, for 1 to 30 degrees of freedom, in thousandths.
_T = (
    *(12706, 4303, 3182, 2776, 2571, 2447, 2365, 2306, 2262, 2228),
    *(2201, 2179, 2160, 2145, 2131, 2120, 2110, 2101, 2093, 2086),
    *(2080, 2074, 2069, 2064, 2060, 2056, 2052, 2048, 2045, 2042),
)
_NORMAL = 1960
# z (z**2 + 1) / 4, the next term of t's expansion in 1 / degrees: gives 2.037 for 31 degrees, where
# tables have 2.040.
_PER_DEGREE = 2372
_FEWEST = 2
_NS_PER_US = 1000


def thousandths_of_t(degrees: int) -> int:
    """Return t for 95 % in thousandths, for at least 1 degree of freedom."""
    if degrees <= len(_T):
        return _T[degrees - 1]
    return _NORMAL + -(-_PER_DEGREE // degrees)


def half_width_ns(count: int, total_ns: int, squares_us: int) -> int | None:
    """Return half the width of the interval of a mean in ns, rounded up; `None` below 2 values.

    Args:
        count: Number of values.
        total_ns: Their sum in ns.
        squares_us: The sum of their squares in microseconds, possibly rounded down.
    """
    if count < _FEWEST:
        return None
    # n**2 (n - 1) times the variance of the mean is n * sum(x**2) - sum(x)**2: whole numbers.
    scatter = max(0, squares_us * _NS_PER_US**2 * count - total_ns**2)
    error_of_mean = isqrt(scatter // (count * count * (count - 1)))
    return -(-error_of_mean * thousandths_of_t(count - 1) // 1000)
