import datetime as dt
import html
import re
from decimal import Decimal

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.fx import Rates
from costmon.domain.spend import Notice
from costmon.domain.totals import Threshold
from costmon.state.charges import nothing_known
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published
from costmon.testing.clock import START
from costmon.web.charge_view import Limits
from costmon.web.guard_page import GuardPage
from costmon.web.guard_view import Entered
from costmon.web.page import create_blueprint
from tests.api.samples import circuit, gauge, guard_state, lease, policy, refusal, seen, told, total
from tests.web.test_page import Text

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def app_of(shown, rules, now=START, entered=None, signed_in_as="ann"):
    app = flask.Flask("test", static_folder=None)
    app.register_blueprint(
        create_blueprint(
            snapshot=lambda: None,
            charges=lambda: nothing_known(START, START.date()),
            limits=Limits(caps=(), quotas=(), rates=Rates("EUR", {}), currency="USD", guards=tuple),
            children=lambda: (),
            now=lambda: now,
            threshold=Threshold(provider="digitalocean", limit=Decimal(100)),
            demo=False,
            describe=lambda view: view,
        )
    )
    app.context_processor(lambda: {"signed_in_as": signed_in_as})
    page = GuardPage(guard_state=shown.read, policy=rules.read, now=lambda: now)
    app.register_blueprint(page.create_blueprint(lambda view: view))
    if entered is not None:
        app.add_url_rule("/again", "again", lambda: page.render(entered))
    return app


def page(shown=EMPTY, rules=None, path="/guard", **facts):
    answer = app_of(Published(shown), Published(rules), **facts).test_client().get(path)
    assert answer.status_code == (200 if path == "/guard" else 400)
    return answer.text


def text(*values, **facts):
    return str(Text(page(*values, **facts)))


def test_before_the_first_report_it_says_how_to_connect_a_guard():
    shown = text(EMPTY, policy())

    assert "No guard has reported yet" in shown
    assert 'Guard(service="http://localhost"' in shown


def test_before_the_database_is_read_budgets_and_circuits_are_not_called_none():
    shown = text(EMPTY, None)

    assert "budgets and circuits are not known yet" in shown
    assert "No circuit has been opened" not in shown


def test_a_budget_in_use_shows_what_is_spent_held_and_left():
    shown = text(guard_state(), policy())

    assert "global month $2.50 $0.50 $10.00 $7.00 2026-11-21 11:00 UTC 0 s ago" in shown
    assert 'aria-label="25 % spent, 5 % held"' in page(guard_state(), policy())


def test_a_fraction_of_a_cent_is_not_nothing():
    shown = text(guard_state(seen(scopes=(gauge(spent="0.0000131", held="0.013"),))), policy())

    assert "$0.0000131" in shown
    assert "$0.013" in shown


def test_a_scope_without_a_limit_has_none_and_no_bar():
    source = page(guard_state(seen(scopes=(gauge(limit=None),))), policy())

    assert "<svg" not in source
    assert "unknown" not in str(Text(source))


def test_calls_without_a_price_are_shown_with_what_was_charged_and_what_to_do():
    unpriced = {("model:<b>new", "USD"): total("0.35", 7), ("global", "USD"): total("0.35", 7)}

    shown = text(guard_state(unpriced=unpriced), policy())

    assert "model:<b>new 7 $0.35" in shown
    assert 'Costing(prices={"model"' in shown
    assert "Calls without a price" in text(EMPTY._replace(unpriced=unpriced), policy())
    assert "Calls without a price" not in text(guard_state(), policy())


def test_a_window_that_has_ended_is_said_to_have():
    later = START + dt.timedelta(hours=2)

    assert "the period has ended" in text(guard_state(), policy(), now=later)


def test_a_guard_that_is_silent_is_away():
    later = START + dt.timedelta(minutes=3)

    assert "away for 3 min" in text(guard_state(), policy(), now=later)
    assert "reported 5 s ago" in text(guard_state(), policy(), now=START + dt.timedelta(seconds=5))


def test_calls_in_flight_are_shown_until_their_lease_ends():
    late = START + dt.timedelta(hours=2)

    assert "worker box call global, host:api.example.com $0.02" in text(guard_state(), policy())
    assert "None, according to the latest reports" in text(guard_state(), policy(), now=late)


def test_a_refusal_shows_its_whole_reason():
    reason = "word " * 300 + "end"

    assert reason in text(guard_state(refusals=(("g1", refusal(reason)),)), policy())


def test_a_notice_is_shown():
    notice = Notice(id="n", at=START, kind="store_lost", scope="global", text="the store is away")

    assert "worker store lost the store is away" in text(
        guard_state(notices=(("g1", notice),)), policy()
    )


def test_an_open_circuit_says_why_who_and_until_when_and_can_be_closed():
    ends = START + dt.timedelta(hours=1)
    source = page(EMPTY, policy(circuits=[circuit(expires_at=ends)]))

    shown = str(Text(source))
    assert "1 circuit open" in shown
    assert "host:api.example.com open it spends too much close Reason" in shown
    assert "ann 2026-11-21 10:00 UTC" in shown
    assert "2026-11-21 11:00 UTC" in shown
    assert '<input type="hidden" name="state" value="closed">' in source


def test_without_signing_in_there_are_no_forms_and_the_page_says_how_to_get_them():
    budgets, circuits = [told(source="api", author="bob")], [circuit()]

    source = page(EMPTY, policy(budgets=budgets, circuits=circuits), signed_in_as="")

    assert "<form" not in source
    assert '<a href="/login">Sign in to change circuits</a>' in source
    assert '<a href="/login">Sign in to change budgets</a>' in source
    assert '<a href="/login">sign in to change</a>' in source


def test_a_guard_that_reported_without_the_token_is_marked():
    trusted = guard_state(seen(authenticated=True))

    assert "not authenticated" in text(guard_state(), policy())
    assert "not authenticated" not in text(trusted, policy())


def test_a_circuit_that_has_expired_is_closed():
    source = page(EMPTY, policy(circuits=[circuit(expires_at=START)]))

    assert "expired 2026-11-21 10:00 UTC" in str(Text(source))
    assert 'value="closed"' not in source


def test_a_budget_says_who_set_it_and_only_a_set_one_can_be_removed():
    file = page(EMPTY, policy(budgets=[told()]))
    api = page(EMPTY, policy(budgets=[told(source="api", author="bob")]))

    assert "costmon.toml" in str(Text(file))
    assert "/guard/budgets/remove" not in file
    assert "bob" in str(Text(api))
    assert "/guard/budgets/remove" in api


def test_what_was_typed_is_still_there_after_a_fault():
    entered = Entered(
        form="circuit",
        fault="scope: 'nothing' is not a valid scope",
        fields={"scope": "nothing", "reason": "r & d", "author": "ann", "expires_in_s": "3600"},
    )

    source = page(EMPTY, policy(), path="/again", entered=entered)

    assert "scope: 'nothing' is not a valid scope" in str(Text(source))
    assert 'value="r &amp; d"' in source
    assert '<option value="3600" selected>' in source
    assert source.count("<details") - source.count('<details class="change" open') == 1


def test_both_pages_lead_to_each_other():
    client = app_of(Published(EMPTY), Published(None)).test_client()

    assert '<a href="/guard">guards</a>' in client.get("/").text
    assert '<a href="/">costs</a>' in client.get("/guard").text
    assert '<a href="/guard" aria-current="page">' in client.get("/guard").text


def hostile(name):
    return guard_state(
        seen(
            app=name,
            host=name,
            store=name,
            scopes=(gauge(f"key:{name}"),),
            leases=(lease(scopes=(f"key:{name}",), activity=name),),
        ),
        refusals=(("g1", refusal(name, scope=f"key:{name}", reason=name)),),
        notices=(("g1", Notice(id="n", at=START, kind="warn", scope="global", text=name)),),
    )


def hostile_policy(name):
    return policy(
        budgets=[told(source="api", author=name)._replace(budget=told().budget)],
        circuits=[circuit(f"key:{name}", reason=name, author=name)],
    )


def test_a_hostile_name_is_text():
    source = page(hostile(HOSTILE), hostile_policy(HOSTILE))

    assert "<script" not in source
    assert "<img src=x" not in source
    assert html.escape("<script>") in source


BOARD, RULES = Published(hostile("plain")), Published(hostile_policy("plain"))
SHOWING = app_of(BOARD, RULES).test_client()
PLAIN_TAGS = [tag for tag, _ in Text(SHOWING.get("/guard").text).tags]


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_no_name_makes_a_tag_or_breaks_the_page(name):
    BOARD.publish(hostile(name))
    RULES.publish(hostile_policy(name))

    answer = SHOWING.get("/guard")

    assert answer.status_code == 200
    assert [tag for tag, _ in Text(answer.text).tags] == PLAIN_TAGS


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs():
    found = Text(page(guard_state(), policy(budgets=[told()], circuits=[circuit()])))

    for tag, attributes in found.tags:
        assert tag not in {"script", "iframe", "object", "style"}
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "action"):
            assert attributes.get(name, "/").startswith("/"), attributes


def test_every_field_has_a_label_and_every_form_is_a_post():
    source = page(
        guard_state(), policy(budgets=[told(source="api", author="a")], circuits=[circuit()])
    )

    for form in re.findall(r"<form[^>]*>", source):
        assert 'method="post"' in form
    visible = re.findall(r"<(?:input|select)(?![^>]*hidden)[^>]*>", source)
    assert len(visible) == len(re.findall(r"<label[^>]*>[^<]+<(?:input|select)", source))


@pytest.mark.parametrize("count", [1_000])
def test_a_thousand_rows_are_bounded_and_the_rest_counted(count):
    many = range(count)
    shown = guard_state(*(seen(f"g{i}", store=f"s{i}", leases=(lease(f"l{i}"),)) for i in many))
    rules = policy(
        budgets=[told(f"key:{i}") for i in many], circuits=[circuit(f"key:{i}") for i in many]
    )

    source = page(shown, rules)

    assert len(source) < 700_000
    assert str(Text(source)).count("900 more") == 5
