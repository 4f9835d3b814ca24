"""The repository: direction of imports, what is locked, what must not be in it."""

import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


LEVELS = ("service", "postgres", "redis", "aws", "apprise", "dev", "bench")
USERS_EXTRAS = (
    "postgres",
    "redis",
    "apprise",
    "llm",
    "httpx",
    "httpx2",
    "aiohttp",
    "botocore",
    "aws",
)
EXTRAS = {
    "service": ("service",),
    "postgres": ("postgres",),
    "redis": ("redis",),
    "aws": ("aws",),
    "apprise": ("apprise",),
    "dev": ("llm", "httpx", "httpx2", "aiohttp", "botocore", "dev"),
    "bench": ("bench",),
}


def floor(requirement: Requirement) -> Version:
    (version,) = (Version(one.version) for one in requirement.specifier if one.operator == ">=")
    return version


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_rooms_import_in_one_direction_only():
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-3000:]


def lock_text(level: str) -> str:
    return (ROOT / "requirements" / f"{level}.lock").read_text("utf-8")


def locked_versions(*levels: str) -> dict[str, set[str]]:
    """Return the versions of each package; markers choose among several."""
    versions = defaultdict(set)
    for level in levels:
        for name, version in re.findall(
            r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^ ;\\]+)", lock_text(level), flags=re.MULTILINE
        ):
            versions[name].add(version)
    return versions


def requirements_of(*extras: str) -> list[Requirement]:
    optional = PROJECT["project"]["optional-dependencies"]
    return [Requirement(text) for extra in extras for text in optional[extra]]


@pytest.mark.parametrize("level", [*LEVELS, "lowest"])
def test_every_locked_package_has_hashes_and_no_index_is_named(level):
    blocks = re.split(r"\n(?=\S)", lock_text(level).strip())

    assert "://" not in lock_text(level)
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_has_what_its_extras_need_together_with_the_levels_before_it(level):
    until = LEVELS[: LEVELS.index(level) + 1]
    locked = locked_versions(*until)

    wanted = requirements_of(*(extra for one in until for extra in EXTRAS[one]))

    assert [
        str(requirement)
        for requirement in wanted
        if not locked[requirement.name]
        or not all(
            requirement.specifier.contains(version, prereleases=True)
            for version in locked[requirement.name]
        )
    ] == []


def test_no_level_locks_what_one_before_it_has_or_another_version():
    lines = [line for level in LEVELS for line in lock_text(level).splitlines() if "==" in line]
    by_level = [locked_versions(level) for level in LEVELS]

    different = [
        name
        for name in set().union(*by_level)
        if any(
            one[name] != other[name]
            for one in by_level
            for other in by_level
            if name in one and name in other
        )
    ]

    assert len(lines) == len(set(lines))
    assert different == []


def test_the_lowest_versions_are_those_of_the_floors():
    locked = locked_versions("lowest")
    wanted = requirements_of("service", *USERS_EXTRAS)
    floors = {requirement.name: {floor(requirement)} for requirement in wanted}

    assert {name: set(map(Version, locked[name])) for name in floors} == floors


def test_the_package_alone_needs_no_other():
    assert PROJECT["project"]["dependencies"] == []


def test_what_installs_the_checkout_is_in_every_environment():
    for text in (*PROJECT["build-system"]["requires"], *PROJECT["dependency-groups"]["build"]):
        for level in ("service", "lowest"):
            assert re.search(rf"^{Requirement(text).name}==", lock_text(level), flags=re.MULTILINE)


def test_no_secret_and_no_state_is_in_the_repository():
    names = {path.name for path in tracked_files()}

    assert not names & {".env", "costmon.toml", "costmon.db"}


def test_every_noqa_and_type_ignore_gives_a_reason():
    without = []
    pattern = re.compile(r"#\s*(noqa|type: ignore|pragma: no cover)(.*)$")
    for path in tracked_files():
        if path.suffix != ".py" or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            found = pattern.search(line)
            if found and not re.search(r"(?: - |  # )\S", found[2]):
                without.append(f"{path.relative_to(ROOT)}:{number}")

    assert not without, "no reason given at:\n" + "\n".join(without)
