"""The kinds of stores that the contract suite runs over."""

import pytest

POSTGRES = pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres)
REDIS = pytest.param("redis", id="redis", marks=pytest.mark.redis)
SERVERS = [POSTGRES, REDIS]
KINDS = ["memory", "sqlite", *SERVERS]
