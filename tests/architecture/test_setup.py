"""The set-up: later releases cannot change what it installs, and its levels add up."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[2]
SCRIPT = "requirements/install.sh"
FIRST_THAT_KEEPS_PINS_OF_EXTRAS = Version("23.3")

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]

BACKEND = """
import zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "checkout-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        wheel.writestr("checkout.pth", "")
        wheel.writestr("checkout-1.0.dist-info/METADATA",
                       "Metadata-Version: 2.1\\nName: checkout\\nVersion: 1.0\\n")
        wheel.writestr("checkout-1.0.dist-info/WHEEL",
                       "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("checkout-1.0.dist-info/RECORD", "")
    return name
"""


def publish(index: Path, name: str, version: str, metadata: str = "") -> str:
    """Put a release into an index (PEP 503) and return the line that pins it."""
    folder = index / name
    folder.mkdir(parents=True, exist_ok=True)
    information = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + metadata,
        f"{information}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{len(text)}\n"
        for path, text in files.items()
        if (digest := hashlib.sha256(text.encode()).digest())
    )
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{information}/RECORD": record}.items():
            archive.writestr(path, text)
    links = "".join(f'<a href="{one.name}">{one.name}</a>' for one in sorted(folder.glob("*.whl")))
    (folder / "index.html").write_text(links, "utf-8")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class Checkout:
    """A small checkout with our script, locks of its own and an index where time goes on."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.index = folder / "simple"
        self.python = self.root / ".venv" / "bin" / "python"
        (self.root / "requirements").mkdir(parents=True)
        shutil.copy(ROOT / SCRIPT, self.root / SCRIPT)
        (self.root / "backend.py").write_text(BACKEND, "utf-8")
        (self.root / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "checkout"\nversion = "1.0"\n',
            "utf-8",
        )

    def lock(self, level: str, *pins: str) -> None:
        """Write the lock of a level."""
        (self.root / "requirements" / f"{level}.lock").write_text("".join(pins), "utf-8")

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command with the local index as the only one, in the checkout."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def install(self, *levels: str) -> subprocess.CompletedProcess[str]:
        """Run what `make` runs."""
        return self.run(self.root / SCRIPT, ".venv", *levels)

    def has_environment(self, made: Path) -> None:
        """Begin with a copy of an empty virtual environment: making one takes seconds."""
        shutil.copytree(made, self.root / ".venv", symlinks=True)

    def date_back(self, name: str) -> None:
        """Let a file be older than all others; file systems do not tell milliseconds apart."""
        os.utime(self.root / name, (0, 0))

    def installed(self) -> dict[str, str]:
        """Return the version of each package that is installed, pip and setuptools left out."""
        listed = self.run(self.python, "-m", "pip", "list", "--format=freeze").stdout.split()
        versions = dict(line.split("==") for line in listed)
        return {name: versions[name] for name in versions if name not in {"pip", "setuptools"}}

    def _environment(self) -> Mapping[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
        return {
            **kept,
            "PYTHON": sys.executable,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.index.as_uri(),
            "PIP_NO_CACHE_DIR": "1",
        }


@pytest.fixture(scope="module")
def empty_environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def bare_checkout(tmp_path):
    return Checkout(tmp_path)


@pytest.fixture
def checkout(bare_checkout, empty_environment):
    bare_checkout.has_environment(empty_environment)
    return bare_checkout


def lock_an_extra_of_a_transitive_dependency(checkout: Checkout) -> None:
    """Pin three: `sdk` needs `auth[web]`, which needs `transport` (google-auth was such a one)."""
    checkout.lock(
        "service",
        publish(checkout.index, "sdk", "1.0", "Requires-Dist: auth[web]>=1\n"),
        publish(
            checkout.index,
            "auth",
            "1.0",
            "Provides-Extra: web\nRequires-Dist: transport>=1; extra == 'web'\n",
        ),
        publish(checkout.index, "transport", "1.0"),
    )


def publish_newer_releases(checkout: Checkout) -> None:
    publish(checkout.index, "sdk", "2.0", "Requires-Dist: auth[web]>=1\n")
    publish(
        checkout.index,
        "auth",
        "2.0",
        "Provides-Extra: web\nRequires-Dist: transport>=1; extra == 'web'\n",
    )
    publish(checkout.index, "transport", "2.0")


def test_releases_published_later_do_not_change_what_is_installed(bare_checkout):
    lock_an_extra_of_a_transitive_dependency(bare_checkout)
    publish_newer_releases(bare_checkout)

    done = bare_checkout.install("service")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert bare_checkout.installed() == {
        "sdk": "1.0",
        "auth": "1.0",
        "transport": "1.0",
        "checkout": "1.0",
    }


def test_a_resolving_install_would_have_failed_on_the_newer_release(checkout):
    lock_an_extra_of_a_transitive_dependency(checkout)
    publish_newer_releases(checkout)
    version = checkout.run(checkout.python, "-c", "import pip; print(pip.__version__)").stdout
    if Version(version) >= FIRST_THAT_KEEPS_PINS_OF_EXTRAS:
        pytest.skip(f"pip {version.strip()} keeps the pin of a package that an extra names")

    done = checkout.run(
        *(checkout.python, "-m", "pip", "install", "--require-hashes"),
        *("--requirement", "requirements/service.lock"),
    )

    assert done.returncode == 1
    assert "auth[web]>=1" in done.stderr


def test_a_file_that_was_replaced_is_not_installed(checkout):
    pin = publish(checkout.index, "sdk", "1.0")
    checkout.lock("service", pin)
    publish(checkout.index, "sdk", "1.0", "Summary: Something else\n")

    done = checkout.install("service")

    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert checkout.installed() == {}


def test_levels_that_are_there_stay_and_follow_their_locks(checkout):
    checkout.lock("service", publish(checkout.index, "sdk", "1.0"))
    checkout.lock("dev", publish(checkout.index, "linter", "1.0"))
    assert checkout.install("service", "dev").returncode == 0
    checkout.lock("dev", publish(checkout.index, "linter", "2.0"))
    checkout.date_back(".venv/.costmon-levels")

    done = checkout.install("service")

    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.installed() == {"sdk": "1.0", "linter": "2.0", "checkout": "1.0"}


def test_nothing_is_installed_again_when_all_is_as_locked(checkout):
    checkout.lock("service", publish(checkout.index, "sdk", "1.0"))
    checkout.lock("dev", publish(checkout.index, "linter", "1.0"))
    assert checkout.install("service", "dev").returncode == 0
    shutil.rmtree(checkout.index)
    checkout.run(checkout.python, "-m", "pip", "uninstall", "--yes", "sdk")

    done = checkout.install("service")

    assert (done.returncode, done.stderr) == (0, "")
    assert "sdk" not in checkout.installed()


def test_packages_that_do_not_fit_together_are_an_error_that_says_what_to_do(checkout):
    checkout.lock("service", publish(checkout.index, "sdk", "1.0", "Requires-Dist: auth>=1\n"))

    done = checkout.install("service")

    assert done.returncode == 1
    assert "sdk 1.0 requires auth, which is not installed" in done.stderr
    assert "make clean" in done.stderr
    assert not (checkout.root / ".venv" / ".costmon-levels").exists()


def test_a_level_that_does_not_exist_is_an_error_of_one_line(checkout):
    checkout.lock("service")

    done = checkout.install("service", "oracle")

    assert done.returncode == 1
    assert done.stderr == "there is no requirements/oracle.lock\n"


@pytest.mark.parametrize(
    ("target", "levels"),
    [
        (("setup",), "service"),
        (("setup", "WITH=postgres redis"), "service postgres redis"),
        (("demo",), "service"),
        (("run",), "service"),
        (("migrate",), "service"),
        (("test",), "service postgres redis aws apprise dev"),
        (("lint",), "service postgres redis aws apprise dev"),
        (("bench",), "service postgres redis aws apprise dev bench"),
    ],
    ids=" ".join,
)
def test_each_target_installs_what_it_needs(target, levels):
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", *target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    (command,) = [line for line in done.stdout.splitlines() if SCRIPT in line]
    assert command.partition(".venv ")[2].strip() == levels
