"""The Dockerfile and the compose files: read, since no container can be built here."""

import json
import re

import pytest
import yaml

from tests.deploy.contract import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = ["compose.yaml", "compose.cost-exporter.yaml"]
SERVICE_KEYS = {
    "build", "cap_drop", "command", "env_file", "environment", "image", "init", "ports",
    "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs", "volumes",
}  # fmt: skip
PORTS = {
    "costmon": {8090, 9210},
    "prometheus": {9090},
    "alertmanager": {9093},
    "grafana": {3000},
    "cost-exporter": {9210},
}


def compose(name):
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def services():
    return [
        pytest.param(name, service, id=f"{name}-{service}")
        for name in COMPOSE
        for service in compose(name)["services"]
    ]


def instructions():
    """Return the instructions of the Dockerfile, each on one line."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] not in "# "]
    return [(word, re.sub(r"\s+", " ", rest)) for word, rest in lines]


def of(*words):
    return [rest for word, rest in instructions() if word in words]


def copied():
    """Return what the Dockerfile copies from the repository."""
    return [
        source
        for rest in of("COPY")
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]


def test_the_services_are_those_that_are_documented():
    assert list(compose("compose.yaml")["services"]) == [
        "costmon",
        "prometheus",
        "alertmanager",
        "grafana",
    ]
    assert list(compose("compose.cost-exporter.yaml")["services"]) == ["cost-exporter"]


@pytest.mark.parametrize(("file", "name"), services())
def test_a_service_has_only_keys_of_the_compose_specification(file, name):
    service = compose(file)["services"][name]

    assert set(service) <= SERVICE_KEYS
    assert isinstance(service["image"], str)
    assert all(isinstance(value, str) for value in service.get("environment", {}).values())
    assert all(isinstance(volume, str) for volume in service["volumes"])


@pytest.mark.parametrize(("file", "name"), services())
def test_ports_are_stable_and_published_on_loopback_only(file, name):
    published = [port.split(":") for port in compose(file)["services"][name]["ports"]]

    assert {address for address, _, _ in published} == {"127.0.0.1"}
    assert {int(inside) for _, _, inside in published} == PORTS[name]
    assert all(outside == inside for _, outside, inside in published)


@pytest.mark.parametrize(("file", "name"), services())
def test_a_service_cannot_write_its_root_or_gain_privileges(file, name):
    service = compose(file)["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - in the container
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize(("file", "name"), services())
def test_an_image_has_a_version_and_what_is_mounted_exists(file, name):
    document = compose(file)
    service = document["services"][name]

    tag = service["image"].rpartition(":")[2]
    assert tag == "local" if "build" in service else re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).is_dir(), volume
            assert volume.endswith(":ro"), volume
        else:
            assert source in document["volumes"], volume


@pytest.mark.parametrize("file", COMPOSE)
def test_costmon_is_built_from_the_repository_and_scraped_without_a_token(file):
    name, service = next(iter(compose(file)["services"].items()))

    assert service["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}
    assert service["env_file"] == "../.env"
    assert service["environment"]["COSTMON_METRICS_AUTH"] == "off"
    assert service["environment"]["COSTMON_METRICS_PORT"] == "9210"
    assert service["environment"]["COSTMON_ALLOWED_HOSTS"].split(",")[0] == name


def test_the_two_compose_files_run_costmon_alike():
    whole = compose("compose.yaml")["services"]["costmon"]
    alone = compose("compose.cost-exporter.yaml")["services"]["cost-exporter"]
    own = {"ports", "volumes", "environment"}

    assert {key: whole[key] for key in whole.keys() - own} == {
        key: alone[key] for key in alone.keys() - own
    }


def test_prometheus_finds_costmon_and_alertmanager_by_the_names_of_the_services():
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    (job,) = config["scrape_configs"]
    (alerting,) = config["alerting"]["alertmanagers"]

    assert job["job_name"] == "costmon"
    assert job["static_configs"] == [{"targets": ["costmon:9210"]}]
    assert alerting["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert "--web.enable-lifecycle" in compose("compose.yaml")["services"]["prometheus"]["command"]


def test_no_secret_is_in_a_file_of_the_deployment():
    given = re.compile(r"(password|token|secret|api_key)\w*[:=]\s*[^\s{]", re.IGNORECASE)
    written = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in DEPLOY.rglob("*")
        if path.is_file() and path.suffix != ".md"
        for line in path.read_text("utf-8").splitlines()
        if not line.lstrip().startswith("#") and given.search(re.sub(r"\${.*?}", "", line))
    ]

    assert written == []


def test_the_image_is_of_a_fixed_version_and_ends_as_a_user_without_rights():
    bases = [rest.split()[0] for rest in of("FROM")]

    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases)
    assert of("USER") == ["10001"]
    after = [word for word, _ in instructions()]
    assert "RUN" not in after[after.index("USER") :]


def test_the_image_installs_exactly_what_is_locked():
    installs = [part for rest in of("RUN") for part in rest.split("&&") if "pip install" in part]

    locked, own = installs
    assert {"--no-deps", "--require-hashes", "--no-cache-dir"} <= set(locked.split())
    assert re.findall(r"--requirement (\S+)", locked) == [
        "requirements/service.lock",
        "requirements/postgres.lock",
    ]
    assert {"--no-deps", "--no-build-isolation", "--no-cache-dir", "."} <= set(own.split())


def test_the_image_is_checked_and_started_without_a_shell():
    (health,) = of("HEALTHCHECK")
    (entry,), (command,) = of("ENTRYPOINT"), of("CMD")

    probe = json.loads(health.partition("CMD ")[2])
    assert "/healthz" in probe[-1]
    compile(probe[-1], "HEALTHCHECK", "exec")
    assert json.loads(entry) + json.loads(command) == ["/opt/costmon/bin/costmon", "run"]
    assert of("EXPOSE") == ["8090 9210"]


def test_the_image_contains_neither_the_working_tree_nor_a_secret():
    assert of("ADD", "ARG") == []
    assert not {".", "..", "/", "*"} & set(copied())
    for rest in of("ENV"):
        assert not re.search("TOKEN|SECRET|PASSWORD|KEY", rest)


def test_the_builder_is_sent_only_what_is_copied():
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]

    assert patterns[0] == "*"
    assert {line[1:] for line in patterns if line.startswith("!")} == set(copied())


def test_what_is_copied_exists():
    if not (ROOT / "requirements").is_dir():
        pytest.skip("requirements/ is not in this checkout")

    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_the_documents_say_what_is_not_tested_and_how_to_go_back():
    text = (DEPLOY / "README.md").read_text("utf-8")

    for promised in (
        "not built in CI",
        "never loaded by a real Grafana in\nCI",
        "curl -X POST localhost:9210/refresh",
        "curl -X POST localhost:9090/-/reload",
        "To roll back:",
    ):
        assert promised in text
    shown = set(re.findall(r"\b(?:deploy|dashboards)/[\w./*-]+\w", text))
    assert len(shown) > 5
    assert [path for path in sorted(shown) if not list(ROOT.glob(path))] == []
