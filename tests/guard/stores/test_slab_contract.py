"""The counting rules that hold for slabs, too, as long as one process looks at itself."""

import pytest

from tests.guard.stores import test_contract as contract

RULES = [
    contract.test_a_lease_holds_its_estimate_on_every_line,
    contract.test_settling_charges_what_it_was_and_holds_no_more,
    contract.test_more_than_the_estimate_is_charged_in_full,
    contract.test_the_limit_itself_may_be_reached_but_not_passed,
    contract.test_nothing_is_held_when_one_of_several_lines_has_no_room,
    contract.test_the_first_line_without_room_is_named,
    contract.test_a_key_gets_the_lease_it_has,
    contract.test_a_key_of_other_scopes_is_an_error,
    contract.test_a_plan_of_older_settings_is_outdated,
    contract.test_a_plan_that_was_used_becomes_outdated_too,
    contract.test_settings_tell_what_is_configured_and_count_changes,
    contract.test_a_rate_counts_calls_whatever_they_cost,
    contract.test_a_line_without_a_limit_is_only_counted,
    contract.test_a_reset_forgives_what_was_spent_and_keeps_what_is_held,
    contract.test_a_charge_is_counted_once_whatever_the_limits,
    contract.test_amounts_up_to_nine_billion_are_exact,
    contract.test_nothing_at_all_may_be_reserved,
]


@pytest.mark.parametrize("place", ["slab"], indirect=True)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_slab_keeps_the_rule(rule, place):
    rule(place.open())
