"""Print a stored token without click, MSAL or azure-core, where the arguments are the usual ones.

Whatever this module does not understand or cannot answer is left to the ``token`` command, which has the messages.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from doorcode._cli import account_file
from doorcode._cli.account_file import Accounts, SignedIn
from doorcode._cli.formats import FORMATS, Issued, rendered

if TYPE_CHECKING:
    from doorcode._session.stored_token import StoredTokens

CACHE_VARIABLE: Final = "DOORCODE_CACHE_NAME"
_ONCE: Final = {
    **{f"--{name.replace('_', '-')}": name for name in ("account", "client_id", "authority", "cache", "tenant")},
    "--format": "form",
    "-f": "form",
}
_SCOPES: Final = ("--scope", "--resource")


class AccountChoice(NamedTuple):
    """What chooses among the signed-in accounts; None for what the user does not name.

    Attributes:
        account: the user's name for one; None for the current one.
        client_id: the application that it signed in to.
        authority: where it signed in.
        cache: the name of the cache that holds its tokens.
    """

    account: str | None = None
    client_id: str | None = None
    authority: str | None = None
    cache: str | None = None

    def fits(self, account: SignedIn) -> bool:
        """Tell whether an account can be meant.

        Raises:
            ValueError: the authority cannot be one.
        """
        return (
            (self.account is None or account.answers_to(self.account))
            and (self.client_id is None or self.client_id.lower() == account.record.client_id.lower())
            and (self.authority is None or same_authority(self.authority, account.record.authority))
            and self.cache in {None, account.cache}
        )


class Asked(NamedTuple):
    """The arguments of ``doorcode token``.

    Attributes:
        scopes: what the token is for; empty for the cloud's Resource Manager.
        choice: what chooses the account.
        tenant: another tenant than the account's.
        form: the name of a format.
    """

    scopes: tuple[str, ...] = ()
    choice: AccountChoice = AccountChoice()
    tenant: str | None = None
    form: str = "raw"


def print_stored_token(arguments: list[str]) -> bool:
    """Print the token that the arguments ask for, if it is stored and fresh.

    Args:
        arguments: those after ``token``.

    Returns:
        Whether it was printed; nothing was, if not.
    """
    asked = understood(arguments)
    if asked is None or sys.stdout is None:
        return False
    try:
        text = _answer(asked)
    except Exception:  # noqa: BLE001 - the command meets the same error, and has words for it
        return False
    if text is None:
        return False
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    return True


def understood(arguments: list[str]) -> Asked | None:
    """Return what the arguments ask for; None where click has to read them."""
    scopes: list[str] = []
    once: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--no-prompt":
            continue
        name, equals, value = argument.partition("=")
        if name not in _ONCE and name not in _SCOPES:
            return None
        if not equals or name == "-f":
            value = next(rest, "")
            if equals:
                return None
        if not value or value.startswith("-") or _ONCE.get(name) in once:
            return None
        if name in _SCOPES:
            scopes.append(as_scope(value) if name == "--resource" else value)
        else:
            once[_ONCE[name]] = value
    if once.get("form", "raw") not in FORMATS:
        return None
    once.setdefault("cache", os.environ.get(CACHE_VARIABLE, ""))
    choice = AccountChoice(once.get("account"), once.get("client_id"), once.get("authority"), once["cache"] or None)
    return Asked(tuple(scopes), choice, once.get("tenant"), once.get("form", "raw"))


def as_scope(resource: str) -> str:
    """Return the scope of a resource, as the Azure CLI does: a slash at its end stays."""
    return f"{resource}/.default"


def can_be_scope(text: str) -> bool:
    """Tell whether a text can be one scope (RFC 6749 3.3)."""
    from doorcode._core.checks import check_scopes

    try:
        return check_scopes((text,), "doorcode") == (text,)
    except ValueError:
        return False


def chosen(accounts: Accounts, choice: AccountChoice) -> Accounts:
    """Return the accounts that fit, the current one first; several only where a name means several.

    Args:
        accounts: as the account file has them.
        choice: what chooses one.

    Raises:
        ValueError: the authority cannot be one.
    """
    fitting = tuple(each for each in accounts if choice.fits(each))
    return fitting[:1] if choice.account is None else fitting


def same_authority(one: str, other: str) -> bool:
    """Tell whether two texts name one authority, as a host or an address.

    Raises:
        ValueError: one of them cannot be an authority.
    """
    from doorcode._core.authorities import parse_authority

    return parse_authority(one).netloc == parse_authority(other).netloc


def default_scopes(account: SignedIn) -> tuple[str, ...]:
    """Return the scope of the account's cloud's Resource Manager; empty where the cloud is not known."""
    return default_scopes_of(account.record.authority)


def default_scopes_of(host: str) -> tuple[str, ...]:
    """Return the scope of an authority's cloud's Resource Manager; empty where the cloud is not known.

    Raises:
        ValueError: it cannot be an authority.
    """
    from doorcode._core.authorities import parse_authority
    from doorcode._core.clouds import default_scope

    authority = parse_authority(host)
    scope = default_scope(authority.host, authority.port)
    return () if scope is None else (scope,)


def stored_tokens(account: SignedIn) -> StoredTokens:
    """Return a reader of the tokens that the cache holds for an account."""
    from doorcode._session.stored_token import StoredTokens

    return StoredTokens(account.record, account.cache_options())


def _answer(asked: Asked) -> str | None:
    fitting = chosen(account_file.read(), asked.choice)
    if len(fitting) != 1:
        return None
    account = fitting[0]
    scopes = asked.scopes or default_scopes(account)
    stored = stored_tokens(account).fresh(scopes, asked.tenant) if scopes else None
    if stored is None:
        return None
    issued = Issued(
        stored.secret.reveal(),
        stored.token_type,
        stored.expires_on,
        stored.refresh_on,
        scopes,
        asked.tenant or account.record.tenant_id,
        account,
    )
    return rendered(issued, asked.form)
