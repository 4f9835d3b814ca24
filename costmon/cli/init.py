"""`costmon init`: ask for vendors and tokens, try them, write `.env` and `costmon.toml`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from costmon.cli.command import add_settings, require_service
from costmon.config.parsers import Refused, amount, chat_id, timezone
from costmon.errors import AmountError, ConfigError, InputError, NotifyError

if TYPE_CHECKING:
    from costmon.cli.init_dialog import Dialog
    from costmon.cli.init_draft import Draft, Table, Value
    from costmon.config import ProviderInfo

NAME = "init"
HELP = "ask for your vendors' tokens, try them, and write .env and costmon.toml"
_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--offline",
        action="store_true",
        help="do not send the requests that try the tokens with the vendors",
    )
    parser.add_argument(
        "--import",
        dest="import_file",
        type=Path,
        metavar="FILE",
        help="ask nothing: add the rules of a monitor_config.json of Runaway Monitor to "
        "costmon.toml",
    )
    add_settings(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Ask, write, check.

    Returns:
        The exit code of `costmon check`; 0 if there was nothing to write, 1 if it was cancelled.
    """
    require_service(NAME)
    if arguments.demo:
        raise InputError("the demo needs no tokens: use `costmon run --demo`")
    if arguments.import_file is not None:
        return _import(arguments)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "`costmon init` asks questions and needs a terminal (ssh -t, docker run -it). Without "
            "one: copy .env.example to .env, fill it in, chmod 600 .env, run `costmon check`"
        )
    from costmon.cli import check
    from costmon.cli.init_dialog import CancelledError, Dialog
    from costmon.cli.init_draft import begin, write

    dialog = Dialog()
    before = begin(arguments)
    after: Draft | None = None
    try:
        draft = _ask(dialog, before, offline=arguments.offline)
        if draft.dotenv_text == before.dotenv_text and draft.config_text == before.config_text:
            dialog.say("\nThere is nothing to write.")
            return 0
        _show(dialog, before, draft)
        if dialog.confirmed("Write this?", default=True):
            after = draft
    except (CancelledError, KeyboardInterrupt):
        dialog.say()
    if after is None:
        dialog.say("Nothing was changed.")
        return _FAILED
    write(before, after)
    dialog.say("Written. `costmon check` says:\n")
    code = check.execute(argparse.Namespace(**vars(arguments), dry_run=None))
    if code == 0:
        dialog.say("\nStart the service with: costmon run")
    else:
        dialog.say("\nCorrect what says FAIL, then run: costmon check")
    return code


def _import(arguments: argparse.Namespace) -> int:
    """Add what an old file says; on a terminal, after a question."""
    from costmon.cli.init_dialog import CancelledError, Dialog
    from costmon.cli.init_draft import begin, write
    from costmon.cli.init_import import plan_import, read_import
    from costmon.providers import catalog

    dialog = Dialog()
    before = begin(arguments)
    plan = plan_import(read_import(arguments.import_file), before, catalog.declarations())
    draft = before.extended({}, plan.tables)
    for note in plan.notes:
        dialog.say(note)
    if not plan.tables:
        dialog.say("There is nothing to write.")
        return 0
    _show(dialog, before, draft)
    if sys.stdin.isatty() and sys.stdout.isatty():
        try:
            is_wanted = dialog.confirmed("Write this?", default=True)
        except (CancelledError, KeyboardInterrupt):
            is_wanted = False
        if not is_wanted:
            dialog.say("Nothing was changed.")
            return _FAILED
    write(before, draft)
    dialog.say("Written. Next: costmon check")
    return 0


def _ask(dialog: "Dialog", draft: "Draft", *, offline: bool) -> "Draft":
    from costmon.cli.init_accounts import AccountQuestions
    from costmon.clock import SystemClock
    from costmon.providers import catalog

    providers = catalog.declarations()
    dialog.say(f"This asks which vendors you use and writes {draft.dotenv} and, if it is needed,")
    dialog.say(
        f"{draft.config}. Nothing is written before the end: Ctrl-C leaves both as they are."
    )
    questions = AccountQuestions(dialog, providers, SystemClock(), offline=offline)
    vendors = [info for info in providers.infos if any(it.required for it in info.credentials)]
    for info in _chosen(dialog, draft, vendors):
        draft = questions.ask(draft, info)
    draft = _ask_money(dialog, draft)
    return _ask_telegram(dialog, draft, offline=offline)


def _chosen(
    dialog: "Dialog", draft: "Draft", vendors: "list[ProviderInfo]"
) -> "list[ProviderInfo]":
    present = {account.provider for account in draft.settings.accounts}
    dialog.say("\nVendors that costmon can read:")
    for number, info in enumerate(vendors, 1):
        dialog.say(f"  {number:2}  {info.title}{' (set up)' if info.slug in present else ''}")
    dialog.say(
        "For others, with a fixed price: [[manual]] in costmon.toml (see costmon.example.toml)."
    )
    names = {
        name: info
        for number, info in enumerate(vendors, 1)
        for name in (str(number), info.slug, info.title.lower())
    }

    def parse(text: str) -> "list[ProviderInfo]":
        words = [word.strip().lower() for word in text.split(",") if word.strip()]
        if len(words) == 1 and words[0] not in names:
            words = words[0].split()
        unknown = [word for word in words if word not in names]
        if unknown or not words:
            raise Refused("numbers or names of the list, with commas between, such as 1, 3")
        return list({names[word].slug: names[word] for word in words}.values())

    prompt = "Which of them do you want to set up? Numbers or names, with commas (Enter: none): "
    return dialog.parsed(prompt, parse) or []


def _ask_money(dialog: "Dialog", draft: "Draft") -> "Draft":
    """Ask for time zone, currency and a cap on the whole bill, as far as nothing says so yet."""
    from costmon.config import variables as var

    dialog.say()
    values: dict[str, str] = {}
    tables: list[Table] = []
    if var.TIMEZONE.name not in draft.assigned and draft.settings.timezone == var.TIMEZONE.default:
        prompt = "Time zone in which your months begin, such as Europe/Paris (Enter: UTC): "
        zone = dialog.parsed(prompt, timezone)
        if zone is not None and zone != var.TIMEZONE.default:
            values[var.TIMEZONE.name] = zone
    currency = draft.settings.fx.currency
    if not draft.tables("fx"):
        typed = dialog.parsed(f"Currency of totals (Enter: {currency}): ", _currency)
        if typed is not None and typed != currency:
            currency = typed
            tables.append(("[fx]", {"currency": currency}))
    caps = {(cap.budget.scope, cap.budget.period) for cap in draft.settings.caps}
    if ("global", "month") not in caps:
        limit = dialog.parsed(
            f"Tell you when all vendors together charge more, in {currency} a month (Enter: no "
            "limit): ",
            amount,
        )
        if limit is not None:
            budget: dict[str, Value] = {
                "scope": "global",
                "limit": f"{limit:f}",
                "period": "month",
                "currency": currency,
                "enforce": False,
            }
            tables.append(("[[budget]]", budget))
    try:
        return draft.extended(values, tables)
    except ConfigError as error:
        dialog.say("  This cannot be added, please do it by hand:")
        for fault in error.faults:
            dialog.say(f"    {fault}")
        return draft


def _currency(text: str) -> str:
    from costmon.domain.amount import currency_of

    try:
        return currency_of(text)
    except AmountError as error:
        raise Refused(error.accepted) from None


def _ask_telegram(dialog: "Dialog", draft: "Draft", *, offline: bool) -> "Draft":
    from costmon.config import variables as var
    from costmon.config.channels import TelegramSettings

    present = any(isinstance(one, TelegramSettings) for one in draft.settings.channels)
    if present or not dialog.confirmed("\nSend alerts to Telegram?", default=False):
        return draft
    while True:
        token = dialog.parsed(
            f"  {var.TELEGRAM_BOT_TOKEN.name}, {var.TELEGRAM_BOT_TOKEN.accepted} (not shown while "
            "you type; Enter: leave it out): ",
            var.TELEGRAM_BOT_TOKEN.parse,
            secret=True,
        )
        if token is None:
            return draft
        prompt = f"  {var.TELEGRAM_CHANNEL_ID.name}, {var.TELEGRAM_CHANNEL_ID.accepted}: "
        chat = dialog.parsed(prompt, chat_id)
        if chat is None:
            return draft
        names = (var.TELEGRAM_BOT_TOKEN.name, var.TELEGRAM_CHANNEL_ID.name)
        try:
            candidate = draft.extended(dict(zip(names, (token.reveal(), chat), strict=True)))
        except (ConfigError, InputError) as refused:
            dialog.say(f"  {refused}")
            continue
        error = None if offline else _telegram_error(candidate)
        if error is None:
            dialog.say("  Not tried (--offline)." if offline else "  Accepted: look at the chat.")
            return candidate
        dialog.say(f"  The test message was not sent: {error}")
        choices = {"k": "keep", "a": "again", "s": "skip"}
        prompt = "  (k)eep it, type it (a)gain, (s)kip Telegram? [a] "
        decision = dialog.choice(prompt, choices, "a")
        if decision != "a":
            return candidate if decision == "k" else draft


def _telegram_error(draft: "Draft") -> str | None:
    """Send a test message; return why it was not taken."""
    from costmon import logs
    from costmon.cli.notify import test_alert
    from costmon.clock import SystemClock
    from costmon.console.table import cell
    from costmon.notifiers.catalog import channels
    from costmon.notifiers.telegram import TelegramChannel
    from costmon.sender import HttpSender

    clock = SystemClock()
    for channel in channels(draft.settings.channels, HttpSender(), clock):
        if channel.name == TelegramChannel.name:
            try:
                channel.send(test_alert(clock))
            except NotifyError as error:
                return cell(logs.Redaction(draft.settings.secrets()).text(str(error)), widest=400)
    return None


def _show(dialog: "Dialog", before: "Draft", after: "Draft") -> None:
    dialog.say("\nTo be written:")
    if after.dotenv_text != before.dotenv_text:
        dialog.say(f"  {after.dotenv}, readable by you only:")
        for name in after.variables:
            how = "replaces the present value" if name in before.assigned else "new"
            dialog.say(f"    {name}: {how}")
    if after.config_text != before.config_text:
        how = "at the end of the existing file" if before.config_text else "a new file"
        dialog.say(f"  {after.config}, {how}:")
        for line in after.config_text[len(before.config_text) :].strip().splitlines():
            dialog.say(f"    {line}".rstrip())
