"""Rows, phases and snapshots add up: in any order, to the last nanosecond."""

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.meter.figures import Phase, RouteStats, merged_phases, merged_rows
from costmon.meter.histogram import quantile

_SETTINGS = settings(max_examples=100, deadline=None)
_COUNTS = st.integers(0, 2**40)
_BUCKETS = st.dictionaries(st.integers(0, 1_500), st.integers(1, 10**6), max_size=4)
_ADDED = (
    "requests",
    "cpu_ns",
    "late_cpu_ns",
    "wall_ns",
    "bytes_in",
    "bytes_out",
    "offloaded_cpu_ns",
    "in_flight_ns",
    "cpu_measured",
    "cpu_squares",
)


@st.composite
def rows(draw):
    """Return a row with one of few keys, so that some rows meet."""
    measured = draw(st.integers(0, 10**6))
    named = {name: draw(_COUNTS) for name in _ADDED}
    named |= {"cpu_measured": measured, "requests": measured * draw(st.integers(1, 3))}
    return RouteStats(
        method=draw(st.sampled_from(("GET", "POST"))),
        route=draw(st.sampled_from(("/", "/users/{id}"))),
        status=draw(st.sampled_from((200, 500))),
        tag=draw(st.sampled_from(("", "acme"))),
        cpu=draw(_BUCKETS),
        wall=draw(_BUCKETS),
        **named,
    )


_ROWS = st.lists(rows(), max_size=6)
_PHASES = st.builds(
    Phase,
    seconds=st.integers(0, 10**6).map(float),
    process_seconds=st.integers(0, 10**6).map(float),
    process_cpu_ns=_COUNTS,
    gc_cpu_ns=_COUNTS,
    routes=_ROWS.map(merged_rows),
)


@_SETTINGS
@given(_ROWS, _ROWS, _ROWS)
def test_rows_merge_to_the_same_in_any_order(one, two, three):
    whole = merged_rows([*one, *two, *three])

    assert merged_rows([*three, *one, *two]) == whole
    assert merged_rows([*merged_rows([*one, *two]), *three]) == whole
    assert merged_rows([*one, *merged_rows([*two, *three])]) == whole


@_SETTINGS
@given(_ROWS)
def test_merging_rows_keeps_every_sum(given_rows):
    merged = merged_rows(given_rows)

    for name in _ADDED:
        assert sum(getattr(row, name) for row in merged) == sum(
            getattr(row, name) for row in given_rows
        )
    assert sum(sum(row.cpu.values()) for row in merged) == sum(
        sum(row.cpu.values()) for row in given_rows
    )


@_SETTINGS
@given(_ROWS)
def test_merged_rows_are_one_for_each_key_and_in_order(given_rows):
    keys = [row.key for row in merged_rows(given_rows)]

    assert keys == sorted({row.key for row in given_rows})


@_SETTINGS
@given(st.lists(_PHASES, max_size=4))
def test_phases_of_processes_side_by_side_merge_to_the_same_in_any_order(phases):
    whole = merged_phases(phases)

    assert merged_phases(reversed(phases)) == whole
    assert merged_phases([merged_phases(phases[:2]), merged_phases(phases[2:])]) == whole
    assert whole.process_cpu_ns == sum(phase.process_cpu_ns for phase in phases)
    assert whole.seconds == max((phase.seconds for phase in phases), default=0.0)


@_SETTINGS
@given(_PHASES)
def test_routes_and_residual_are_together_at_least_the_process(phase):
    assert phase.attributed_cpu_ns + phase.residual_cpu_ns >= phase.process_cpu_ns
    if phase.attributed_cpu_ns <= phase.process_cpu_ns:
        assert phase.attributed_cpu_ns + phase.residual_cpu_ns == phase.process_cpu_ns


@_SETTINGS
@given(_PHASES)
def test_a_share_is_never_above_the_whole_and_never_a_guess(phase):
    ratio = phase.attributed_ratio

    assert (ratio is None) == (phase.process_cpu_ns == 0)
    assert ratio is None or 0.0 <= ratio <= 1.0


_ROW = partial(RouteStats, "GET", "/", 200)


def test_late_work_is_part_of_what_requests_cost():
    assert _ROW(requests=2, cpu_measured=2, cpu_ns=10, late_cpu_ns=5).cpu_estimate_ns == 15


def test_cpu_of_a_sample_stands_for_all_requests():
    assert _ROW(requests=100, cpu_measured=10, cpu_ns=70, late_cpu_ns=30).cpu_estimate_ns == 1_000


def test_cpu_is_not_guessed_where_none_was_measured():
    assert _ROW(requests=3, late_cpu_ns=4).cpu_estimate_ns == 4


def test_no_phases_are_an_empty_phase():
    assert merged_phases([]) == Phase()


def test_a_merged_histogram_has_the_quantiles_of_all_requests():
    fast, slow = _ROW(requests=99, cpu={10: 99}), _ROW(requests=1, cpu={900: 1})

    (both,) = merged_rows([fast, slow])

    assert quantile(both.cpu, 0.99) == 10
    assert quantile(both.cpu, 1.0) == quantile(slow.cpu, 0.5)


def test_the_counts_of_a_row_are_all_that_is_no_name_and_no_bucket():
    row = RouteStats("GET", "/", 200, *range(100, 110))

    assert row.counts == tuple(range(100, 110))
    named = {"method", "route", "status", "tag", "cpu", "wall"}
    assert len(row.counts) == len(set(RouteStats._fields) - named)
