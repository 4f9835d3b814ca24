"""What a vendor's provider declares, for settings, documents and the guard's table of hosts.

`costmon.providers` is above this package and cannot be asked: what builds the settings passes the
declarations in.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from costmon.config import parsers
from costmon.config.credentials import SUFFIXES
from costmon.config.secret import Secret
from costmon.config.variables import (
    OWN_GROUPS,
    OWN_PREFIX,
    Group,
    Variable,
)
from costmon.domain.poll import ReadingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret that an account of the vendor is read with.

    Attributes:
        key: Its name among the vendor's credentials, such as `token`: the key `<key>_env` of an
            `[[account]]` names the variable that holds it.
        name: The variable that holds the one of the vendor's default account.
        accepted: Accepted values, in words.
        meaning: What it is for, in one or two sentences.
        required: Whether an account cannot be read without it.
    """

    key: str
    name: str
    accepted: str
    meaning: str
    required: bool = True

    def variable(self, name: str = "") -> Variable[Secret]:
        """Return the variable that holds it, under its own name or under `name`."""
        return Variable(
            name=name or self.name,
            default=None,
            default_words="none; without it, only an [[account]] in costmon.toml reads this vendor"
            if self.required
            else "none",
            parse=parsers.secret(),
            accepted=self.accepted,
            meaning=self.meaning,
            secret=True,
            to_fill_in=self.required,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something else that an account may say, and that is not a secret.

    Attributes:
        key: The key of an `[[account]]` that holds it, as a text.
        name: The variable that holds the one of the vendor's default account.
        default_words: What holds when it is not set.
        accepted: Accepted values, in words.
        meaning: What it is for, in one or two sentences.
        parse: Turns the text into the value or raises `parsers.Refused`.
        number: Whether the file may say it as a whole number, too, without quotes.
    """

    key: str
    name: str
    default_words: str
    accepted: str
    meaning: str
    parse: Callable[[str], object]
    number: bool = False

    def variable(self) -> Variable[object]:
        """Return the variable that holds it."""
        return Variable(
            name=self.name,
            default=None,
            default_words=self.default_words,
            parse=self.parse,
            accepted=self.accepted,
            meaning=self.meaning,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A variable that people have and that is not enough; its value is not read.

    Attributes:
        name: The variable.
        text: Why it is not enough, and what to do.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderInfo:
    """What a provider says about itself.

    Attributes:
        slug: The vendor's name in settings, metrics and answers, and the name of its module.
        title: The vendor's name for people.
        docs: Where the vendor documents its API.
        hosts: The hosts that belong to the vendor. `*.example.com` is every host below that
            domain, but not the domain itself.
        credentials: What an account is read with, at least one of them required; none where there
            is nothing to ask.
        options: What else an account may say.
        needs_option: Keys of options of which an account needs at least one: without it, the
            vendor's variables make no account.
        requests_per_day: How many requests an account may send in a UTC day unless its option
            `requests_per_day` says otherwise, where the vendor charges for them; `None`: as many as
            needed.
        file_only: Whether only an `[[account]]` of the file makes an account: reading costs money,
            or other programs have the same variables.
        hints: Variables that are not enough: `costmon check` says so while the vendor has no
            account.
        readings: What the vendor can answer: `inventory`, `charges`, `usage`.
        least_usage_interval_s: Seconds that must lie between two reads of the usage; 0 where the
            vendor is not asked.
        headers: Makes the headers that authenticate from the credentials by key; `None`: the first
            credential is the bearer token.
        read_only_posts: Paths that only read but want a POST; `*` is one part of a path.
        url_variable: The variable that replaces `default_url`; empty where there is nothing to ask.
        default_url: The vendor's own base URL.
        scopes: The least that the credentials must be allowed for all to be seen.
        reserved_prefix: Variables in `.env` that begin so are all costmon's, hence an unknown one
            is a mistake. `None` where other programs have such variables, too (`AWS_`, `OPENAI_`):
            then only a name that is one slip away from a declared one is a mistake.
        unusable: Why the package that brings the provider cannot be used; then nothing else is
            known of it, and its accounts are off.
    """

    slug: str
    title: str
    docs: str
    hosts: tuple[str, ...]
    credentials: tuple[Credential, ...]
    options: tuple[Option, ...] = ()
    needs_option: tuple[str, ...] = ()
    requests_per_day: int | None = None
    file_only: bool = False
    hints: tuple[Hint, ...] = ()
    readings: tuple[ReadingKind, ...]
    least_usage_interval_s: float = 60.0
    headers: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None
    read_only_posts: tuple[str, ...] = ()
    url_variable: str = ""
    default_url: str = ""
    scopes: tuple[str, ...]
    reserved_prefix: str | None = None
    unusable: str | None = None

    def authentication(self, credentials: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers that authenticate, from credentials in clear text by key."""
        if self.headers is not None:
            return self.headers(credentials)
        if not self.credentials:
            return {}
        return {"Authorization": f"Bearer {credentials[self.credentials[0].key]}"}

    def has_host(self, url: str) -> bool:
        """Tell whether a URL's host is one of the vendor's, or loopback."""
        host = urlsplit(url).hostname or ""
        return (
            host in {"localhost", "127.0.0.1", "::1"}
            or host in self.hosts
            or any(host.endswith(one[1:]) for one in self.hosts if one.startswith("*."))
        )

    def url(self) -> Variable[str]:
        """Return the variable that replaces the base URL."""
        return Variable(
            name=self.url_variable,
            default=self.default_url,
            parse=parsers.api_url,
            accepted="a base URL: https, or http on loopback",
            meaning=f"Base URL of the {self.title} API, unless an account sets its own.",
        )

    def least_interval_s(self, reading: ReadingKind, url: str) -> float:
        """Return how many seconds must lie between two reads, at least.

        A host of somebody else's, such as a simulated vendor, has no such limit.
        """
        host = urlsplit(url).hostname or ""
        if reading != "usage" or not url or parsers.is_loopback(host):
            return 0.0
        return self.least_usage_interval_s

    def variables(self) -> Group:
        """Return all variables of the vendor."""
        return (
            *(credential.variable() for credential in self.credentials),
            *(option.variable() for option in self.options if not self.file_only),
            *((self.url(),) if self.url_variable else ()),
        )


def unusable(slug: str, reason: str) -> ProviderInfo:
    """Return the declaration of a vendor whose package cannot be used."""
    return ProviderInfo(
        slug=slug,
        title=slug,
        docs="",
        hosts=(),
        credentials=(),
        readings=(),
        scopes=(),
        unusable=reason,
    )


@dataclass(frozen=True, slots=True)
class Providers:
    """The declarations of all vendors that can be read.

    Attributes:
        infos: In the order in which accounts and documents list them.
    """

    infos: tuple[ProviderInfo, ...]

    @property
    def slugs(self) -> tuple[str, ...]:
        """Return the vendors' slugs."""
        return tuple(info.slug for info in self.infos)

    def find(self, slug: str | None) -> ProviderInfo | None:
        """Return a vendor's declaration, if there is one."""
        return next((info for info in self.infos if info.slug == slug), None)

    def hints(self, environ: Mapping[str, str], slugs: Iterable[str]) -> tuple[Hint, ...]:
        """Return what to say of variables that are set and not enough.

        Args:
            environ: The variables.
            slugs: The vendors that have an account: nothing is said about them.
        """
        read = frozenset(slugs)
        return tuple(
            hint
            for info in self.infos
            if info.slug not in read
            for hint in info.hints
            if environ.get(hint.name, "").strip()
        )

    def groups(self) -> tuple[tuple[str, Group], ...]:
        """Return every variable there is: each vendor's under its title, then costmon's own."""
        vendors = ((info.title, info.variables()) for info in self.infos)
        return (*(vendor for vendor in vendors if vendor[1]), *OWN_GROUPS)

    def reserved_prefixes(self) -> tuple[str, ...]:
        """Return how names begin that nobody but costmon uses."""
        reserved = (info.reserved_prefix for info in self.infos)
        return (OWN_PREFIX, *(prefix for prefix in reserved if prefix))

    def known_names(self, further_secrets: Iterable[str]) -> frozenset[str]:
        """Return every name that means something, `<secret>_FILE` and `<secret>_COMMAND` included.

        Args:
            further_secrets: The variables that the accounts of the file name.
        """
        variables = [variable for _, group in self.groups() for variable in group]
        secrets = {variable.name for variable in variables if variable.secret}
        secrets.update(further_secrets)
        return frozenset(
            {variable.name for variable in variables}
            | secrets
            | {name + suffix for name in secrets for suffix in SUFFIXES}
        )
