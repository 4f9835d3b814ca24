from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costmon.state.changes import MOST_CHANGES, changes
from costmon.testing.samples import inventory, resource


def test_nothing_is_said_without_something_to_compare_with():
    assert changes(None, inventory([resource()])) == ()


def test_equal_inventories_have_no_changes():
    assert changes(inventory([resource()]), inventory([resource()])) == ()


def test_it_says_what_appeared_left_and_changed_largest_amount_first():
    old = inventory([resource("1", monthly="5"), resource("2", monthly="100")])
    new = inventory([resource("1", monthly="15"), resource("3", monthly="50")])

    assert changes(old, new) == (
        "droplet web-2 (s-1vcpu-2gb, nyc3) left: -100.00 USD a month",
        "droplet web-3 (s-1vcpu-2gb, nyc3) appeared: +50.00 USD a month",
        "droplet web-1 (s-1vcpu-2gb, nyc3) changed from 5.00 USD a month to 15.00 USD a month",
    )


def test_the_same_id_of_another_kind_is_another_resource():
    old = inventory([resource("1", kind="volume")])
    new = inventory([resource("1", kind="droplet")])

    assert len(changes(old, new)) == 2


def test_a_price_that_becomes_unknown_is_a_change_in_words():
    [words] = changes(inventory([resource()]), inventory([resource(monthly=None)]))

    assert words.endswith("changed from 12.00 USD a month to price unknown")


def test_more_than_ten_changes_are_counted_on_the_last_line():
    new = inventory([resource(str(n), monthly=Decimal(n)) for n in range(1, 31)])

    told = changes(inventory(), new)

    assert len(told) == MOST_CHANGES
    assert "web-30" in told[0]
    assert told[-1] == "and 21 smaller changes"


def test_exactly_ten_changes_are_all_told():
    told = changes(inventory(), inventory([resource(str(n)) for n in range(10)]))

    assert len(told) == 10
    assert not told[-1].startswith("and ")


@given(st.text(max_size=300))
def test_a_hostile_name_stays_one_short_printable_line(name):
    [words] = changes(inventory(), inventory([resource(name=name)]))

    assert words.isprintable()
    assert len(words) < 200
