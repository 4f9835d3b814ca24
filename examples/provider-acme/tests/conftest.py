"""Let pytest show the values of what fails in the contract."""

import pytest

pytest.register_assert_rewrite("costmon.testing.provider_contract")
