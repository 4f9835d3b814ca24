"""Many alerts as one: the count, the worst, and the same id for the same ones."""

from costmon.alerts.alert import Alert
from costmon.alerts.storm import EVENT, grouped
from costmon.testing.alerts import alert
from costmon.testing.clock import START

MANY = (
    alert("a", title="first"),
    alert("b", severity="critical", title="a loop", text="openai burns $40 per hour."),
    alert("c", severity="info", state="resolved", title="third"),
    *(alert(f"d{number}", title=f"more {number}") for number in range(20)),
)


def test_a_group_names_the_count_and_the_worst():
    group = grouped(MANY)

    assert group.title == "23 alerts (1 critical, 21 warning, 1 resolved); the worst: a loop"
    assert "openai burns $40 per hour." in group.text
    assert "- warning: first" in group.text
    assert "and 12 more" in group.text
    assert (group.severity, group.event, group.raised_at) == ("critical", EVENT, START)


def test_a_group_lists_all_for_machines_and_survives_the_store():
    group = grouped(MANY)

    listed = group.to_dict()["facts"]["alerts"]
    assert {row["id"] for row in listed} == {it.id for it in MANY}
    assert Alert.from_text(group.to_text()) == group


def test_the_same_alerts_are_the_same_group():
    assert grouped(MANY).id == grouped(MANY).id != grouped(MANY[1:]).id


def test_a_group_in_a_group_counts_with_all_that_it_stands_for():
    group = grouped([grouped(MANY), alert("z")])

    assert group.facts["count"] == 24
    assert "1 warning, 23 grouped before" in group.title
    assert len(group.to_dict()["facts"]["alerts"]) == 24
