"""With a key for S3 only, the objects of named buckets are listed."""

import datetime as dt
from decimal import Decimal

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from costmon.config.parsers import Refused
from costmon.errors import ProviderAuthError, ProviderPermissionError, ProviderSchemaError
from costmon.providers import wasabi
from costmon.providers.wasabi import buckets as module
from costmon.providers.wasabi.signature import signed_headers
from costmon.testing import Reply
from tests.providers.wasabi import answers
from tests.providers.wasabi.answers import listing

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
XML = {"content-type": "application/xml"}
MAY_24 = dt.datetime(2013, 5, 24, tzinfo=dt.UTC)
# The keys and signatures of the examples in the documentation of version 4.
EXAMPLE = {
    "access_key": "AKIAIOSFODNN7EXAMPLE",
    "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "region": "us-east-1",
}


def xml(body, status=200):
    return Reply(body=body, headers=XML, status=status)


@pytest.mark.parametrize(
    ("params", "signature"),
    [
        ({"lifecycle": ""}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            {"max-keys": "2", "prefix": "J"},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_a_signature_is_that_of_the_documented_example(params, signature):
    headers = signed_headers("examplebucket.s3.amazonaws.com", "/", params, now=MAY_24, **EXAMPLE)

    assert headers["Authorization"].endswith(f"Signature={signature}")
    assert headers["x-amz-date"] == "20130524T000000Z"


@given(st.text(min_size=1, max_size=40))
def test_a_signature_is_the_one_that_botocore_makes(token):
    params = {"list-type": "2", "continuation-token": token}
    request = AWSRequest(
        method="GET", url="https://s3.eu-central-2.wasabisys.com/photos", params=params
    )
    request.context["timestamp"] = "20261105T090000Z"
    request.headers["x-amz-date"] = "20261105T090000Z"
    request.headers["x-amz-content-sha256"] = EMPTY
    credentials = Credentials(EXAMPLE["access_key"], EXAMPLE["secret_key"])
    auth = S3SigV4Auth(credentials, "s3", "eu-central-2")
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

    headers = signed_headers(
        "s3.eu-central-2.wasabisys.com",
        "/photos",
        params,
        now=dt.datetime(2026, 11, 5, 9, tzinfo=dt.UTC),
        **{**EXAMPLE, "region": "eu-central-2"},
    )

    assert headers["Authorization"].endswith(f"Signature={wanted}")


@pytest.mark.parametrize("status", [401, 403])
def test_bytes_come_from_all_pages_and_the_rest_is_named(make_vendor, server, now, status):
    vendor = make_vendor(buckets=("photos", "backups"))
    vendor.refuse_stats(status)
    server.answer("/photos", xml(listing([5, 7], "a/b+c=")), xml(listing([3])))
    server.answer("/backups", xml(listing([])))

    reading = vendor.usage(now)

    assert {(one.quota, one.project): one.used for one in reading.quantities} == {
        ("storage_active", "photos"): Decimal("1.5E-8"),
        ("storage_active", "backups"): Decimal(0),
    }
    assert {gap.kind for gap in reading.gaps} >= {"storage_deleted", "egress", "requests"}
    photos = [asked for asked in server.asked if asked.path == "/photos"]
    assert [asked.query.get("continuation-token") for asked in photos] == [None, "a/b+c="]
    assert all(asked.query["list-type"] == "2" for asked in photos)


def test_the_secret_is_not_sent_to_s3(make_vendor, server, now):
    vendor = make_vendor(buckets=("photos",))
    vendor.refuse_stats()
    server.answer("/photos", xml(listing([5])))

    vendor.usage(now)

    sent = server.asked[-1]
    assert sent.path == "/photos"
    assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=PLANTEDACCESS")
    assert "planted/secret" not in str(sent)


def test_today_is_estimated_at_list_price_and_never_billed(make_vendor, server, now):
    vendor = make_vendor(buckets=("photos",))
    vendor.refuse_stats()
    server.answer("/photos", xml(listing([3 * answers.TB])))

    (window,) = vendor.charges(now)

    (charge,) = window.charges
    assert charge.billed_cost == Decimal("0.799")
    assert (charge.basis, charge.resource_id) == ("list_price", "photos")
    assert (window.start, window.end) == (now.replace(hour=0), now)
    assert window.complete_through is None
    assert {gap.kind for gap in window.gaps} == {"other days", "deleted storage", "other buckets"}


def test_a_bucket_with_too_many_objects_is_a_gap_without_a_part(
    make_vendor, server, now, monkeypatch
):
    monkeypatch.setattr(module, "MOST_REQUESTS", 3)
    vendor = make_vendor(buckets=("small", "huge", "last"))
    vendor.refuse_stats()
    server.answer("/small", xml(listing([1])))
    server.script("/huge", lambda asked: xml(listing([1], f"t{len(server_asked(server))}")))
    server.answer("/last", xml(listing([1])))

    reading = vendor.usage(now)

    assert [one.project for one in reading.quantities] == ["small"]
    assert [gap.kind for gap in reading.gaps if "3 requests" in gap.reason] == [
        "bucket huge",
        "bucket last",
    ]
    assert len(server_asked(server)) == 3


def server_asked(server):
    # Inside a script the server's lock is held: read what is there without it.
    return [asked for asked in server._asked if not asked.path.startswith("/v1")]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (xml(answers.refusal("AccessDenied"), 403), "may not list"),
        (xml(answers.refusal("NoSuchBucket"), 404), "does not exist"),
    ],
)
def test_a_bucket_that_is_refused_is_a_gap(make_vendor, server, now, reply, said):
    vendor = make_vendor(buckets=("photos", "other"))
    vendor.refuse_stats()
    server.answer("/photos", xml(listing([1])))
    server.answer("/other", reply)

    reading = vendor.usage(now)

    assert [one.project for one in reading.quantities] == ["photos"]
    (gap,) = (gap for gap in reading.gaps if gap.kind == "bucket other")
    assert said in gap.reason


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("AccessDenied", ProviderPermissionError),
        ("InvalidAccessKeyId", ProviderAuthError),
        ("SignatureDoesNotMatch", ProviderAuthError),
    ],
)
def test_when_no_bucket_can_be_listed_it_is_an_error(make_vendor, server, now, code, error):
    vendor = make_vendor(buckets=("photos",))
    vendor.refuse_stats()
    server.answer("/photos", xml(answers.refusal(code), 403))

    for read in (vendor.usage, vendor.charges):
        with pytest.raises(error) as caught:
            read(now)
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a",
        b"<Error/>",
        b"\xff\xfe",
        listing([1]).replace(b"<IsTruncated>false</IsTruncated>", b""),
        listing([1]).replace(b"<Size>1</Size>", b""),
        listing([1]).replace(b"<Size>1</Size>", b"<Size>-1</Size>"),
        listing([1]).replace(b"<IsTruncated>false", b"<IsTruncated>true"),
        listing([1])[:-20],
        b'<!DOCTYPE a [<!ENTITY x "y">]>' + listing([1])[38:],
    ],
)
def test_what_is_no_listing_is_a_schema_error(make_vendor, server, now, body):
    vendor = make_vendor(buckets=("photos",))
    vendor.refuse_stats()
    server.answer("/photos", xml(body))

    with pytest.raises(ProviderSchemaError) as caught:
        vendor.usage(now)

    assert caught.value.__context__ is None
    assert caught.value.endpoint == "GET /photos"


def test_a_token_that_repeats_is_incomplete(make_vendor, server, now):
    vendor = make_vendor(buckets=("photos",))
    vendor.refuse_stats()
    server.answer("/photos", xml(listing([1], "same")))

    with pytest.raises(ProviderSchemaError, match="incomplete"):
        vendor.usage(now)


@pytest.mark.parametrize("text", ["", ",", "UPPER", "a", "x/../y", "ok, has space"])
def test_names_that_no_bucket_has_are_refused(text):
    (option,) = (option for option in wasabi.info.options if option.key == "buckets")

    with pytest.raises(Refused):
        option.parse(text)


def test_buckets_are_named_with_commas():
    (option,) = (option for option in wasabi.info.options if option.key == "buckets")

    assert option.parse("photos, backups.eu,photos") == ("photos", "backups.eu")
