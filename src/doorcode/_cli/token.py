"""``doorcode token``: print an access token."""

from __future__ import annotations

import click

from doorcode import AuthenticationRequiredError
from doorcode._cli.account_file import SignedIn
from doorcode._cli.failures import CommandError, ExitCode, beyond_sign_in, sign_in_needed, wrong_usage
from doorcode._cli.fast_token import AccountChoice
from doorcode._cli.formats import FORMATS, Issued, exec_api_version, exec_info, rendered
from doorcode._cli.login import login
from doorcode._cli.options import (
    account_named,
    choice_options,
    login_command,
    may_prompt,
    no_prompt_option,
    notes,
    scope_options,
    scopes_of,
    scopes_or_default,
    silent_credential,
    tenant_option,
    verbose_option,
)
from doorcode._cli.sign_in import sign_in_again


@click.command(short_help="Print an access token.")
@scope_options
@tenant_option
@choice_options()
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="raw",
    metavar="FORMAT",
    help="raw (default), json, header (for curl), az (what az prints), or exec-credential (what kubectl reads).",
)
@no_prompt_option
@verbose_option
def token(
    *,
    scopes: tuple[str, ...],
    resources: tuple[str, ...],
    tenant: str | None,
    choice: AccountChoice,
    form: str,
    no_prompt: bool,
    verbose: bool,
) -> None:
    """Print an access token, by default of the current account for the cloud's Resource Manager.

    It comes from the cache, or is refreshed. On a terminal the user may be asked to sign in.
    """
    if form == "exec-credential":
        no_prompt = _refuses_prompt() or no_prompt
    named = scopes_of(scopes, resources)
    whose = account_or_sign_in(choice, named, tenant, no_prompt=no_prompt)
    wanted = scopes_or_default(whose, named)
    with notes(quiet=True, verbose=verbose):
        issued = with_sign_in(whose, wanted, tenant, no_prompt=no_prompt)
    click.echo(rendered(issued, form))


def account_or_sign_in(
    choice: AccountChoice, scopes: tuple[str, ...], tenant: str | None, *, no_prompt: bool
) -> SignedIn:
    """Return the account that a command is for; if no account is signed in and a user is there, have one sign in.

    Raises:
        CommandError: there is none and the user may not be prompted, or several fit.
    """
    try:
        return account_named(choice)
    except CommandError as error:
        if error.code is not ExitCode.SIGN_IN_NEEDED or choice.account is not None or no_prompt or not may_prompt():
            raise
    where = {"client_id": choice.client_id, "authority": choice.authority, "cache": choice.cache}
    click.get_current_context().invoke(login, scopes=scopes, tenant=tenant, **where)
    return account_named(choice)


def with_sign_in(account: SignedIn, scopes: tuple[str, ...], tenant: str | None, *, no_prompt: bool) -> Issued:
    """Return a token of an account, after a sign-in where that is needed and a user is there.

    Raises:
        CommandError: the user has to sign in and may not be prompted, or an argument cannot be right.
    """
    try:
        return issue(account, scopes, tenant)
    except AuthenticationRequiredError as error:
        hopeless = beyond_sign_in(error)
        if hopeless is not None:
            raise hopeless from error
        if no_prompt or not may_prompt():
            raise sign_in_needed(error.error_description or "", login_command(account, scopes, tenant)) from error
    sign_in_again(account, scopes, tenant)
    return issue(account, scopes, tenant)


def issue(account: SignedIn, scopes: tuple[str, ...], tenant: str | None) -> Issued:
    """Return a token of an account without asking the user.

    Raises:
        AuthenticationRequiredError: only the user can help.
        CommandError: an argument cannot be right.
    """
    options = {} if tenant is None else {"tenant_id": tenant}
    try:
        with silent_credential(account) as credential:
            info = credential.get_token_info(*scopes, options=options)  # type: ignore[arg-type] # a dict of one
    except (TypeError, ValueError) as error:
        if hasattr(error, "error_codes"):
            raise
        raise wrong_usage(error) from error
    return Issued(
        info.token,
        info.token_type,
        info.expires_on,
        info.refresh_on,
        scopes,
        tenant or account.record.tenant_id,
        account,
    )


def _refuses_prompt() -> bool:
    """Return whether kubectl says that no user can answer a prompt.

    Raises:
        CommandError: it asks for a protocol that doorcode does not speak.
    """
    try:
        exec_api_version()
        spec = exec_info().get("spec")
    except ValueError as error:
        raise wrong_usage(error) from error
    return isinstance(spec, dict) and spec.get("interactive") is False
