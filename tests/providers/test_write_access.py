"""What each vendor tells of a credential that can do more than read."""

import pytest

from costmon.errors import ProviderError
from costmon.providers.base import Provider, ProviderSetup
from costmon.providers.digitalocean import create
from costmon.testing.outbound import FakeOutbound
from costmon.testing.provider_contract import Recording, Vendor
from costmon.testing.stub import Reply, StubServer

TOKEN_INFO = "/v1/oauth/token/info"
TEAM = {"team_id": "team_abc"}


@pytest.fixture
def server():
    with StubServer() as stub:
        yield stub


@pytest.fixture
def write_access(server):
    """Return a function that asks the provider of a vendor that answers so."""

    def ask(slug, answers, *, options=None, **credentials):
        vendor = Vendor(
            server,
            Recording(answers=answers),
            slug=slug,
            credentials={"token": "planted-token", **credentials},
            options=options or {},
        )
        with vendor.provider() as provider:
            return provider.write_access()

    return ask


def test_a_provider_that_knows_nothing_says_nothing():
    assert Provider().write_access() == ()


@pytest.mark.parametrize(
    "scopes", [[], ["read"], ["droplet:read", "nfs:list", "kubernetes:read", "billing:read"]]
)
def test_a_digitalocean_token_with_read_scopes_is_fine(write_access, scopes):
    assert write_access("digitalocean", {TOKEN_INFO: {"scopes": scopes}}) == ()


@pytest.mark.parametrize(
    ("scopes", "shown"),
    [
        (["read", "write"], "(write)"),
        (["droplet:read", "droplet:delete", "droplet:create"], "(droplet:create, droplet:delete)"),
        (["database:view_credentials"], "(database:view_credentials)"),
        ([f"kind{n}:update" for n in range(9)], "kind4:update and 4 more)"),
    ],
)
def test_the_scopes_of_a_digitalocean_token_that_are_not_for_reading_are_named(
    write_access, scopes, shown
):
    (warning,) = write_access("digitalocean", {TOKEN_INFO: {"scopes": scopes}})

    assert shown in warning


def test_digitalocean_itself_is_asked_at_the_host_that_knows_tokens():
    connected = {}
    api = FakeOutbound({})
    api.host = "api.digitalocean.com"

    def connect(base_url, headers):
        connected[base_url] = headers
        return FakeOutbound({TOKEN_INFO: b'{"scopes": ["write"]}'})

    setup = ProviderSetup(
        outbound=api, prices={}, options={}, credentials={"token": "planted"}, connect=connect
    )

    assert create(setup).write_access()
    assert connected == {"https://cloud.digitalocean.com": {"Authorization": "Bearer planted"}}
    assert api.asked == []


@pytest.mark.parametrize(
    ("role", "warned"),
    [("OWNER", True), ("MEMBER", True), ("BILLING", False), ("VIEWER", False), ("NEW", False)],
)
def test_a_vercel_token_can_do_what_its_owner_may_in_the_team(write_access, role, warned):
    answers = {"/v2/teams/team_abc": {"id": "team_abc", "membership": {"role": role}}}

    warnings = write_access("vercel", answers, options=TEAM)

    assert [role.capitalize() in warning for warning in warnings] == [True] * warned


def test_a_vercel_token_of_a_personal_scope_can_write_without_asking(write_access, server):
    assert write_access("vercel", {})
    assert server.asked == ()


def test_an_openai_key_that_can_list_projects_is_not_limited_to_usage(write_access):
    answers = {"/organization/projects": {"object": "list", "data": [], "has_more": False}}

    (warning,) = write_access("openai", answers)

    assert "not limited to api.usage.read" in warning


def test_nothing_is_known_of_an_openai_key_that_is_refused_there(write_access):
    missing = {"error": {"message": "Missing scopes: api.management.read"}}
    answers = {"/organization/projects": Reply.json(missing, status=403)}

    with pytest.raises(ProviderError):
        write_access("openai", answers)


@pytest.mark.parametrize(
    ("key", "warned"), [("sk-ant-admin01-planted", True), ("sk-ant-api03-planted", False)]
)
def test_an_anthropic_admin_key_manages_the_organization(write_access, server, key, warned):
    assert len(write_access("anthropic", {}, token=key)) == warned
    assert server.asked == ()


@pytest.mark.parametrize(
    ("metrics", "key", "warned"),
    [("on", "sb_secret_planted", True), ("on", None, False), (None, "sb_secret_planted", False)],
)
def test_the_metrics_key_of_supabase_is_full_access(write_access, metrics, key, warned):
    options = {"project_ref": "abcdefghijklmnopqrst", "metrics": metrics}
    credentials = {"metrics_key": key} if key else {}

    warnings = write_access("supabase", {}, options=options, **credentials)

    assert len(warnings) == warned
