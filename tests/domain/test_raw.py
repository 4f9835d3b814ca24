from decimal import Decimal

import pytest

from costmon.domain.raw import without_secrets


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "access_token",
        "apiToken",
        "password",
        "Password",
        "client_secret",
        "SecretAccessKey",
        "api_key",
        "Authorization",
        "pdfUrl",
        "invoice_pdf",
        "hosted_invoice_url",
        "X-Amz-Signature",
    ],
)
def test_fields_named_like_secrets_are_left_out(name):
    raw = {name: "s3cret", "amount": "1.00"}

    assert without_secrets(raw) == {"amount": "1.00"}


def test_secrets_are_found_at_any_depth():
    raw = {
        "bill": {"url": "https://example.com/bill?reference=1&passwd=s3cret", "id": 7},
        "files": ["https://s3.example/x?X-Amz-Signature=s3cret", "readme"],
        "auth": [{"password": 1234, "user": "me"}],
    }

    assert without_secrets(raw) == {
        "bill": {"id": 7},
        "files": ["readme"],
        "auth": [{"user": "me"}],
    }


@pytest.mark.parametrize(
    "link",
    [
        "https://user:s3cret@example.com/",
        "https://example.com/#access_token=s3cret",
        "https://blob.example/x?sv=2024&sig=s3cret",
        "https://example.com/?key=s3cret",
        "https://[s3cret",
    ],
)
def test_links_that_open_something_are_left_out(link):
    assert without_secrets({"link": link}) == {}


def test_quantities_prices_and_identifiers_stay():
    raw = {
        "output_tokens": 1500,
        "token_type": "uncached_input_tokens",
        "price_per_token": "0.000003",
        "cost_per_token": Decimal("3e-6"),
        "api_key_id": "apikey_01",
        "has_password": False,
        "next_token": None,
        "self": "https://api.example.com/v1/bills?from=2026-11-01",
    }

    assert without_secrets(raw) == raw


def test_what_was_given_is_left_as_it_was():
    raw = {"inner": {"token": "s3cret"}}

    without_secrets(raw)

    assert raw == {"inner": {"token": "s3cret"}}
