"""MongoDB Atlas: two ways to sign in, invoices whose lines cross months, and odd answers."""

import base64
import datetime as dt
import hashlib
import urllib.request
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest

from costmon.errors import ProviderAuthError, ProviderError, ProviderPermissionError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import NOW, Recording, Vendor
from tests.providers.atlas import answers as atlas

KEY = {"public_key": "abcdefgh", "private_key": "11111111-2222-3333-4444-555555555555"}
ACCOUNT = {"public_key": "mdb_sa_id_0123456789", "private_key": "mdb_sa_sk_0123456789"}
KNOWN = NOW - dt.timedelta(days=1)


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def vendor(server, answers, credentials=KEY, org=atlas.ORG):
    options = {"org_id": org} if org else {}
    recording = Recording(answers=answers)
    return Vendor(server, recording, slug="atlas", credentials=credentials, options=options)


def charges(vendor, known_through=KNOWN):
    with vendor.provider() as provider:
        return tuple(provider.charges("work", NOW, known_through))


def usage(vendor):
    with vendor.provider() as provider:
        return provider.usage("work", NOW)


def md5(text):
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def digest_of(asked):
    scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
    items = urllib.request.parse_http_list(rest) if scheme == "Digest" else []
    return urllib.request.parse_keqv_list(items)


class Guarded:
    """Answers only requests that carry the right digest, each nonce `uses` times."""

    def __init__(self, answer, uses=100):
        self.answer = answer
        self.uses = uses
        self.nonces = 0
        self.left = 0

    def __call__(self, asked):
        given = digest_of(asked)
        known = given.get("nonce") == f"nonce-{self.nonces}"
        if known and self.left and self._is_right(asked, given):
            self.left -= 1
            return self.answer(asked) if callable(self.answer) else self.answer
        stale = "true" if known and not self.left else "false"
        self.nonces += 1
        self.left = self.uses
        challenge = (
            f'Digest realm="MMS Public API", domain="", nonce="nonce-{self.nonces}", '
            f'algorithm=MD5, qop="auth", stale={stale}'
        )
        body = {"error": 401, "errorCode": "", "reason": "Unauthorized"}
        return Reply.json(body, status=401, www_authenticate=challenge)

    def _is_right(self, asked, given):
        secret = md5(f"{KEY['public_key']}:MMS Public API:{KEY['private_key']}")
        target = md5(f"GET:{given['uri']}")
        parts = (secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], target)
        return (
            given["username"] == KEY["public_key"]
            and given["uri"].partition("?")[0] == asked.path
            and given["response"] == md5(":".join(parts))
        )


def test_an_api_key_answers_the_vendors_challenge_and_is_never_sent(server):
    account = vendor(server, {atlas.PENDING: Guarded(atlas.PENDING_ANSWER)})

    (window,) = charges(account)

    assert sum(charge.billed_cost for charge in window.charges) == atlas.TOTAL
    sent = [asked.headers.get("authorization", "") for asked in server.asked]
    assert [header[:6] for header in sent] == ["", "Digest"]
    assert not any(KEY["private_key"] in header for header in sent)


def test_one_challenge_is_enough_for_a_read(server):
    guarded = Guarded(lambda asked: atlas.USAGE[asked.path])
    account = vendor(server, dict.fromkeys(atlas.USAGE, guarded))

    reading = usage(account)

    assert {(one.quota, one.project): one.used for one in reading.quantities} == atlas.USED
    # The router is not measured, and only the first request is challenged.
    assert len(server.asked) == len(atlas.USAGE) + 1


def test_the_query_is_signed_as_it_is_sent(server):
    guarded = Guarded(lambda asked: atlas.USAGE[asked.path])

    usage(vendor(server, dict.fromkeys(atlas.USAGE, guarded)))

    for asked in server.asked[1:]:
        signed = digest_of(asked)["uri"].partition("?")[2]
        assert tuple(parse_qsl(signed)) == asked.pairs


def test_a_nonce_that_expires_during_a_read_is_replaced(server):
    guarded = Guarded(lambda asked: atlas.USAGE[asked.path], uses=2)
    account = vendor(server, dict.fromkeys(atlas.USAGE, guarded))

    reading = usage(account)

    assert {(one.quota, one.project): one.used for one in reading.quantities} == atlas.USED


def test_a_wrong_private_key_is_refused_after_one_challenge(server):
    credentials = {**KEY, "private_key": "wrong"}
    account = vendor(server, {atlas.PENDING: Guarded(atlas.PENDING_ANSWER)}, credentials)

    with pytest.raises(ProviderAuthError, match="both of one API key"):
        charges(account)

    assert len(server.asked) == 2


def test_a_challenge_of_another_kind_is_refused(server):
    challenge = 'Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"'
    reply = Reply.json({}, status=401, www_authenticate=challenge)
    account = vendor(server, {atlas.PENDING: reply})

    with pytest.raises(ProviderError, match="not HTTP digest with MD5"):
        charges(account)


def test_a_service_account_gets_a_token_for_each_read(server):
    answers = {
        atlas.PENDING: atlas.PENDING_ANSWER,
        "/api/oauth/token": {"access_token": "good-for-an-hour", "expires_in": 3600},
    }

    charges(vendor(server, answers, ACCOUNT))

    token, invoices = server.asked
    basic = base64.b64encode(f"{ACCOUNT['public_key']}:{ACCOUNT['private_key']}".encode()).decode()
    assert (token.method, token.body) == ("POST", b"grant_type=client_credentials")
    assert token.headers["authorization"] == f"Basic {basic}"
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert invoices.headers["authorization"] == "Bearer good-for-an-hour"
    assert invoices.headers["accept"] == "application/vnd.atlas.2023-01-01+json"


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_role_is_no_wrong_key(server, status):
    reply = Reply.json({"error": status, "errorCode": "USER_UNAUTHORIZED"}, status=status)

    with pytest.raises(ProviderPermissionError, match="Organization Billing Viewer"):
        charges(vendor(server, {atlas.PENDING: reply}))


def test_an_address_that_is_not_on_the_keys_list_is_named(server):
    body = {"error": 403, "errorCode": "IP_ADDRESS_NOT_ON_ACCESS_LIST"}
    reply = Reply.json(body, status=403)

    with pytest.raises(ProviderPermissionError, match="address is not on the key's access list"):
        charges(vendor(server, {atlas.PENDING: reply}))


def test_the_only_organization_is_found(server):
    answers = {
        f"{atlas.API}/orgs": atlas.page([{"id": atlas.ORG, "name": "Example"}]),
        atlas.PENDING: atlas.PENDING_ANSWER,
    }

    (window,) = charges(vendor(server, answers, org=None))

    assert len(window.charges) == atlas.ROWS


@pytest.mark.parametrize("ids", [[], [atlas.ORG, atlas.WEB]])
def test_which_organization_must_be_said_when_there_is_not_one(server, ids):
    orgs = atlas.page([{"id": one, "name": one} for one in ids])

    with pytest.raises(ProviderPermissionError, match="set ATLAS_ORG_ID"):
        charges(vendor(server, {f"{atlas.API}/orgs": orgs}, org=None))


def test_a_row_says_what_it_is_for(server):
    (window,) = charges(vendor(server, {atlas.PENDING: atlas.PENDING_ANSWER}))

    discounted, tiny = window.charges[1:3]
    assert (discounted.list_cost, discounted.billed_cost) == (Decimal("1.92"), Decimal("1.73"))
    assert (discounted.sub_account_name, discounted.resource_name) == ("web", "prod")
    assert (tiny.billed_cost, tiny.consumed_quantity) == (0, Decimal("6.035E-7"))
    assert window.charges[3].charge_category == "Adjustment"
    assert window.complete_through == dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
    assert window.gaps == ()


def test_a_line_of_another_month_is_in_the_month_that_it_begins_in(server):
    crossing = {**atlas.line("2026-10-25", 45), "endDate": "2026-11-03T00:00:00Z"}
    current = atlas.invoice(0xC, "2026-11", [atlas.line("2026-11-19", 100), crossing])
    october = atlas.invoice(0xB, "2026-10", [atlas.line("2026-10-02", 7)])
    answers = {
        atlas.PENDING: atlas.page([current]),
        atlas.INVOICES: atlas.page([october]),
        f"{atlas.INVOICES}/{october['id']}": october,
    }

    windows = charges(vendor(server, answers))

    billed = {
        f"{window.start:%Y-%m}": sorted(charge.billed_cost for charge in window.charges)
        for window in windows
    }
    assert billed == {
        "2026-11": [Decimal(1)],
        "2026-10": [Decimal("0.07"), Decimal("0.45")],
    }


def test_tax_and_credits_of_an_invoice_are_rows(server):
    lines = [atlas.line("2026-11-19", 1000), atlas.line("2026-11-19", -200, "CREDIT")]
    totals = {"subtotalCents": 1000, "salesTaxCents": 190, "creditsCents": 500}
    pending = atlas.page([atlas.invoice(0xC, "2026-11", lines, **totals)])

    (window,) = charges(vendor(server, {atlas.PENDING: pending}))

    whole = {charge.charge_category: charge.billed_cost for charge in window.charges[2:]}
    assert whole == {"Tax": Decimal("1.90"), "Credit": Decimal(-3)}
    assert sum(charge.billed_cost for charge in window.charges) == Decimal("6.90")


def test_an_invoice_whose_lines_do_not_add_up_is_named(server):
    pending = atlas.page([atlas.invoice(0xC, "2026-11", atlas.LINES, subtotalCents=400)])

    (window,) = charges(vendor(server, {atlas.PENDING: pending}))

    (gap,) = window.gaps
    assert gap.reason == "its lines add up to 3.65 USD, and its subtotal is 4.00 USD"


def test_invoices_of_linked_organizations_are_read_too(server):
    linked = {**atlas.invoice(0xD, "2026-11", [atlas.line("2026-11-19", 11)]), "orgId": atlas.WEB}
    pending = atlas.page([{**atlas.CURRENT, "linkedInvoices": [linked]}])

    (window,) = charges(vendor(server, {atlas.PENDING: pending}))

    assert {charge.billing_account_id for charge in window.charges} == {atlas.ORG, atlas.WEB}
    assert sum(charge.billed_cost for charge in window.charges) == Decimal("3.26")


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"startDate": "Bar", "endDate": "Foo"}, "$.results[0].lineItems[0].startDate"),
        ({"endDate": "2026-11-01T00:00:00Z"}, "$.results[0].lineItems[0].endDate"),
        ({"startDate": "2024-09-25T00:00:00Z"}, "$.results[0].lineItems[0].startDate"),
        ({"quantity": 1e300}, "$.results[0].lineItems[0].quantity"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_its_place(server, fields, place):
    pending = atlas.page([atlas.invoice(0xC, "2026-11", [atlas.line("2026-11-19", 1, **fields)])])

    with pytest.raises(ProviderError) as caught:
        charges(vendor(server, {atlas.PENDING: pending}))

    assert caught.value.reason == "schema"
    assert caught.value.path == place


def test_another_shape_of_costs_is_a_schema_error(server):
    other = {"usageDetails": [{"invoiceId": "x", "usageAmount": 51.19, "usageDate": "2026-11-01"}]}

    with pytest.raises(ProviderError, match="results"):
        charges(vendor(server, {atlas.PENDING: other}))


def test_a_listing_that_has_less_than_it_says_is_incomplete(server):
    answers = {**atlas.USAGE, atlas.GROUPS: atlas.page([{"id": atlas.WEB, "name": "web"}], total=7)}

    with pytest.raises(ProviderError, match="incomplete: 1 of 7 items"):
        usage(vendor(server, answers))


def test_every_page_of_projects_is_read(server):
    answers = {atlas.GROUPS: atlas.many}
    for number in range(501):
        answers[f"{atlas.GROUPS}/5f00000000000000{number:08x}/processes"] = atlas.page([])

    assert usage(vendor(server, answers)).quantities == ()
    assert len(server.asked) == 2 + 501


def test_a_project_that_the_key_may_not_see_is_a_gap(server):
    refused = Reply.json({"error": 403}, status=403)
    answers = {**atlas.USAGE, f"{atlas.GROUPS}/{atlas.JOBS}/processes": refused}

    reading = usage(vendor(server, answers))

    assert [gap.kind for gap in reading.gaps] == ["operations of jobs"]
    assert reading.quantities[0].used == atlas.USED["operations", "web"]


def test_no_project_at_all_is_not_no_operations(server):
    reading = usage(vendor(server, {atlas.GROUPS: atlas.page([])}))

    assert reading.quantities == ()
    assert [gap.kind for gap in reading.gaps] == ["operations"]


def test_the_hour_that_runs_is_counted_as_far_as_it_is_over(server):
    point = {"timestamp": "2026-11-21T09:30:00Z", "value": 1}
    measured = {"measurements": [{"name": "OPCOUNTER_CMD", "dataPoints": [point]}]}
    answers = {**atlas.USAGE, atlas.measurements(atlas.WEB, "a"): measured}

    reading = usage(vendor(server, answers))

    assert {one.project: one.used for one in reading.quantities}["web"] == 1_800
