"""A row of the database that cannot be read costs itself only."""

import pytest
import sqlalchemy as sa

from costmon.alerts.alert import Outgoing
from costmon.domain.poll import ReadingKey, StoredReading
from costmon.testing import samples
from costmon.testing.alerts import alert
from costmon.testing.clock import START

DAMAGED = ["", "{", "[]", "null", '{"v": 1e999}', "[" * 100_000, "\u2603", '[["a"]]']


def damage(url, table, column, text, where="1 = 1"):
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        statement = sa.text(f"UPDATE {table} SET {column} = :text WHERE {where}")
        connection.execute(statement, {"text": text})
    engine.dispose()


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_the_start_survives_a_damaged_row_of_each_table(store, token, cycles, url, text):
    store.record(cycles.good(0, samples.resource("1")), token)
    store.record(cycles.good(0, samples.resource("2"), account="other"), token)
    for column in ("gaps", "not_priced", "balance", "failed"):
        damage(url, "account", column, text, "account = 'other'")
    damage(url, "resource", "details", text, "vendor_id = '1'")

    latest = {it.inventory.account: it.inventory for it in store.latest()}

    assert [it.id for it in latest["digitalocean"].resources] == ["1"]
    assert [it.id for it in latest["other"].resources] == ["2"]
    if text not in {"[]", "null"}:
        assert [gap.kind for gap in latest["other"].gaps] == ["unknown"]
    assert store.record(cycles.good(5, samples.resource("1"), samples.resource("3")), token)


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_other_alerts_are_delivered_and_other_readings_are_known(store, token, url, text):
    alerts = [alert(name) for name in ("one", "two")]
    store.remember_alert("c", "{}", token, [Outgoing(it, ("log",)) for it in alerts])
    damage(url, "alert_outbox", "alert", text, "alert_id = 'one'")
    for reading in ("charges", "usage"):
        store.record_reading(
            StoredReading(
                key=ReadingKey("a", "p", reading),
                next_poll_at=START,
                last_success_at=START,
                complete_through=None,
                usage=None,
            ),
            token,
        )
    damage(url, "reading_state", "content", text, "reading = 'usage'")

    assert [it.alert.id for it in store.undelivered()] == ["two"]
    assert [key.reading for key in store.readings()] == ["charges"]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_finding_is_left_out(store, url, text):
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        statement = sa.text("INSERT INTO finding VALUES ('x', 'open', 0, 0, :text)")
        connection.execute(statement, {"text": text})
    engine.dispose()

    assert store.findings(10) == ()
    assert store.watches().findings == ()
