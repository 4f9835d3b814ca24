"""The repository: direction of imports, what is locked, what must not be in it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


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


def test_every_locked_package_has_hashes_and_no_index_is_named():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    blocks = re.split(r"\n(?=\S)", lock.strip())

    assert "://" not in lock
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_satisfies_every_floor():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = dict(
        re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^ ;\\]+)", lock, flags=re.MULTILINE)
    )
    project = PROJECT["project"]
    wanted = [
        Requirement(text)
        for texts in (project["dependencies"], *project["optional-dependencies"].values())
        for text in texts
    ]

    assert [
        str(requirement)
        for requirement in wanted
        if requirement.name not in locked
        or not requirement.specifier.contains(locked[requirement.name], prereleases=True)
    ] == []


def test_what_is_needed_to_build_is_locked_too():
    lock = (ROOT / "requirements.lock").read_text("utf-8")

    for text in PROJECT["build-system"]["requires"]:
        assert re.search(rf"^{Requirement(text).name}==", lock, flags=re.MULTILINE)


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
