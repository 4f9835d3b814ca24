"""Ask for one account of a vendor, and try it with the vendor."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from costmon import logs
from costmon.cli.doctor import Finding, examine_account, line
from costmon.cli.init_dialog import Dialog
from costmon.cli.init_draft import Draft, Table, Value
from costmon.clock import Clock
from costmon.config import AccountSettings, ProviderInfo, Providers, Secret
from costmon.config.credentials import SUFFIXES
from costmon.config.file import ENV_SUFFIX
from costmon.config.parsers import Refused
from costmon.config.providers import Credential, Option
from costmon.errors import ConfigError, InputError

Verdict = Literal["accepted", "in part", "refused", "unanswered", "unreadable"]

_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_REFUSALS = frozenset({"auth", "permission"})
_AWAY = frozenset({"network", "timeout", "server", "rate_limit"})


class _Place(NamedTuple):
    """Where an account is kept.

    Attributes:
        account: Its name.
        variables: The variables of its credentials, by the credential's key.
        in_file: Whether it needs an `[[account]]`.
        present: The keys of the credentials that it has already.
    """

    account: str
    variables: Mapping[str, str]
    in_file: bool
    present: frozenset[str] = frozenset()


class AccountQuestions:
    """Asks for accounts of the vendors that can be read."""

    def __init__(
        self, dialog: Dialog, providers: Providers, clock: Clock, *, offline: bool
    ) -> None:
        """Ask by `dialog`; `offline` leaves out the requests that try what was typed."""
        self._dialog = dialog
        self._known = providers.known_names(())
        self._clock = clock
        self._offline = offline

    def ask(self, draft: Draft, info: ProviderInfo) -> Draft:
        """Return the draft with an account of the vendor, or as it was.

        Raises:
            CancelledError: The input ended.
        """
        self._dialog.say(f"\n{info.title} ({info.docs})")
        self._dialog.say(f"  Least scopes: {', '.join(info.scopes)}")
        place = self._place(draft, info)
        if place is None:
            return draft
        while True:
            given = self._given(draft, info, place)
            if given is None:
                self._dialog.say(f"  {info.title} is left out.")
                return draft
            try:
                candidate = draft.extended(*given)
            except ConfigError as error:
                self._dialog.say("  This is not valid:")
                for fault in error.faults:
                    self._dialog.say(f"    {fault}")
                continue
            except InputError as error:
                self._dialog.say(f"  {error}")
                continue
            decision = self._decision(candidate, info, place.account)
            if decision == "keep":
                return candidate
            if decision == "skip":
                self._dialog.say(f"  {info.title} is left out.")
                return draft

    def _place(self, draft: Draft, info: ProviderInfo) -> _Place | None:
        """Return where the account is kept; `None` when nothing is to change."""
        in_file = draft.tables("account")
        claimed = {str(value) for table in in_file for value in table.values()}
        names = {account.name for account in draft.settings.accounts}
        names.update(str(table.get("name")) for table in in_file)
        variables = {credential.key: credential.name for credential in info.credentials}
        if info.slug not in names and claimed.isdisjoint(variables.values()):
            return _Place(info.slug, variables, in_file=info.file_only)
        found = {
            account.name: account
            for account in draft.settings.accounts
            if account.provider == info.slug
        }
        self._dialog.say(f"  Already there: {', '.join(found) or 'in costmon.toml'}")
        choices, enter = {"k": "keep", "a": "add"}, "k"
        prompt = "  (k)eep it as it is, (a)dd another account"
        default = found.get(info.slug)
        if default is not None and default.missing:
            enter = "r"
            self._dialog.say(f"  {default.name} is off: {' and '.join(default.missing)} is not set")
        replaceable = (
            default is not None
            and not any(table.get("name") == info.slug for table in in_file)
            and draft.assigned.isdisjoint(
                name + suffix for name in variables.values() for suffix in SUFFIXES
            )
        )
        if replaceable:
            choices["r"] = "replace"
            prompt += ", (r)eplace its credentials"
        enter = enter if enter in choices else "k"
        match self._dialog.choice(f"{prompt}? [{enter}] ", choices, enter):
            case "r" if default is not None:
                return _Place(
                    info.slug, variables, in_file=False, present=frozenset(default.credentials)
                )
            case "a":
                return self._another(draft, info, names)
            case _:
                return None

    def _another(self, draft: Draft, info: ProviderInfo, names: set[str]) -> _Place | None:
        def variables(name: str) -> Mapping[str, str]:
            ending = name.upper().replace("-", "_")
            return {it.key: f"{it.name}_{ending}" for it in info.credentials}

        def parse(text: str) -> str:
            if _NAME.fullmatch(text) is None or text in names:
                raise Refused("a name that no other account has: 1 to 40 of a-z, 0-9 and -")
            for variable in variables(text).values():
                if variable in draft.assigned or variable in self._known:
                    msg = f"another name: {variable} is reserved"
                    raise Refused(msg)
            return text

        name = self._dialog.parsed("  Name of the other account, such as team-b: ", parse)
        return None if name is None else _Place(name, variables(name), in_file=True)

    def _given(
        self, draft: Draft, info: ProviderInfo, place: _Place
    ) -> tuple[Mapping[str, str], Sequence[Table]] | None:
        """Return the values for `.env` and the tables; `None` when the vendor is left out."""
        values: dict[str, str] = {}
        table: dict[str, Value] = {"provider": info.slug, "name": place.account}
        for credential in info.credentials:
            if not credential.required:
                continue
            name = place.variables[credential.key]
            table[credential.key + ENV_SUFFIX] = name
            secret = self._secret(credential, place)
            if secret is not None:
                values[name] = secret.reveal()
            elif credential.key not in place.present:
                return None
        further_values = tuple(self._further(draft, info, place))
        given = {further.key for further, _ in further_values} | place.present
        if info.needs_option and given.isdisjoint({*info.needs_option, *place.present}):
            return None
        for further, text in further_values:
            if isinstance(further, Credential):
                name = place.variables[further.key]
                values[name] = text
                table[further.key + ENV_SUFFIX] = name
            elif place.in_file:
                table[further.key] = text
            else:
                values[further.name] = text
        return values, ((("[[account]]", table),) if place.in_file else ())

    def _secret(self, credential: Credential, place: _Place) -> Secret | None:
        enter = "keep the present one" if credential.key in place.present else "leave it out"
        name = place.variables[credential.key]
        self._dialog.say(f"  {name}: {credential.accepted}.")
        return self._dialog.parsed(
            f"  {name} (not shown while you type; Enter: {enter}): ",
            credential.variable(name).parse,
            secret=True,
        )

    def _further(
        self, draft: Draft, info: ProviderInfo, place: _Place
    ) -> Iterator[tuple[Credential | Option, str]]:
        """Ask for what need not be set."""
        optional = [credential for credential in info.credentials if not credential.required]
        if not optional and not info.options:
            return
        self._dialog.say("  What else can be set:")
        for name, meaning in (
            *((it.name, it.meaning) for it in info.options),
            *((it.name, it.meaning) for it in optional),
        ):
            self._dialog.say(f"    {name}: {meaning}")
        if info.needs_option and not place.present:
            names = [it.name for it in info.options if it.key in info.needs_option]
            self._dialog.say(f"  {' or '.join(names)} is needed.")
        elif not self._dialog.confirmed("  Set any of it?", default=False):
            return
        for option in info.options:
            enter = f"default: {option.default_words}"
            if not place.in_file and option.name in draft.assigned:
                enter = "Enter keeps the present one"
            prompt = f"  {option.name}, {option.accepted} ({enter}): "
            text = self._dialog.parsed(prompt, _as_typed(option))
            if text is not None:
                yield option, text
        for credential in optional:
            secret = self._secret(credential, place)
            if secret is not None:
                yield credential, secret.reveal()

    def _decision(
        self, draft: Draft, info: ProviderInfo, name: str
    ) -> Literal["keep", "again", "skip"]:
        """Try the account; return what is to become of it."""
        account = next(one for one in draft.settings.accounts if one.name == name)
        if self._offline:
            self._dialog.say(f"  Not tried with {info.title} (--offline).")
            return "keep"
        findings = self._tried(draft, info, account)
        found = verdict(findings)
        reasons = ", ".join(sorted({one.reason for one in findings if one.reason}))
        if found == "accepted":
            self._dialog.say(f"  Accepted: {info.title} answers with it.")
            return "keep"
        said = {
            "in part": "Accepted, but not all can be read",
            "refused": f"Refused: {info.title} does not accept it",
            "unanswered": f"No answer: whether {info.title} accepts it is not known",
            "unreadable": f"{info.title} answers, but nothing can be read",
        }[found]
        default = "a" if found == "refused" else "k"
        self._dialog.say(f"  {said} ({reasons}).")
        choices = {"k": "keep", "a": "again", "s": "skip"}
        prompt = f"  (k)eep it, type it (a)gain, (s)kip {info.title}? [{default}] "
        match self._dialog.choice(prompt, choices, default):
            case "k":
                return "keep"
            case "a":
                return "again"
            case _:
                return "skip"

    def _tried(self, draft: Draft, info: ProviderInfo, account: AccountSettings) -> list[Finding]:
        settings = draft.settings
        logs.configure(level="error", form=settings.log_format, secrets=settings.secrets())
        redaction = logs.Redaction(settings.secrets())
        self._dialog.say(f"  Asking {info.title} ...")
        found = []
        for finding in examine_account(account, settings, self._clock):
            self._dialog.say(f"  {line(finding, redaction)}")
            found.append(finding)
        return found


def _as_typed(option: Option) -> Callable[[str], str]:
    def parse(text: str) -> str:
        option.parse(text)
        return text

    return parse


def verdict(findings: Sequence[Finding]) -> Verdict:
    """Return what a vendor's answers say of a credential."""
    reasons = {finding.reason for finding in findings if finding.level == "FAIL"}
    if not reasons:
        return "accepted"
    if any(finding.level == "ok" for finding in findings):
        return "in part"
    if reasons & _REFUSALS:
        return "refused"
    return "unanswered" if reasons <= _AWAY else "unreadable"
