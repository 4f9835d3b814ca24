"""Name what spending is counted by: one grammar for budgets, circuits, guards and metrics.

A scope is `global` or `kind:value`, such as `host:api.openai.com`, `provider:openai`, `key:batch`
or `tag:run=17`. A budget or a circuit may also name a pattern: `host:*` is every host, and
`host:*.example.com` every host below that domain. All spellings of a model are one scope:
`model:openai/GPT-4o-2024-08-06` is `model:gpt-4o`. `model:gpt-4o*`, in any spelling, is every
family that begins so.
"""

import re

from costmon.errors import ScopeError

GLOBAL = "global"
KINDS = ("provider", "account", "project", "service", "host", "model", "key", "tag")
METERED_KINDS = ("app", "endpoint")
"""What only meters report: rules can name them; no guard counts or obeys them."""
LONGEST = 200
"""Characters of a scope, so that every store can make it a key."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)


def scope_of(text: object, *, pattern: bool = False, metered: bool = False) -> str:  # noqa: C901 - one check after the other
    """Return the canonical form of a scope.

    Hosts lose their port, user information and last dot, become lower case and, beyond ASCII, their
    IDNA form; a provider is lower case; a model is its family. Other values are kept as they are.

    Args:
        text: What somebody wrote.
        pattern: Whether `*` (every value of the kind), `*.domain` and `model:name*` are accepted.
        metered: Whether `METERED_KINDS` are accepted.

    Raises:
        ScopeError: It is not a valid scope; the error says what is accepted.
    """
    if not isinstance(text, str):
        raise ScopeError(repr(text), "a text such as 'host:api.example.com'")
    if text == GLOBAL:
        return GLOBAL
    kind, colon, value = text.partition(":")
    kinds = KINDS + METERED_KINDS if metered else KINDS
    if not colon or kind not in kinds:
        raise ScopeError(
            _shown(text), f"'{GLOBAL}', or one of {', '.join(kinds)} with ':' and a value"
        )
    if not value.strip() or value != value.strip() or not value.isprintable():
        raise ScopeError(_shown(text), f"a value after '{kind}:' without control characters")
    if "*" in value:
        return _pattern(text, kind, value, allowed=pattern)
    if kind == "host":
        value = host_of(value)
    elif kind == "model":
        from costmon.domain.model_name import family_of

        value = family_of(value)
    elif kind == "provider":
        value = value.lower()
        if _SLUG.fullmatch(value) is None:
            raise ScopeError(text, "a provider's slug, such as 'provider:openai'")
    elif kind == "tag" and not all(value.partition("=")):
        raise ScopeError(text, "a tag with its value, such as 'tag:team=blue'")
    scope = f"{kind}:{value}"
    if len(scope) > LONGEST:
        raise ScopeError(scope[:40] + "...", f"at most {LONGEST} characters")
    return scope


def _pattern(text: str, kind: str, value: str, *, allowed: bool) -> str:
    if not allowed:
        raise ScopeError(
            _shown(text), "one value without `*`: only budgets and circuits can use patterns"
        )
    if value == "*":
        return f"{kind}:*"
    if kind == "host" and value.startswith("*.") and "*" not in value[1:]:
        return f"host:*.{host_of(value[2:])}"
    if kind == "model" and value.endswith("*") and "*" not in value[:-1] and len(text) <= LONGEST:
        from costmon.domain.model_name import family_pattern

        families = family_pattern(value[:-1])
        if families:
            return f"model:{families}"
        accepted = "the beginning of a model's name; for all models of a vendor 'provider:openai'"
        raise ScopeError(_shown(text), accepted)
    also = {"host": " or 'host:*.example.com'", "model": " or 'model:gpt-4o*'"}.get(kind, "")
    raise ScopeError(_shown(text), f"'{kind}:*'{also}")


def host_of(text: object) -> str:
    """Return the host of a URL, of a network location, or of a bare name, in canonical form.

    Raises:
        ScopeError: There is no host in it, or it is not one.
    """
    from urllib.parse import urlsplit

    wanted = "a host such as 'api.example.com'"
    if not isinstance(text, str) or not text or not text.isprintable() or " " in text:
        raise ScopeError(_shown(text), wanted)
    url = text if "//" in text else f"//{text}"
    if "//" not in text and text.count(":") > 1 and "[" not in text:
        url = f"//[{text}]"  # a bare IPv6 address
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise ScopeError(_shown(text), wanted)
    host = host.removesuffix(".")
    if ":" in host:
        if _IPV6.fullmatch(host) is None:
            raise ScopeError(_shown(text), wanted)
        return host
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise ScopeError(_shown(text), wanted) from None
    if len(host) > 253 or not all(map(_LABEL.fullmatch, host.split("."))):  # noqa: PLR2004 - RFC 1035
        raise ScopeError(_shown(text), wanted)
    return host


def _shown(text: object) -> str:
    """Return what was given without what may be a secret in it: user information and query."""
    shown = repr(text) if not isinstance(text, str) else text
    shown = shown.rpartition("@")[2].partition("?")[0]
    return shown if len(shown) <= 60 else f"{shown[:60]}..."  # noqa: PLR2004 - about a line's rest


def covers(pattern: str, scope: str) -> int:
    """Say how closely a pattern names a scope: 0 not at all, more is more specific.

    Both are in canonical form. `host:a.b` beats `host:*.b`, which beats `host:*`.
    """
    if pattern == scope:
        return LONGEST + 2
    kind, _, value = pattern.partition(":")
    if value == "*":
        return int(scope.startswith(f"{kind}:"))
    if value.startswith("*.") and scope.startswith("host:") and scope.endswith(value[1:]):
        return 1 + len(value)
    if kind == "model" and value.endswith("*") and scope.startswith(pattern[:-1]):
        return 1 + len(value)
    return 0
