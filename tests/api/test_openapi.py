import re

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from costmon.testing.samples import resource

# What no schema can say: that `from` lies before `to`, and what is a scope, a period, an amount.
FINER = {
    "GET /api/v1/charges",
    "GET /api/v1/costs/history",
    "GET /history",
    "POST /api/v1/guard/reports",
    "GET /api/v1/circuits/{scope}",
    "PUT /api/v1/circuits/{scope}",
    "PUT /api/v1/budgets",
    "DELETE /api/v1/budgets",
    "POST /alerts/{alert}/acknowledge",
    "POST /alerts/{alert}/snooze",
    "POST /guard/circuits",
    "POST /guard/budgets",
    "POST /guard/budgets/remove",
}
# What is too large is refused as that, which schemathesis does not take for a refusal.
LARGE = {"POST /api/v1/guard/reports"}
METHODS = {"GET", "POST", "PUT", "DELETE"}


def rules(app):
    """Return every route but the static files: path and method."""
    return {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & METHODS
        if not rule.rule.startswith("/static/")
    }


def described(document):
    return {
        (path, method.upper()) for path, methods in document["paths"].items() for method in methods
    }


def test_every_route_is_described_and_every_description_is_a_route(guarded, token):
    app = guarded.app()

    document = (
        app.test_client().get("/openapi.json", headers={"Authorization": f"Bearer {token}"}).json
    )

    assert described(document) == rules(app)


def test_every_operation_says_what_it_is_for(world):
    document = world.client().get("/openapi.json").json

    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert re.match(r"[A-Z].*\.$", operation["summary"]), (path, method)
            assert {"200", "201", "202", "303", "308"} & set(operation["responses"]), (path, method)


def test_money_is_described_as_a_number(world):
    schemas = world.client().get("/openapi.json").json["components"]["schemas"]

    assert schemas["CurrentCosts"]["properties"]["total_monthly"]["type"] == "number"
    assert '"decimal"' not in str(schemas)


def test_the_document_names_no_money_as_text(world):
    assert b"decimal" not in world.client().get("/openapi.json").data


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_is_served_is_what_is_described(world, mode):
    world.poll(
        resource("1", name="<script>", waste="powered off, still charged in full"),
        resource("2", monthly=None, unpriced="no price known"),
        resource("v", kind="volume"),
    )
    schema = schemathesis.openapi.from_wsgi("/openapi.json", world.app())
    load_all_checks()
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]

    for operation in operations:
        conforms(operation, mode)

    asked = {(one.path, one.method.upper()) for one in operations}
    assert asked == rules(world.app()) - {("/openapi.json", "GET")}


def conforms(operation, mode):
    """Send generated requests and compare the answers with the description."""
    name = f"{operation.method.upper()} {operation.path}"
    excluded = [
        *([CHECKS.get_one("positive_data_acceptance")] if name in FINER else []),
        *([CHECKS.get_one("negative_data_rejection")] if name in LARGE else []),
    ]

    @settings(max_examples=10, deadline=None, database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        answer = case.call_and_validate(
            headers={"Accept-Encoding": "identity"}, excluded_checks=excluded
        )
        if name in LARGE and mode is GenerationMode.NEGATIVE:
            assert answer.status_code in {400, 413}

    # Without parameters there is nothing that could be wrong.
    if mode is GenerationMode.POSITIVE or operation.query or operation.body:
        check()
