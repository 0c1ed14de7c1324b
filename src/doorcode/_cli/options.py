"""The options that several commands have, and the account and the credential that they name."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import click

from doorcode import AzureAuthorityHosts, DeviceCodeCredential
from doorcode._cli import account_file
from doorcode._cli.account_file import DEFAULT_CACHE, DEFAULT_CLIENT_ID, Accounts, SignedIn, shown, shown_text
from doorcode._cli.failures import CommandError, ExitCode, for_users, sign_in_needed, wrong_usage
from doorcode._cli.fast_token import (
    CACHE_VARIABLE,
    AccountChoice,
    as_scope,
    can_be_scope,
    chosen,
    default_scopes,
    default_scopes_of,
    same_authority,
    stored_tokens,
)
from doorcode._cli.help_format import complain

F = TypeVar("F", bound=Callable[..., Any])


def checked_text(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return an option's value; refuse an empty one, and the next option: a script's variable is not set."""
    if value is None:
        return None
    if not value.strip():
        raise click.BadParameter("it is empty.", context, parameter)
    if value.startswith("-"):
        raise click.BadParameter(f"{shown(value)} is an option, and the value is missing.", context, parameter)
    return value.strip()


cache_option = click.option(
    "--cache",
    metavar="NAME",
    envvar=CACHE_VARIABLE,
    callback=checked_text,
    help=f"Name of the token cache; by default the one that doorcode's programs share. Also {CACHE_VARIABLE}.",
)


def _checked_scopes(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes or resources that an option names; refuse what cannot be one."""
    for value in values:
        checked_text(context, parameter, value)
        if not can_be_scope(value):
            message = f"{shown(value)} cannot be a scope or resource. Give the option once for each."
            raise click.BadParameter(message, context, parameter)
    return values


def _checked_resources(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the resources that an option names; refuse a scope in the place of one."""
    for value in _checked_scopes(context, parameter, values):
        resource = value.removesuffix("/.default")
        if resource != value:
            message = f"{shown(value)} is a scope. The resource is {shown(resource)}."
            raise click.BadParameter(message, context, parameter)
    return values


def _names(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the signed-in accounts that begin as the user has typed, for the shell's completion."""
    names = dict.fromkeys(each.name for each in account_file.read_legible()[0])
    return [name for name in names if name.startswith(incomplete)]


account_option = click.option(
    "--account",
    metavar="NAME",
    callback=checked_text,
    shell_complete=_names,
    help="User name of a signed-in account; by default the current one.",
)
name_argument = click.argument("account", metavar="NAME", callback=checked_text, shell_complete=_names)
client_option = click.option(
    "--client-id", metavar="ID", callback=checked_text, help="The application that the account signed in to."
)
authority_option = click.option(
    "--authority", metavar="HOST", callback=checked_text, help="The authority at which the account signed in."
)
tenant_option = click.option(
    "--tenant",
    metavar="TENANT",
    callback=checked_text,
    help="Domain or ID of another tenant than the account's.",
)
no_prompt_option = click.option("--no-prompt", is_flag=True, help="Never ask for a sign-in: end with exit code 3.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say more on standard error; never a token.")


def choice_options(named_by: Callable[[F], F] = account_option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options that choose an account to a command, which gets them as one ``choice``.

    Args:
        named_by: adds the parameter for the account's name.
    """

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_choice(
            *, account: str | None, client_id: str | None, authority: str | None, cache: str | None, **others: Any
        ) -> None:
            command(choice=AccountChoice(account, client_id, authority, cache), **others)

        return named_by(client_option(authority_option(cache_option(with_choice))))  # type: ignore[arg-type]

    return add


def scope_options(command: F) -> F:
    """Add ``--scope`` and ``--resource`` to a command."""
    resource = _resource_option("The same as --scope URI/.default.")
    scope = click.option(
        "--scope",
        "scopes",
        multiple=True,
        metavar="SCOPE",
        callback=_checked_scopes,
        help="What to get a token for; may be repeated.",
    )
    return scope(resource(command))


def allowed_resources_option(command: F) -> F:
    """Add ``--resource`` to a command that limits what its children may ask for."""
    return _resource_option("Allow this resource only; may be repeated.")(command)


def _resource_option(help_text: str) -> Callable[[F], F]:
    return click.option(
        "--resource", "resources", multiple=True, metavar="URI", callback=_checked_resources, help=help_text
    )


def scopes_of(scopes: tuple[str, ...], resources: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes that both options name together."""
    return (*scopes, *map(as_scope, resources))


def scopes_or_default(account: SignedIn, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes, or that of the cloud's Resource Manager.

    Raises:
        CommandError: there are none, and the cloud is not known.
    """
    return scopes or default_scopes_at(account.record.authority)


def default_scopes_at(authority: str) -> tuple[str, ...]:
    """Return the scope of an authority's cloud's Resource Manager.

    Raises:
        CommandError: the cloud is not known.
    """
    found = default_scopes_of(authority)
    if not found:
        message = f"Say what the token is for: --scope or --resource is needed at {shown(authority)}."
        raise CommandError(message, ExitCode.USAGE)
    return found


def account_named(choice: AccountChoice, *, can_sign_in: bool = True) -> SignedIn:
    """Return the account that a command is for.

    Args:
        choice: what chooses it.
        can_sign_in: whether a sign-in would help a command that finds none.

    Raises:
        CommandError: there is none, or several fit.
    """
    accounts = account_file.read()
    try:
        fitting = chosen(accounts, choice)
    except ValueError as error:
        raise wrong_usage(error) from error
    if len(fitting) > 1:
        name = shown(choice.account or "")
        message = f"Several accounts are called {name}. Add what names one:\n{_ways_to_choose(fitting)}"
        raise CommandError(message, ExitCode.USAGE)
    if fitting:
        return fitting[0]
    reason = _no_account(choice, accounts)
    if can_sign_in:
        raise sign_in_needed(reason, _login_command_of(choice, accounts))
    raise CommandError(reason, ExitCode.SIGN_IN_NEEDED)


def _no_account(choice: AccountChoice, accounts: Accounts) -> str:
    """Return why no account fits."""
    what = {"for the application": choice.client_id, "at": choice.authority, "in the cache": choice.cache}
    where = "".join(f" {kind} {shown(value)}" for kind, value in what.items() if value)
    if choice.account is None:
        return f"no account{where} is signed in."
    others = dict.fromkeys(each.name for each in accounts if not each.answers_to(choice.account))
    signed_in = f" ({', '.join(others)} {'is' if len(others) == 1 else 'are'})" if others else ""
    return f"{shown(choice.account)} is not signed in here{where}{signed_in}."


def _login_command_of(choice: AccountChoice, accounts: Accounts) -> str:
    """Return the command that signs in the account that the user has chosen."""
    name = choice.account if "@" in (choice.account or "") else None
    # Where another account is signed in, the command would have nothing to do without a name to compare.
    force = ["--force"] if name is None and chosen(accounts, choice._replace(account=None)) else []
    of_application = {"--client-id": choice.client_id, "--authority": choice.authority}
    words = {"--username": name, **of_application, "--cache": choice.cache}
    return shown_text(shlex.join(["doorcode", "login", *_options(words), *force]))


def _options(words: dict[str, str | None]) -> list[str]:
    """Return the options that have a value, as words of a command."""
    return [word for name, value in words.items() if value for word in (name, value)]


def _ways_to_choose(accounts: Accounts) -> str:
    """Return a line for each account, with the options in which it differs from the others."""
    values = {
        "home_account_id as the name:": [each.record.home_account_id for each in accounts],
        "--client-id": [each.record.client_id for each in accounts],
        "--authority": [each.record.authority for each in accounts],
        "--cache": [each.cache for each in accounts],
    }
    differing = {option: column for option, column in values.items() if len(set(column)) > 1}
    rows = zip(*([f"{option} {shown(value)}" for value in column] for option, column in differing.items()), strict=True)
    return "\n".join("  " + " ".join(row) for row in rows)


def login_command(account: SignedIn, scopes: tuple[str, ...], tenant: str | None) -> str:
    """Return the command with which the user of an account signs in for a token that cannot be had without.

    Args:
        account: the account.
        scopes: what the token is for.
        tenant: another tenant than the account's.
    """
    record = account.record
    words = {
        "--username": record.username if len(account_file.read_legible()[0]) > 1 else None,
        "--tenant": tenant,
        "--client-id": record.client_id if record.client_id != DEFAULT_CLIENT_ID else None,
        "--authority": record.authority if not same_authority(record.authority, default_authority()) else None,
        "--cache": account.cache if account.cache != DEFAULT_CACHE else None,
    }
    line = ["doorcode", "login", *_options(words)]
    if scopes != default_scopes(account):
        line += (word for scope in scopes for word in _scope_option(scope))
    line += ["--allow-unencrypted-storage"] * account.allow_unencrypted_storage
    line += ["--no-instance-discovery"] * account.disable_instance_discovery
    return shown_text(shlex.join(line))


def _scope_option(scope: str) -> tuple[str, str]:
    resource = scope.removesuffix("/.default")
    return ("--scope", scope) if resource == scope else ("--resource", resource)


def default_authority() -> str:
    """Return the authority of a sign-in that names none."""
    return os.environ.get("AZURE_AUTHORITY_HOST") or AzureAuthorityHosts.AZURE_PUBLIC_CLOUD


def credential_options(account: SignedIn) -> dict[str, Any]:
    """Return the arguments of a credential for an account."""
    return {
        "authentication_record": account.record,
        "cache_persistence_options": account.cache_options(),
        "disable_instance_discovery": account.disable_instance_discovery or None,
        "additionally_allowed_tenants": ["*"],
    }


def silent_credential(account: SignedIn) -> DeviceCodeCredential:
    """Return a credential that gets tokens of an account, and never asks the user.

    Raises:
        CommandError: the environment names an authority that cannot be one.
    """
    try:
        return DeviceCodeCredential(disable_automatic_authentication=True, **credential_options(account))
    except ValueError as error:
        raise wrong_usage(error) from error


def is_stored(account: SignedIn) -> bool:
    """Tell whether the store that is used has the sign-in of an account, without a request or a prompt.

    Raises:
        StoreError: the cache cannot be read.
        CacheUnavailableError: no store can be used.
    """
    with notes(quiet=True), silent_credential(account) as credential:
        # The accounts of every store of the cache's name: also of one under another key, which is not used.
        found = {each.home_account_id for each in credential.accounts()}
    return account.record.home_account_id in found and stored_tokens(account).knows_account()


def may_prompt() -> bool:
    """Return whether a user is there to be asked."""
    return sys.stderr is not None and sys.stderr.isatty()


class _Notes(logging.Handler):
    """Write the library's log to standard error, one line a record."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless it says what the end of the command will say."""
        if " failed: %s" not in str(record.msg):
            complain(for_users(record.getMessage()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@contextmanager
def notes(*, verbose: bool = False, quiet: bool = False) -> Generator[None]:
    """Show the library's warnings to the user for a block.

    Args:
        verbose: what it logs at INFO too.
        quiet: nothing, unless ``verbose``.
    """
    logger = logging.getLogger("doorcode")
    handler = logging.NullHandler() if quiet and not verbose else _Notes()
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
