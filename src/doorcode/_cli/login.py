"""``doorcode login``: sign a user in, and remember whom."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

import click

from doorcode import (
    AuthenticationRecord,
    AuthenticationRequiredError,
    AzureAuthorityHosts,
    DeviceCodeCredential,
    InteractiveCredential,
)
from doorcode._cli import account_file
from doorcode._cli.account_file import DEFAULT_CACHE, SignedIn, shown_text
from doorcode._cli.failures import CommandError, wrong_usage
from doorcode._cli.help_format import complain
from doorcode._cli.options import (
    cache_option,
    checked_text,
    default_authority,
    default_scopes_at,
    may_prompt,
    notes,
    scope_options,
    scopes_of,
    scopes_or_default,
    silent_credential,
)
from doorcode._cli.sign_in import DEFAULT_APPLICATION, asking, interactive, sign_in_prompt
from doorcode.errors import AuthenticationFailedError

CLOUDS: Final = {
    "public": AzureAuthorityHosts.AZURE_PUBLIC_CLOUD,
    "us-gov": AzureAuthorityHosts.AZURE_GOVERNMENT,
    "china": AzureAuthorityHosts.AZURE_CHINA,
}
FC = TypeVar("FC", bound=Callable[..., Any])


def _method_option(name: str, help_text: str) -> Callable[[FC], FC]:
    """Return an option that names the method of the sign-in, as the parameter ``method``; only one may be given."""
    return click.option(name, is_flag=True, expose_value=False, callback=_set_method, help=help_text)


def _set_method(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if not value:
        return
    before = context.params.setdefault("method", parameter.name)
    if before != parameter.name:
        names = " and ".join(f"--{each}".replace("_", "-") for each in (before, parameter.name))
        raise click.UsageError(f"{names} exclude each other.", context)


class _Seconds(click.FloatRange):
    """A number of seconds, under a name that a user understands."""

    name = "number of seconds"


@click.command(short_help="Sign a user in.")
@click.option(
    "--tenant",
    metavar="TENANT",
    callback=checked_text,
    help="Domain or ID of the tenant; by default the account's own.",
)
@click.option(
    "--client-id",
    metavar="ID",
    callback=checked_text,
    help="The application to sign in to; by default Microsoft's own.",
)
@click.option("--cloud", type=click.Choice(list(CLOUDS)), help="One of Microsoft's clouds; by default public.")
@click.option(
    "--authority",
    metavar="HOST",
    callback=checked_text,
    help="Another authority than a cloud's. Also AZURE_AUTHORITY_HOST.",
)
@scope_options
@click.option(
    "--username",
    metavar="NAME",
    callback=checked_text,
    help="The account that is to sign in; any other one is refused.",
)
@_method_option("--device-code", "Show a code to enter on any device.")
@_method_option("--browser", "Open the browser of this machine.")
@_method_option("--paste", "Use another machine's browser, and paste its address.")
@click.option("--qr", is_flag=True, help="Show the address of a code as a QR code, too.")
@click.option("--force", is_flag=True, help="Ask even if an account is signed in: to add another one.")
@click.option("--timeout", type=_Seconds(min=0), metavar="SECONDS", help="How long to wait for the user.")
@cache_option
@click.option("--allow-unencrypted-storage", is_flag=True, help="Keep tokens in a plain file where nothing encrypts.")
@click.option("--no-instance-discovery", is_flag=True, help="For an authority that Microsoft's list does not have.")
def login(  # noqa: PLR0913 - one for each option
    *,
    tenant: str | None,
    client_id: str | None,
    cloud: str | None,
    authority: str | None,
    scopes: tuple[str, ...],
    resources: tuple[str, ...],
    username: str | None,
    qr: bool,
    force: bool,
    timeout: float | None,
    cache: str | None,
    allow_unencrypted_storage: bool,
    no_instance_discovery: bool,
    method: str | None = None,
) -> None:
    """Sign in, and make the account the current one.

    Where a browser can open, it opens; elsewhere (over SSH, in a container) a code is shown. An account that is signed
    in already is used without asking; --force asks.
    """
    if cloud is not None and authority is not None:
        raise click.UsageError("--cloud and --authority name the same thing: give one of them.")
    place = _place(cache or DEFAULT_CACHE, plain=allow_unencrypted_storage, alone=no_instance_discovery)
    given = {"tenant_id": tenant, "client_id": client_id, "authority": CLOUDS[cloud] if cloud else authority}
    options = {
        **{name: value for name, value in given.items() if value is not None},
        "cache_persistence_options": place.cache_options(),
        "disable_instance_discovery": place.disable_instance_discovery or None,
    }
    wanted = scopes_of(scopes, resources)
    with notes():
        account, claims = (None, None) if force else _signed_in_already(place, options, username, wanted, tenant)
        already = account
        if account is None:
            account_file.check_writable()
            if qr:
                qr = _can_show_qr()
            prompt = sign_in_prompt(client_id or DEFAULT_APPLICATION, wanted, username, qr=qr)
            with interactive(method, prompt, timeout, username=username, **options) as credential:
                first = wanted or default_scopes_at(_authority(options))
                before = credential.accounts()
                if not force and not before and username is None:
                    _sign_in_once(credential, first)
                    account, claims = _signed_in_already(place, options, username, wanted, tenant)
                if account is None:
                    account = _sign_in(credential, place, wanted, before, username, claims)
        aside = account_file.update(lambda accounts: account_file.made_current(accounts, account), repair=True)
    _report(account, aside, already=already is not None)


def _sign_in(
    credential: InteractiveCredential,
    place: SignedIn,
    scopes: tuple[str, ...],
    before: tuple[AuthenticationRecord, ...],
    username: str | None,
    claims: str | None,
) -> SignedIn:
    """Have a user sign in.

    Args:
        credential: asks the user.
        place: where the sign-in is kept.
        scopes: what the first token is for; without any, the cloud's Resource Manager.
        before: the accounts that were signed in before.
        username: the name of the only user who may sign in, if the command names one.
        claims: what the authority demands of the sign-in, such as a second factor.

    Raises:
        CommandError: another user signed in.
    """
    with asking():
        account = place._replace(record=credential.authenticate(scopes=scopes or None, claims=claims))
    if username is not None and not account.answers_to(username):
        _send_away(credential, account.record, known=account.record in before, expected=username)
    return account


def _can_show_qr() -> bool:
    """Return whether standard error can show a QR code; if not, say why."""
    reasons = {
        "standard error is no terminal": not may_prompt(),
        "NO_COLOR is set": bool(os.environ.get("NO_COLOR")),
        "TERM is dumb": os.environ.get("TERM") == "dumb",
    }
    for reason, applies in reasons.items():
        if applies:
            complain(f"--qr shows no QR code, since {reason}.")
            return False
    return True


def _report(account: SignedIn, aside: str | None, *, already: bool) -> None:
    """Tell the user who is signed in.

    Args:
        account: the account.
        aside: where an account file that could not be read was kept, if it could not.
        already: whether the account was signed in before, so that the user was not asked.
    """
    if aside is not None:
        complain(
            f"The account file could not be read. It is kept as {shown_text(aside)}; accounts that "
            "`doorcode accounts` no longer lists have to sign in again."
        )
    click.echo(f"{'Already signed' if already else 'Signed'} in as {account.name} (tenant {account.tenant}).", err=True)
    if already:
        click.echo("Add --force to sign in anew, or with another account.", err=True)


def _sign_in_once(credential: InteractiveCredential, scopes: tuple[str, ...]) -> None:
    """Have a user sign in, unless another process is asking them already: its sign-in is this one's, too."""
    with asking():
        credential.get_token(*scopes)


def _authority(options: dict[str, Any]) -> str:
    """Return the authority that a credential with these options would use."""
    return str(options.get("authority") or default_authority())


def _place(cache: str, *, plain: bool, alone: bool) -> SignedIn:
    """Return where a sign-in is kept, with an empty record for the account."""
    place = SignedIn(AuthenticationRecord("", "", "", "", ""), cache, plain, alone)
    try:
        place.cache_options()
    except ValueError as error:
        raise wrong_usage(error) from error
    return place


def _signed_in_already(
    place: SignedIn, options: dict[str, Any], username: str | None, scopes: tuple[str, ...], tenant: str | None
) -> tuple[SignedIn | None, str | None]:
    """Find the account whose tokens the cache has, if it is the only one that can be meant.

    Returns:
        The account, or None if a user has to sign in; then the claims that the authority demands of the sign-in.
    """
    try:
        with DeviceCodeCredential(**options) as credential:
            found = [place._replace(record=record) for record in credential.accounts()]
    except (TypeError, ValueError) as error:
        if isinstance(error, AuthenticationFailedError):
            raise
        raise wrong_usage(error) from error
    known = _known(place.cache)
    current = next(iter(known), None)
    fitting = [each for each in found if username is None or each.answers_to(username)]
    fitting = [each for each in fitting if each.key == current] or fitting
    if len(fitting) != 1:
        return None, None
    account = _as_known(fitting[0], known)
    if tenant is not None:
        account = account._replace(record=_in_tenant(account.record, tenant))
    try:
        with silent_credential(account) as credential:
            credential.get_token(*scopes_or_default(account, scopes))
    except AuthenticationRequiredError as error:
        return None, error.claims
    except CommandError:
        return None, None
    return account, None


def _send_away(
    credential: InteractiveCredential, record: AuthenticationRecord, *, known: bool, expected: str
) -> NoReturn:
    """Keep nothing of a user who was not asked for, unless they were signed in before.

    Raises:
        CommandError: always.
    """
    if not known:
        credential.sign_out(record)
    message = f"{record.username} signed in, and --username asks for {expected}. Nothing was changed."
    raise CommandError(message)


Known = dict[tuple[str, str, str, str], SignedIn]


def _known(cache: str) -> Known:
    """Return the accounts of a cache in the account file by their keys, the current one first."""
    known, _ = account_file.read_legible()  # the sign-in repairs a damaged file
    return {each.key: each for each in known if each.cache == cache}


def _as_known(account: SignedIn, known: Known) -> SignedIn:
    """Return an account with the tenant and the options of its earlier sign-in, and those of this one."""
    before = known.get(account.key)
    if before is None:
        return account
    return before._replace(
        allow_unencrypted_storage=before.allow_unencrypted_storage or account.allow_unencrypted_storage,
        disable_instance_discovery=before.disable_instance_discovery or account.disable_instance_discovery,
    )


def _in_tenant(record: AuthenticationRecord, tenant: str) -> AuthenticationRecord:
    return AuthenticationRecord(tenant, record.client_id, record.authority, record.home_account_id, record.username)
