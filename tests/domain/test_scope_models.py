"""A budget of a model covers all its spellings."""

import pytest

from costmon.domain.scope import covers, scope_of
from costmon.errors import ScopeError
from costmon.guard import Budget, BudgetRefused, Guard
from costmon.testing.clock import FakeClock

SPELLINGS = (
    "gpt-4o",
    "GPT-4o",
    "gpt-4o-2024-08-06",
    "openai/gpt-4o",
    "openrouter/openai/GPT-4O-2024-11-20",
    "azure/gpt-4o",
)


@pytest.mark.parametrize("model", SPELLINGS)
def test_every_spelling_is_one_scope(model):
    assert scope_of(f"model:{model}") == "model:gpt-4o"
    assert scope_of(f"model:{model}", pattern=True) == "model:gpt-4o"


@pytest.mark.parametrize(
    "budget", ["model:gpt-4o", "model:openai/GPT-4o-2024-08-06", "model:gpt-4*"]
)
@pytest.mark.parametrize("model", SPELLINGS)
def test_a_budget_of_a_model_refuses_every_spelling(budget, model):
    guard = Guard(budgets=[Budget(budget, "1", "day")], clock=FakeClock())
    guard.reserve("model:gpt-4o", "0.75").settle()

    with pytest.raises(BudgetRefused):
        guard.reserve(f"model:{model}", "0.5")


@pytest.mark.parametrize(
    "other", ["gpt-4o-mini", "o3", "ft:gpt-4o:acme", "claude-sonnet-4-5", "somebody-gpt-4o"]
)
def test_other_families_are_not_covered(other):
    guard = Guard(budgets=[Budget("model:gpt-4o", "1", "day")], clock=FakeClock())

    guard.reserve(f"model:{other}", "5")

    assert guard.held("model:gpt-4o") == 0


@pytest.mark.parametrize(
    ("given", "covered"),
    [
        ("gpt-4o*", "gpt-4o*"),
        ("GPT-4o*", "gpt-4o*"),
        ("openai/gpt-4o*", "gpt-4o*"),
        ("openrouter/openai/gpt-4o*", "gpt-4o*"),
        ("models/gemini-2.5*", "gemini-2.5*"),
        ("us.anthropic.claude-sonnet-4.5*", "claude-sonnet-4-5*"),
        ("gpt-4o-2024*", "gpt-4o"),  # a date is no part of a family
        ("gpt-4o-2024-08*", "gpt-4o"),
        ("claude-sonnet-4-5-2025*", "claude-sonnet-4-5"),
        ("ft:gpt-4o*", "ft:gpt-4o*"),
        ("meta-llama/llama-3*", "llama-3*"),
    ],
)
def test_a_pattern_covers_families_in_whatever_spelling_it_is_written(given, covered):
    assert scope_of(f"model:{given}", pattern=True) == f"model:{covered}"
    assert scope_of(f"model:{covered}", pattern=True) == f"model:{covered}"


@pytest.mark.parametrize("pattern", ["openai/gpt-4o*", "gpt-4o-2024*", "gpt-4o*", "GPT-4*"])
@pytest.mark.parametrize("model", SPELLINGS)
def test_a_budget_of_a_pattern_refuses_every_spelling(pattern, model):
    guard = Guard(budgets=[Budget(f"model:{pattern}", "1", "day")], clock=FakeClock())

    with pytest.raises(BudgetRefused):
        guard.reserve(f"model:{model}", "1.5")


@pytest.mark.parametrize("given", ["model:openai/*", "model:us.anthropic.*", "model:models/*"])
def test_a_pattern_that_names_no_model_is_refused(given):
    with pytest.raises(ScopeError, match="provider:openai"):
        scope_of(given, pattern=True)


def test_the_closest_pattern_decides():
    assert covers("model:gpt-4o", "model:gpt-4o") > covers("model:gpt-4o*", "model:gpt-4o")
    assert covers("model:gpt-4o*", "model:gpt-4o") > covers("model:gpt-*", "model:gpt-4o")
    assert covers("model:gpt-*", "model:gpt-4o") > covers("model:*", "model:gpt-4o") > 0
    assert covers("model:gpt-4o*", "model:gpt-4o-mini") > 0
    assert covers("model:gpt-4o*", "model:o3") == 0


@pytest.mark.parametrize("given", ["model:*gpt", "model:g*t", "model:gpt**", "key:a*"])
def test_other_patterns_are_refused(given):
    with pytest.raises(ScopeError):
        scope_of(given, pattern=True)


def test_a_pattern_is_no_scope_of_a_call():
    with pytest.raises(ScopeError):
        scope_of("model:gpt-4o*")


def test_a_provider_and_a_model_hold_together():
    budgets = [Budget("provider:openai", "1", "day"), Budget("model:gpt-4o", "1", "day")]
    guard = Guard(budgets=budgets, clock=FakeClock())
    guard.reserve(("host:api.openai.com", "model:o3"), "0.75").settle()
    guard.reserve(("host:openrouter.ai", "model:openai/gpt-4o"), "0.75").settle()

    with pytest.raises(BudgetRefused, match="provider:openai"):
        guard.reserve(("host:api.openai.com", "model:o3"), "0.5")
    with pytest.raises(BudgetRefused, match="model:gpt-4o"):
        guard.reserve(("host:openrouter.ai", "model:gpt-4o-2024-08-06"), "0.5")
    assert guard.held("provider:openai") == guard.held("model:gpt-4o") == 0
