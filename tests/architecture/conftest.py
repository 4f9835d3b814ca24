"""The wheel, and a Python that has nothing else."""

from pathlib import Path

import pytest

from tests.architecture.installed import build_wheel, python_with


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python that has the wheel and the standard library."""
    return python_with(wheel, tmp_path_factory.mktemp("bare"))
