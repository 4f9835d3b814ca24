"""Listings are read whole while things come and go, and nobody leads the reader elsewhere."""

import json

import pytest

from costmon.errors import ProviderPermissionError, ProviderSchemaError
from costmon.providers.digitalocean.provider import DigitalOcean
from costmon.testing import FakeOutbound
from costmon.testing import digitalocean as do


def encoded(answers):
    return {
        path: answer if isinstance(answer, Exception) else json.dumps(answer).encode()
        for path, answer in answers.items()
    }


def droplets(ids):
    return [do.droplet(number) for number in ids]


def read_ids(answers):
    outbound = FakeOutbound(encoded({**do.empty_account(), **answers}))
    found = DigitalOcean(outbound, {}).fetch_droplets("work")
    return [int(droplet.id) for droplet in found], outbound.asked


def page(items, *, total, following=None):
    answer = do.listing("droplets", items, total=total)
    if following is not None:
        answer["links"] = {"pages": {"next": following}}
    return answer


def test_pages_are_counted_and_two_hundred_are_asked_for_at_once():
    ids, asked = read_ids(do.pages(do.DROPLETS, droplets(range(1, 6)), size=2))

    assert ids == [1, 2, 3, 4, 5]
    assert asked[:3] == [f"/v2/droplets?per_page=200&page={number}" for number in (1, 2, 3)]


def test_gpu_droplets_are_asked_for_a_second_time_and_counted_once():
    ids, _ = read_ids(
        {
            do.DROPLETS: page(droplets([1, 2]), total=2),
            do.GPU_DROPLETS: page(droplets([2, 3]), total=2),
        }
    )

    assert ids == [1, 2, 3]


def test_a_droplet_that_slides_onto_the_next_page_is_counted_once():
    ids, _ = read_ids(
        {
            "/v2/droplets?page=1": page(droplets([1, 2]), total=3, following="?page=2"),
            "/v2/droplets?page=2": page(droplets([2, 3]), total=4),
        }
    )

    assert ids == [1, 2, 3]


def test_a_droplet_that_slides_back_past_the_edge_is_not_skipped():
    class Shrinking(FakeOutbound):
        """Droplet 1 is destroyed after page 1 was read: 3 slides onto it, unseen."""

        first = True

        def get(self, path, params, **how):
            if path == "/v2/droplets" and params.get("page") == 1 and "type" not in params:
                now = [1, 2] if self.first else [2, 3]
                self.first = False
                return json.dumps(page(droplets(now), total=4, following="?page=2")).encode()
            return super().get(path, params, **how)

    answers = {"/v2/droplets?page=2": page(droplets([4]), total=3)}
    outbound = Shrinking(encoded({**do.empty_account(), **answers}))

    found = DigitalOcean(outbound, {}).fetch_droplets("work")

    assert sorted(int(droplet.id) for droplet in found) == [1, 2, 3, 4]


def test_a_missing_next_link_does_not_end_a_listing_that_has_more():
    ids, _ = read_ids(
        {
            "/v2/droplets?page=1": page(droplets([1, 2]), total=3),
            "/v2/droplets?page=2": page(droplets([3]), total=3),
        }
    )

    assert ids == [1, 2, 3]


def test_a_total_that_is_never_reached_ends_with_the_first_empty_page():
    ids, asked = read_ids(
        {
            "/v2/droplets?page=1": page(droplets([1]), total=9),
            "/v2/droplets?page=2": page([], total=9),
        }
    )

    assert ids == [1]
    assert sum("type=gpus" not in path for path in asked) == 2


@pytest.mark.parametrize(
    ("following", "words"),
    [
        ("https://evil.example/v2/droplets?page=2&token=x", "another host, evil.example"),
        ("https://a:b@evil.example/?page=2", "another host, evil.example"),
        ("https://api.digitalocean.com@evil.example/?page=2", "another host, evil.example"),
        ("https://[::1/?page=2", "URL of the next page is not valid"),
        ("https://api.digitalocean.com/v2/droplets?page=7", "page 1 is not followed by 2"),
        ("https://api.digitalocean.com/v2/droplets?cursor=abc", "page 1 is not followed by 2"),
    ],
)
def test_a_next_page_that_leads_elsewhere_is_refused_by_name(following, words):
    with pytest.raises(ProviderSchemaError, match=words) as caught:
        read_ids({do.DROPLETS: page(droplets([1]), total=2, following=following)})

    assert caught.value.path == "$.links.pages.next"
    assert "a:b" not in str(caught.value)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    "following",
    [
        "https://api.digitalocean.com/v2/droplets?page=2",
        "https://api.example.test/v2/droplets?page=2",
        "/v2/droplets?page=2",
    ],
)
def test_the_vendor_and_who_was_asked_may_name_the_next_page(following):
    ids, _ = read_ids(
        {
            "/v2/droplets?page=1": page(droplets([1]), total=2, following=following),
            "/v2/droplets?page=2": page(droplets([2]), total=2),
        }
    )

    assert ids == [1, 2]


def test_a_listing_that_says_it_has_items_and_shows_none_is_an_error():
    with pytest.raises(ProviderSchemaError, match="the first of 5 items is missing"):
        read_ids({do.DROPLETS: page([], total=5)})


def test_an_empty_page_that_promises_another_is_an_error():
    with pytest.raises(ProviderSchemaError, match="page 2 is empty but has a next page"):
        read_ids(
            {
                "/v2/droplets?page=1": page(droplets([1]), total=2, following="?page=2"),
                "/v2/droplets?page=2": page([], total=2, following="?page=3"),
            }
        )


def test_a_listing_without_end_is_left():
    class Endless(FakeOutbound):
        def get(self, path, params, **how):
            if path == "/v2/droplets":
                number = params["page"]
                answer = page(droplets([1]), total=1, following=f"?page={number + 1}")
                return json.dumps(answer).encode()
            return super().get(path, params, **how)

    outbound = Endless(encoded(do.empty_account()))

    with pytest.raises(ProviderSchemaError, match="more than 11 pages"):
        DigitalOcean(outbound, {}).fetch_droplets("work")


def test_a_refusal_in_the_middle_is_an_error_and_not_a_gap():
    refusal = ProviderPermissionError(
        provider="digitalocean", endpoint="GET /v2/droplets", detail="no", hint="none"
    )
    answers = {
        "/v2/droplets?page=1": page(droplets([1]), total=2, following="?page=2"),
        "/v2/droplets?page=2": refusal,
    }

    with pytest.raises(ProviderSchemaError, match="page 2 was refused"):
        read_ids(answers)
