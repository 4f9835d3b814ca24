"""Where a service is: what cannot be used is refused at once, and the token is in no text."""

import pytest

from costmon.errors import InputError
from costmon.guard.link.address import address_of

TOKEN = "s3cret-t0ken"


@pytest.mark.parametrize(
    ("service", "shown"),
    [
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("http://localhost:8090/", "http://localhost:8090"),
        ("http://[::1]:8090", "http://[::1]:8090"),
        ("https://costs.example.com", "https://costs.example.com:443"),
        ("HTTPS://Costs.example.com/costmon/", "https://costs.example.com:443/costmon"),
        ("unix:/run/costmon/report.sock", "unix:/run/costmon/report.sock"),
    ],
)
def test_a_service_is_where_it_says(service, shown):
    address = address_of(service, TOKEN)

    assert str(address) == shown
    assert TOKEN not in repr(address) + str(address)


@pytest.mark.parametrize(
    "service",
    [
        "",
        None,
        7,
        "127.0.0.1:8090",
        "ftp://example.com",
        "http://",
        "http://:80",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "http://user:pa55word@127.0.0.1",
        "http://127.0.0.1/?token=pa55word",
        "http://127.0.0.1/#pa55word",
        "http://127.0.0.1/\r\nX: pa55word",
        "http://exa mple.com",
        "http://exämple.com",
        "unix:",
        "unix:report.sock",
        "unix:/" + "x" * 107,
        "unix:/a\x00b",
    ],
)
def test_what_is_no_address_is_refused_without_showing_a_secret(service):
    with pytest.raises(InputError) as refused:
        address_of(service)

    assert "pa55word" not in str(refused.value)


@pytest.mark.parametrize(
    "service",
    ["http://10.0.0.1:8090", "http://costs.example.com", "http://127.0.0.1.example.com"],
)
def test_a_token_is_not_sent_readable_to_another_machine(service):
    with pytest.raises(InputError, match="use https") as refused:
        address_of(service, TOKEN)

    assert TOKEN not in str(refused.value)
    assert address_of(service).token is None


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Other: 1", "ü", "x" * 5_000, b"bytes", 7])
def test_a_token_that_is_no_line_of_ascii_is_refused_without_showing_it(token):
    with pytest.raises(InputError) as refused:
        address_of("https://example.com", token)

    assert str(token) not in str(refused.value)


def test_an_empty_token_is_none():
    assert address_of("http://example.com", "").token is None
