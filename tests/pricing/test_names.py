"""What the package offers, without importing what it does not need."""

import subprocess
import sys

import pytest

import costmon.pricing


def test_every_name_it_offers_is_there():
    for name in costmon.pricing.__all__:
        assert callable(getattr(costmon.pricing, name))


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        costmon.pricing.nonsense  # type: ignore[attr-defined]  # noqa: B018 - it is the point


def test_aws_prices_are_there_without_dataclasses():
    code = "import sys, costmon.pricing.aws; print({'dataclasses', 'inspect'} & {*sys.modules})"

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert answer.stdout == "set()\n"
