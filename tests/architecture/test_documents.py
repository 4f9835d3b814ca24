"""Documents that say what the code does: each is compared with the code."""

import argparse
import dataclasses
import re
import runpy
import subprocess
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.api.app import create_app, create_metrics_app
from costmon.api.blank import blank_context
from costmon.api.context import ApiSettings
from costmon.cli import COMMANDS, build_parser
from costmon.clock import SystemClock
from costmon.config import Settings
from costmon.config.file import RETENTION_TABLES, check_file
from costmon.config.secret import Secret
from costmon.domain.fx import Rates
from costmon.domain.totals import Threshold
from costmon.pricing.quotas import known_quotas
from costmon.providers import catalog
from costmon.store import Retention

PROVIDERS = catalog.built_in()

ROOT = Path(__file__).parents[2]
API = (ROOT / "docs" / "api.md").read_text("utf-8")
OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")


GENERATE = runpy.run_path(str(ROOT / "docs" / "generate.py"))


@pytest.mark.parametrize(("path", "mark", "render"), GENERATE["RENDERED"])
def test_what_is_rendered_is_up_to_date(path, mark, render):
    content = render(PROVIDERS)

    assert (ROOT / path).read_text("utf-8") == GENERATE["rendered"](path, mark, content), (
        "run `make docs`"
    )


def test_an_example_copied_as_it_is_changes_nothing():
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert given == {
        credential.name: ""
        for info in PROVIDERS.infos
        for credential in info.credentials
        if credential.required
    }


def test_every_default_in_the_example_is_accepted():
    text = (ROOT / ".env.example").read_text("utf-8")
    given = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, flags=re.MULTILINE))

    settings = Settings.from_env(given | {"DO_API_TOKEN": "x"}, providers=PROVIDERS)

    assert settings == Settings.from_env({"DO_API_TOKEN": "x"}, providers=PROVIDERS)
    assert set(given) == {variable.name for _, group in PROVIDERS.groups() for variable in group}


def test_the_example_file_is_right_when_uncommented():
    text = (ROOT / "costmon.example.toml").read_text("utf-8")
    shown = re.sub(r"^# (?=\[|\w+ = |\")", "", text, flags=re.MULTILINE)

    file = check_file(tomllib.loads(shown, parse_float=Decimal), PROVIDERS)

    assert file.faults == ()
    assert check_file(tomllib.loads(text), PROVIDERS) == check_file({}, PROVIDERS)
    assert file.accounts
    assert file.prices
    assert set(file.retention) == set(RETENTION_TABLES)


def test_the_example_file_shows_the_default_retention():
    text = (ROOT / "costmon.example.toml").read_text("utf-8")
    shown = re.sub(
        r"^# (?=\[retention|\w+ = .*#)", "", text.partition("# [retention]")[2], flags=re.MULTILINE
    )
    kept = tomllib.loads(shown)

    assert check_file({"retention": kept}, PROVIDERS).retention == dataclasses.asdict(Retention())


def test_retention_names_what_the_store_keeps():
    assert set(RETENTION_TABLES) == {field.name for field in dataclasses.fields(Retention)}


@pytest.mark.parametrize("info", PROVIDERS.infos, ids=PROVIDERS.slugs)
def test_each_provider_has_a_page_with_its_variables_and_least_scopes(info):
    text = (ROOT / "docs" / "providers" / f"{info.slug}.md").read_text("utf-8")
    names = [f"`{variable.name}`" for variable in info.variables()]
    scopes = [f"`{scope}`" for scope in info.scopes]

    assert text.startswith(f"# {info.title}\n")
    assert [named for named in (*names, *scopes) if named not in text] == []


@pytest.mark.parametrize("info", PROVIDERS.infos, ids=PROVIDERS.slugs)
def test_its_page_names_the_base_url_the_readings_and_the_quotas_that_are_known(info):
    text = (ROOT / "docs" / "providers" / f"{info.slug}.md").read_text("utf-8")
    quotas = [f"`{quota.quota}`" for quota in known_quotas() if quota.provider == info.slug]
    readings = info.readings if info.credentials else ()

    assert info.default_url in text
    assert [named for named in (*quotas, *readings) if named not in text.lower()] == []


def test_each_page_of_a_vendor_has_a_provider():
    pages = {path.stem for path in (ROOT / "docs" / "providers").glob("*.md")}

    assert pages - {"README"} == set(PROVIDERS.slugs)


def routes() -> set[str]:
    settings = ApiSettings(
        host="127.0.0.1",
        port=8090,
        api_token=Secret("0123456789abcdef"),
        operator="alice",
        reading_needs_token=False,
        allowed_hosts=(),
        demo=False,
        threshold=Threshold(provider="digitalocean", limit=Decimal(100)),
    )
    context = blank_context(settings, SystemClock(), Rates("EUR", {}))
    return {
        f"{method} {written(rule.rule)}"
        for app in (create_app(context), create_metrics_app(context))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/static/")
    }


def written(rule: str) -> str:
    return re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule)


def test_the_docs_list_exactly_the_routes_that_are_served():
    routes_section = API.partition("\n## Routes\n")[2].partition("\n## ")[0]
    table = [line for line in routes_section.splitlines() if line.startswith("| `")]
    listed = {
        match
        for line in table
        for match in re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`?]*)`", line)
    }

    assert listed == routes()


def test_the_docs_say_of_each_command_what_it_needs():
    section = OPERATING.partition("\n## What each command needs\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", section, flags=re.MULTILINE)

    listed = set(re.findall(r"`(\w+)", "".join(first_cells)))

    assert listed == {command.NAME for command in COMMANDS}


def commands_that_documents_show() -> list[tuple[str, str]]:
    """Return the words and options of each `costmon` command line, with the document's name."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "deploy" / "README.md"]
    return [
        (document.name, shown)
        for document in documents
        if document.name != "CHANGELOG.md"
        for shown in re.findall(
            r"(?:^\$ |/bin/|`)costmon ([a-z][^`\n#]*)", document.read_text("utf-8"), re.MULTILINE
        )
    ]


def parser_of(words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """Return the parser that `words` select, and the words that select it."""
    parser, used = build_parser(), []
    for word in words:
        subparsers = [
            action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
        ]
        if not subparsers or word not in subparsers[0].choices:
            break
        parser = subparsers[0].choices[word]
        used.append(word)
    return parser, used


def test_every_command_and_option_that_the_docs_show_exists():
    shown = commands_that_documents_show()
    wrong = []

    for document, line in shown:
        own = re.split(r" -- ", line)[0]
        parser, used = parser_of(own.split())
        known = {option for action in parser._actions for option in action.option_strings}
        options = re.findall(r"(?<=[ \[])(--[a-z-]+)", own)
        if not used or not set(options) <= known:
            wrong.append((document, line))

    assert len(shown) > 30
    assert wrong == []


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE)
    promised = (
        "help setup demo run test check format lint types imports cov bench docs migrate clean"
    )

    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(promised.split()) <= set(targets)
    assert re.findall(r"make (\w+)", done.stdout) == targets
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[0].split()
    assert phony == targets


def test_every_metric_is_documented():
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    sources = [path.read_text("utf-8") for path in (ROOT / "costmon" / "export").glob("*.py")]
    names = set(re.findall(r'"((?:costmon|cost)_[a-z_]+)"', "".join(sources)))

    assert [name for name in sorted(names) if name not in text] == []


def test_links_between_documents_lead_somewhere():
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")]
    broken = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text("utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]

    assert broken == []


def test_the_changelog_begins_with_what_is_not_released():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")

    assert re.findall(r"^## \[(.*?)\]", text, flags=re.MULTILINE)[0] == "Unreleased"
