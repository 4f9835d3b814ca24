"""Scopes: one grammar, one spelling, and what a pattern covers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.scope import KINDS, LONGEST, covers, host_of, scope_of
from costmon.errors import ScopeError

hosts = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\.[a-z]{2,5}){1,3}", fullmatch=True)


@given(kind=st.sampled_from(KINDS), value=st.text(max_size=220))
def test_any_text_is_a_scope_in_its_one_spelling_or_refused(kind, value):
    try:
        scope = scope_of(f"{kind}:{value}")
    except ScopeError:
        return

    assert scope_of(scope) == scope
    assert len(scope) <= LONGEST
    assert scope.isprintable()


@given(text=st.text(max_size=60))
def test_any_text_is_a_scope_or_refused(text):
    try:
        scope = scope_of(text, pattern=True)
    except ScopeError:
        return
    assert scope == "global" or scope.partition(":")[0] in KINDS


@given(host=hosts, port=st.integers(1, 65535), path=st.sampled_from(["", "/", "/a?b=c#d"]))
def test_a_host_is_the_same_however_it_is_written(host, port, path):
    spellings = [
        host,
        host.upper(),
        f"{host}.",
        f"{host}:{port}",
        f"https://{host}{path}",
        f"HTTP://user:pw@{host.title()}:{port}{path}",
    ]

    assert {host_of(one) for one in spellings} == {host}


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "http://", "-a.test", "a-.test", "a..b", "[::1", "a\nb", "x" * 254, None, 5],
)
def test_what_is_no_host_is_refused(text):
    with pytest.raises(ScopeError):
        host_of(text)


def test_an_error_shows_neither_user_information_nor_query():
    with pytest.raises(ScopeError) as caught:
        host_of("https://ana:geheim@-x-/?token=abc")

    assert "geheim" not in str(caught.value)
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "scope", "covered"),
    [
        ("global", "global", True),
        ("global", "host:x.test", False),
        ("host:*", "host:x.test", True),
        ("host:*", "key:x", False),
        ("host:*.x.test", "host:a.x.test", True),
        ("host:*.x.test", "host:a.b.x.test", True),
        ("host:*.x.test", "host:x.test", False),
        ("host:*.x.test", "host:ax.test", False),
        ("key:a", "key:ab", False),
        ("tag:*", "tag:run=1", True),
    ],
)
def test_a_pattern_covers_what_it_names(pattern, scope, covered):
    assert bool(covers(pattern, scope)) is covered


def test_a_closer_pattern_counts_more():
    closeness = [
        covers(pattern, "host:a.b.test")
        for pattern in ("host:a.b.test", "host:*.b.test", "host:*.test", "host:*", "key:*")
    ]

    assert closeness == sorted(closeness, reverse=True)
    assert len(set(closeness)) == 5


@pytest.mark.parametrize("pattern", ["*", "host:a*", "host:*.*", "key:*a", "host:**", "host:*."])
def test_only_whole_values_and_domains_can_be_patterns(pattern):
    with pytest.raises(ScopeError):
        scope_of(pattern, pattern=True)


def test_the_domain_of_a_pattern_has_one_spelling():
    assert scope_of("host:*.Bücher.Example", pattern=True) == "host:*.xn--bcher-kva.example"
