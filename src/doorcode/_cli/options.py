"""The options that several commands have, and the account and the credential that they name."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from doorcode import DeviceCodeCredential
from doorcode._cli import account_file
from doorcode._cli.account_file import SignedIn, shown
from doorcode._cli.failures import CommandError, ExitCode, sign_in_needed
from doorcode._cli.fast_token import CACHE_VARIABLE, as_scope, chosen, default_scopes

F = TypeVar("F", bound=Callable[..., Any])

cache_option = click.option(
    "--cache",
    metavar="NAME",
    envvar=CACHE_VARIABLE,
    help=f"Name of the token cache; by default the one that doorcode's programs share. Also {CACHE_VARIABLE}.",
)
account_option = click.option(
    "--account", metavar="NAME", help="User name of a signed-in account; by default the current one."
)
tenant_option = click.option("--tenant", metavar="TENANT", help="Domain or ID of another tenant than the account's.")
no_prompt_option = click.option("--no-prompt", is_flag=True, help="Never ask for a sign-in: end with exit code 3.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say more on standard error; never a token.")


def scope_options(command: F) -> F:
    """Add ``--scope`` and ``--resource`` to a command."""
    command = click.option("--resource", "resources", multiple=True, metavar="URI", help="The same as URI/.default.")(
        command
    )
    return click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="What for; may be repeated.")(command)


def scopes_of(scopes: tuple[str, ...], resources: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes that both options name together."""
    return (*scopes, *map(as_scope, resources))


def scopes_or_default(account: SignedIn, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the scopes, or that of the cloud's Resource Manager.

    Raises:
        CommandError: there are none, and the cloud is not known.
    """
    found = scopes or default_scopes(account)
    if not found:
        message = f"Say what the token is for: --scope or --resource is needed at {account.authority}."
        raise CommandError(message, ExitCode.USAGE)
    return found


def account_named(name: str | None, cache: str | None) -> SignedIn:
    """Return the account that a command is for.

    Args:
        name: the user's name for it; None for the current one.
        cache: the name of a cache, to which the choice is limited.

    Raises:
        CommandError: there is none, or several have the name.
    """
    accounts = account_file.read()
    fitting = chosen(accounts, name, cache)
    if len(fitting) > 1:
        ids = "\n".join(f"  {shown(each.record.home_account_id)}  {each.authority}  {each.cache}" for each in fitting)
        message = f"Several accounts are called {name}. Pass one of these to --account, or --cache:\n{ids}"
        raise CommandError(message, ExitCode.USAGE)
    if fitting:
        return fitting[0]
    if name is None:
        raise sign_in_needed("no account is signed in" + (f" in the cache {cache}." if cache else "."))
    known = ", ".join(each.name for each in accounts) or "no account"
    raise sign_in_needed(f"{name} is not signed in here ({known} is).")


def credential_options(account: SignedIn) -> dict[str, Any]:
    """Return the arguments of a credential for an account."""
    return {
        "authentication_record": account.record,
        "cache_persistence_options": account.cache_options(),
        "disable_instance_discovery": account.disable_instance_discovery,
        "additionally_allowed_tenants": ["*"],
    }


def silent_credential(account: SignedIn) -> DeviceCodeCredential:
    """Return a credential that gets tokens of an account, and never asks the user."""
    return DeviceCodeCredential(disable_automatic_authentication=True, **credential_options(account))


def may_prompt() -> bool:
    """Return whether a user is there to be asked."""
    return sys.stderr is not None and sys.stderr.isatty()


class _Notes(logging.Handler):
    """Write the library's log to standard error, one line a record."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, unless it says what the end of the command will say."""
        if " failed: %s" not in str(record.msg):
            click.echo(f"doorcode: {record.getMessage()}", err=True)

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
