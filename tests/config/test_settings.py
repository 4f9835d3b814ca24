"""Settings: all faults at once, defaults, cross-checks, secrets that stay hidden."""

import contextlib
import pickle
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.config import Providers, Secret, Settings
from costmon.config.file import check_file
from costmon.config.parsers import Refused, duration, spell
from costmon.errors import ConfigError
from costmon.providers import catalog, digitalocean

PROVIDERS = Providers((digitalocean.info,))
ALL_PROVIDERS = catalog.declarations()

TOKEN = "dop_v1_0123456789abcdef"


def settings_of(**variables: str) -> Settings:
    return Settings.from_env({"DO_API_TOKEN": TOKEN} | variables, providers=PROVIDERS)


def faults_of(**variables: str) -> dict[str, tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"DO_API_TOKEN": TOKEN} | variables, providers=PROVIDERS)
    return {fault.name: (fault.value, fault.accepted) for fault in caught.value.faults}


def test_a_token_alone_gives_the_documented_defaults():
    settings = settings_of()

    assert [account.name for account in settings.accounts] == ["digitalocean"]
    assert settings.accounts[0].token.reveal() == TOKEN
    assert settings.accounts[0].api_url == "https://api.digitalocean.com"
    assert settings.cost_threshold == Decimal("100.00")
    assert (settings.host, settings.port, settings.metrics_port) == ("127.0.0.1", 8090, None)
    assert settings.poll_interval_s == 300
    assert settings.alert_cooldown_s == 3600
    assert settings.health_check_interval_s == 30
    assert settings.stop_timeout_s == 30
    assert settings.database_url == "sqlite:///data/costmon.db"
    assert settings.state_dir == Path("data")
    assert settings.timezone == "UTC"
    assert not settings.demo


def test_every_fault_is_told_at_once():
    faults = faults_of(
        COSTMON_PORT="http",
        DO_COST_THRESHOLD="-1",
        COSTMON_POLL_INTERVAL="soon",
        COSTMON_LOG_LEVEL="loud",
        COSTMON_TIMEZONE="Mars/Olympus",
    )

    assert set(faults) == {
        "COSTMON_PORT",
        "DO_COST_THRESHOLD",
        "COSTMON_POLL_INTERVAL",
        "COSTMON_LOG_LEVEL",
        "COSTMON_TIMEZONE",
    }
    assert faults["COSTMON_PORT"] == ("http", "a port from 1 to 65535")


def test_a_missing_token_is_told_beside_other_faults():
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"COSTMON_PORT": "0"}, providers=PROVIDERS)

    assert {fault.name for fault in caught.value.faults} == {"DO_API_TOKEN", "COSTMON_PORT"}


def test_a_missing_token_says_what_to_set_and_that_there_is_a_demo():
    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"DO_API_TOKEN": "  "}, providers=PROVIDERS)

    (fault,) = caught.value.faults
    assert ".env" in fault.accepted
    assert "--demo" in fault.accepted


def test_commands_that_poll_nothing_need_no_token():
    assert Settings.from_env({}, accounts_required=False, providers=PROVIDERS).accounts == ()


@pytest.mark.parametrize(
    "name", [variable.name for _, group in PROVIDERS.groups() for variable in group]
)
def test_an_empty_variable_is_unset(name):
    settings = settings_of(**{name: ""}) if name != "DO_API_TOKEN" else None

    assert settings is None or settings == settings_of()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("1d", 86400),
        ("45", 45),
        ("0.5", 0.5),
        ("500ms", 0.5),
    ],
)
def test_durations_are_read_with_and_without_a_unit(text, seconds):
    assert settings_of(COSTMON_POLL_INTERVAL=text).poll_interval_s == seconds


@pytest.mark.parametrize("text", ["0", "-5s", "5 minutes", "1w", "inf", "nan", "2d", "1e3", "٣s"])
def test_a_wrong_duration_is_a_fault(text):
    assert "COSTMON_POLL_INTERVAL" in faults_of(COSTMON_POLL_INTERVAL=text)


@given(st.integers(min_value=1, max_value=30 * 86_400))
def test_a_spelt_duration_reads_as_itself(seconds):
    assert duration(0, 10**9)(spell(seconds)) == seconds


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text):
    with contextlib.suppress(Refused):
        assert 1 <= duration(1, 60)(text) <= 60


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-0.01", "$100", "1,000", "1e30", "abc"])
def test_a_threshold_is_finite_and_not_negative(text):
    assert "DO_COST_THRESHOLD" in faults_of(DO_COST_THRESHOLD=text)


def test_a_threshold_is_kept_exact():
    assert str(settings_of(DO_COST_THRESHOLD="0.10").cost_threshold) == "0.10"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "8090.0", "9" * 5000, "²"])
def test_a_port_out_of_range_is_a_fault(text):
    assert "COSTMON_PORT" in faults_of(COSTMON_PORT=text)


def test_the_metrics_listener_has_a_port_of_its_own():
    assert settings_of(COSTMON_METRICS_PORT="9210").metrics_port == 9210
    assert settings_of(COSTMON_METRICS_PORT="off").metrics_port is None
    assert settings_of().metrics_auth == "token"
    assert settings_of(COSTMON_METRICS_AUTH="off").metrics_auth == "off"
    assert "COSTMON_METRICS_PORT" in faults_of(COSTMON_METRICS_PORT="8090")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_api_token(host):
    assert settings_of(COSTMON_HOST=host).api_token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "costmon.example"])
def test_other_hosts_need_an_api_token(host):
    faults = faults_of(COSTMON_HOST=host)

    assert "COSTMON_API_TOKEN" in faults["COSTMON_HOST"][1]
    assert settings_of(COSTMON_HOST=host, COSTMON_API_TOKEN="x" * 16).host == host


def test_a_short_api_token_is_refused_unseen():
    value, accepted = faults_of(COSTMON_API_TOKEN="hunter2hunter2")["COSTMON_API_TOKEN"]

    assert value == "<SECRET>"
    assert "16" in accepted


@pytest.mark.parametrize("token", ["dop v1", "dop\nv1", "dop_v1_é", "a\x7fb"])
def test_a_token_with_what_cannot_be_sent_is_refused_unseen(token):
    assert faults_of(DO_API_TOKEN=token)["DO_API_TOKEN"][0] == "<SECRET>"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.digitalocean.com",
        "ftp://127.0.0.1",
        "api.digitalocean.com",
        "https://user:pw@api.example.com",
        "https://api.example.com?x=1",
        "https://api.example.com:port",
        "https://",
    ],
)
def test_an_api_url_never_sends_the_token_in_clear(url):
    assert "DO_API_URL" in faults_of(DO_API_URL=url)


def test_an_api_url_on_loopback_may_be_http():
    settings = settings_of(DO_API_URL="http://127.0.0.1:8080/")

    assert settings.accounts[0].api_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "url", ["postgres://h/x", "costmon.db", "sqlite://", "sqlite:///:memory:", "sqlite:///"]
)
def test_an_unusable_database_url_is_refused_unseen(url):
    assert faults_of(COSTMON_DATABASE_URL=url)["COSTMON_DATABASE_URL"][0] == "<SECRET>"


def test_the_database_is_in_the_state_directory_unless_said_otherwise():
    assert settings_of(COSTMON_STATE_DIR="/srv/x").database_url == "sqlite:////srv/x/costmon.db"
    url = "postgresql+psycopg://u:pw@h/x"
    assert settings_of(COSTMON_DATABASE_URL=url).database_url == url


def test_a_state_directory_too_long_for_its_socket_is_a_fault():
    longest = "/" + "x" * (107 - len("/" + "/console.sock"))

    assert len(str(settings_of(COSTMON_STATE_DIR=longest).console_socket)) == 107
    assert "1 bytes shorter" in faults_of(COSTMON_STATE_DIR=longest + "x")["COSTMON_STATE_DIR"][1]


@pytest.mark.parametrize(
    ("name", "near"),
    [("DO_API_TOKN", "DO_API_TOKEN"), ("COSTMON_POLL_INTERVALL", "COSTMON_POLL_INTERVAL")],
)
def test_a_misspelt_name_gets_the_right_one(name, near):
    value, accepted = faults_of(**{name: "the value may be a secret"})[name]

    assert "secret" not in value
    assert f"did you mean {near}?" in accepted


def test_an_unknown_name_of_ours_is_a_fault_and_others_are_not():
    assert "COSTMON_COLOUR" in faults_of(COSTMON_COLOUR="blue")
    assert settings_of(PATH="/bin", DOCKER_HOST="x") == settings_of()


def test_the_demo_has_its_own_state_and_ignores_real_tokens():
    settings = Settings.from_env(
        {
            "DO_API_TOKEN": TOKEN,
            "COSTMON_STATE_DIR": "/srv/costmon",
            "COSTMON_DATABASE_URL": "postgresql://h/real",
        },
        demo=True,
        providers=ALL_PROVIDERS,
    )

    assert settings.demo
    assert settings.state_dir == Path("/srv/costmon-demo")
    assert settings.database_url == "sqlite:////srv/costmon-demo/costmon.db"
    assert settings.poll_interval_s == 2
    names = [account.name for account in settings.accounts]
    assert names == ["digitalocean", "openai", "supabase", "vercel", "manual"]
    assert TOKEN not in settings.secrets()


def test_the_demo_has_limits_of_its_own_where_the_file_has_none():
    file = check_file({"budget": [{"scope": "global", "limit": 7}]}, ALL_PROVIDERS)

    own = Settings.from_env({}, demo=True, providers=ALL_PROVIDERS, file=file)
    demo = Settings.from_env({}, demo=True, providers=ALL_PROVIDERS)

    assert [cap.budget.limit for cap in own.caps] == [7]
    assert "provider:openai" in {cap.budget.scope for cap in demo.caps}
    assert demo.quotas


def test_the_demo_runs_on_nothing_at_all():
    assert Settings.from_env({}, demo=True, providers=ALL_PROVIDERS).state_dir == Path("data-demo")


def test_the_demo_polls_as_often_as_it_is_told():
    settings = Settings.from_env(
        {"COSTMON_POLL_INTERVAL": "9s"}, demo=True, providers=ALL_PROVIDERS
    )

    assert settings.poll_interval_s == 9


def test_a_secret_can_come_from_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    settings = Settings.from_env({"DO_API_TOKEN_FILE": str(file)}, providers=PROVIDERS)

    assert settings.accounts[0].token.reveal() == TOKEN


def test_a_secret_given_twice_is_a_fault(tmp_path):
    assert "DO_API_TOKEN_FILE" in faults_of(DO_API_TOKEN_FILE=str(tmp_path / "token"))


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"x" * 70_000])
def test_a_secret_file_without_one_secret_is_the_only_fault(tmp_path, content):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"DO_API_TOKEN_FILE": str(file)}, providers=PROVIDERS)

    assert [fault.name for fault in caught.value.faults] == ["DO_API_TOKEN_FILE"]


def test_no_secret_is_in_a_repr():
    settings = settings_of(
        COSTMON_API_TOKEN="api-token-of-sixteen",
        COSTMON_DATABASE_URL="postgresql://u:p%40ssword@h/x",
    )

    shown = f"{settings!r} {settings} {settings.accounts} {settings.api_token}"

    assert not [secret for secret in settings.secrets() if secret in shown]
    assert set(settings.secrets()) == {
        TOKEN,
        "api-token-of-sixteen",
        "p%40ssword",
        "p@ssword",
    }


def test_a_secret_compares_and_hides():
    secret = Secret("abc")

    assert secret == Secret("abc")
    assert secret != Secret("abd")
    assert secret != "abc"
    assert f"{secret}{secret!r}{secret:>10}".count("abc") == 0
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_accounts_of_the_file_follow_the_one_of_the_variable():
    file = check_file(
        {
            "account": [
                {"provider": "digitalocean", "name": "team-b", "token_env": "DO_TEAM_B_TOKEN"},
            ]
        },
        PROVIDERS,
    )

    settings = Settings.from_env(
        {"DO_API_TOKEN": TOKEN, "DO_TEAM_B_TOKEN": "other", "DO_API_URL": "http://localhost:1"},
        file=file,
        providers=PROVIDERS,
    )

    assert [account.name for account in settings.accounts] == ["digitalocean", "team-b"]
    assert settings.accounts[1].api_url == "http://localhost:1"


def test_an_account_may_rename_the_one_of_the_variable():
    file = check_file(
        {"account": [{"provider": "digitalocean", "name": "prod", "token_env": "DO_API_TOKEN"}]},
        PROVIDERS,
    )

    settings = Settings.from_env({"DO_API_TOKEN": TOKEN}, file=file, providers=PROVIDERS)

    assert [account.name for account in settings.accounts] == ["prod"]


@pytest.mark.parametrize(
    ("entry", "environ", "fault"),
    [
        ({"name": "b", "token_env": "B"}, {}, "B"),
        ({"name": "b", "token_env": "B"}, {"B": TOKEN}, "B"),
        ({"name": "digitalocean", "token_env": "B"}, {"B": "x"}, "account[0].name"),
    ],
)
def test_an_account_that_cannot_be_polled_or_counts_twice_is_a_fault(entry, environ, fault):
    file = check_file({"account": [{"provider": "digitalocean"} | entry]}, PROVIDERS)

    with pytest.raises(ConfigError) as caught:
        Settings.from_env({"DO_API_TOKEN": TOKEN} | environ, file=file, providers=PROVIDERS)

    assert [found.name for found in caught.value.faults] == [fault]
    assert TOKEN not in str(caught.value)
