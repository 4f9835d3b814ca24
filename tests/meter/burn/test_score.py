"""The judge itself: right bills pass, wrong ones are seen."""

import pytest

from tests.meter.burn.score import score

_TRUTH = {"/a": 6_000, "/b": 2_000, "/sleep": 0}


def test_the_truth_has_no_error():
    assert score(_TRUTH, _TRUTH, 8_000) == (1.0, 0.0, 0.0, 0.0, 0.0)


def test_what_is_on_the_wrong_route_is_seen_though_the_sum_is_right():
    found = score({"/a": 2_000, "/b": 6_000}, _TRUTH, 8_000)

    assert found.attributed == 1.0
    assert found.wrong_share == 0.5
    assert found.max_error == 2.0


def test_what_is_missing_is_seen_though_the_shares_are_right():
    found = score({"/a": 3_000, "/b": 1_000}, _TRUTH, 8_000)

    assert found.attributed == 0.5
    assert found.mean_error == 0.5
    assert found.wrong_share == 0.0


def test_what_is_charged_to_a_route_that_only_slept_is_wrong():
    assert score({**_TRUTH, "/sleep": 8_000}, _TRUTH, 8_000).wrong_share == pytest.approx(0.5)


def test_what_each_request_costs_beside_its_handler_is_told_apart():
    measured = {"/a": 6_500, "/b": 2_500, "/sleep": 500}

    found = score(measured, _TRUTH, 10_000)

    assert found.mean_error == pytest.approx((500 / 6_000 + 500 / 2_000) / 2)
    assert found.around_error == 0.0


def test_what_one_route_is_charged_for_all_requests_is_an_error_either_way():
    found = score({**_TRUTH, "/b": 3_500}, _TRUTH, 10_000)

    assert found.mean_error == pytest.approx(0.375)
    assert found.around_error > 0.2
