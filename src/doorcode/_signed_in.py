"""The accounts that a credential's caches hold: list them, and sign them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._accounts import records_of
from doorcode._core.account_selection import Ambiguous, find_account, may_use_cache
from doorcode._core.cache_changes import fill_in
from doorcode._core.display import account_name
from doorcode._sign_outs import EVERY_ACCOUNT
from doorcode.cache._tokens import remove_from

if TYPE_CHECKING:
    from doorcode._record import AuthenticationRecord
    from doorcode._session import Session


def accounts(session: Session) -> tuple[AuthenticationRecord, ...]:
    """Return a record for each account that this application can use silently."""
    who = session.who
    both = fill_in(session.cache(cae=False).state(), session.cache(cae=True).state())
    return records_of(both, who.client_id, who.environments, session.config.authority.netloc)


def sign_out(session: Session, account: AuthenticationRecord | None) -> None:
    """Remove an account's tokens from both caches and from memory.

    Args:
        session: of the credential.
        account: whose; None for the one that the credential uses, or would use.

    Raises:
        StoreError: they are still stored.
        ValueError: none was named, and there are several, or the credential may use none of them.
    """
    home_account_id = account.home_account_id if account is not None else _own_account(session)
    with session.sign_outs.under_way(home_account_id, lambda: session.account.sign_out(home_account_id)):
        own, cae = session.cache(cae=False), session.cache(cae=True)
        # A refresh of another process, for a cache that had nothing, may have believed what the second one held.
        remove_from((own, cae, own), session.removal(home_account_id))


def _own_account(session: Session) -> str:
    """Return the account that the credential would use, by the rule for its tokens: never another user's."""
    who = session.who
    if who.home_account_id is not None:
        return who.home_account_id
    found = find_account(who, *(session.cache(cae=cae).state() for cae in (False, True)))
    if isinstance(found, Ambiguous):
        names = ", ".join(account_name(each.username, each.home_account_id) for each in found.candidates)
        message = f"several accounts are signed in ({names}): pass the one to sign out, out of accounts()"
        raise ValueError(message)  # noqa: TRY004 - no argument is of a wrong type
    if found is None and not may_use_cache(who) and accounts(session):
        message = "this credential uses no account of the cache unasked: pass the one to sign out, out of accounts()"
        raise ValueError(message)
    return EVERY_ACCOUNT if found is None else found.home_account_id
