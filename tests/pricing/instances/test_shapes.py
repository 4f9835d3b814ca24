"""Names of types tell their size, or nothing: never a guess."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.pricing.instances.shapes import PROVIDERS, arch_of, shape_of


@pytest.mark.parametrize(
    ("provider", "name", "vcpu", "memory_gib"),
    [
        ("AWS", "m4.10xlarge", "40", "160"),
        ("AWS", "r6gd.medium", "1", "8"),
        ("AWS", "m7i-flex.large", "2", "8"),
        ("GCP", "n1-highmem-2", "2", "13"),
        ("GCP", "n2-highmem-128", "128", "864"),
        ("GCP", "c3d-highcpu-30", "30", "59"),
        ("GCP", "c4d-standard-4", "4", "15"),
        ("GCP", "c4d-highmem-16", "16", "126"),
        ("AZURE", "Standard_E8-2ads_v5", "2", "64"),
        ("AZURE", "Standard_DS13-4_v2", "4", "56"),
        ("AZURE", "Standard_D96as_v6", "96", "384"),
        ("AZURE", "Standard_D4pls_v6", "4", "8"),
        ("AZURE", "Standard_A2m_v2", "2", "16"),
        ("AZURE", "Standard_F4ams_v6", "4", "32"),
        ("AZURE", "Standard_B16als_v2", "16", "32"),
    ],
)
def test_a_size_follows_from_the_name(provider, name, vcpu, memory_gib):
    shape = shape_of(provider, name)

    assert shape is not None
    assert (shape.vcpu, shape.memory_gib) == (Decimal(vcpu), Decimal(memory_gib))


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("AWS", "m5.metal"),
        ("AWS", "c5n.large"),
        ("AWS", "c4.large"),
        ("AWS", "r4.large"),
        ("AWS", "p5.48xlarge"),
        ("AWS", "t3.4xlarge"),
        ("AWS", "u-6tb1.56xlarge"),
        ("GCP", "n2-standard"),
        ("GCP", "c2-highmem-4"),
        ("GCP", "c4-standard-4-lssd"),
        ("GCP", "a2-highgpu-1g"),
        ("AZURE", "Standard_E64s_v5"),
        ("AZURE", "Standard_E32ps_v5"),
        ("AZURE", "Standard_NC4as_T4_v3"),
        ("AZURE", "Standard_D2s_v7"),
        ("AZURE", "Standard_B2s_v3"),
        ("AZURE", "Standard_D6_v2"),
        ("AZURE", "Ddsv4_Type 1"),
        ("AZURE", "D2s_v5"),
    ],
)
def test_a_name_that_follows_no_rule_has_no_size(provider, name):
    assert shape_of(provider, name) is None


@pytest.mark.parametrize(
    ("provider", "name", "arch"),
    [
        ("AWS", "a1.large", "arm64"),
        ("AWS", "im4gn.large", "arm64"),
        ("AWS", "g5.xlarge", "x86_64"),
        ("AWS", "g5g.xlarge", "arm64"),
        ("GCP", "t2a-standard-1", "arm64"),
        ("GCP", "t2d-standard-1", "x86_64"),
        ("AZURE", "Standard_D2ps_v5", "arm64"),
        ("AZURE", "Standard_D2s_v5", "x86_64"),
    ],
)
def test_arm_is_told_from_x86(provider, name, arch):
    assert arch_of(provider, name) == arch


@given(st.sampled_from(PROVIDERS), st.text(max_size=40))
def test_any_text_has_a_size_or_none(provider, name):
    shape = shape_of(provider, name)

    assert shape is None or (shape.vcpu > 0 and shape.memory_gib > 0 and 0 < shape.baseline <= 1)
