import pytest

pytest.register_assert_rewrite("costmon.testing.provider_contract")
