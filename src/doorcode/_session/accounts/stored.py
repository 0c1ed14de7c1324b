"""The accounts that a credential's caches hold: list them, and sign them out."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from doorcode._core.account_selection import Ambiguous, find_account, may_use_cache
from doorcode._core.checks import home_account_id_of
from doorcode._core.display import account_name
from doorcode._core.msal_cache.changes import fill_in
from doorcode._session.accounts.records import records_of
from doorcode._session.accounts.sign_outs import EVERY_ACCOUNT
from doorcode.cache._every_store import EveryStore, Troubles
from doorcode.cache._removal import in_turn
from doorcode.cache._select import NoDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from doorcode._core.msal_cache.rows import State
    from doorcode._record import AuthenticationRecord
    from doorcode._session.session import Session
    from doorcode.cache._removal import Removal


def accounts(session: Session) -> tuple[AuthenticationRecord, ...]:
    """Return a record for each account of this application, in every store that may hold the credential's cache.

    Args:
        session: the credential's session.

    Raises:
        StoreError: a store that may hold further accounts cannot be read.
    """
    troubles = Troubles()
    found = _records(session, _states(session, troubles))
    troubles.throw()
    return found


def sign_out(session: Session, account: AuthenticationRecord | None) -> None:
    """Remove an account's tokens from memory and from every store that may hold the credential's cache.

    Args:
        session: the credential's session.
        account: the account to sign out; None for the one that the credential uses, or would use.

    Raises:
        StoreError: its tokens may still be in a store that the error names; they were removed from all others.
        TypeError: what was named is no account.
        ValueError: no account was named, and there are several, or the credential may use none of them.
    """
    named = None if account is None else home_account_id_of(account)
    troubles = Troubles()
    with session.sign_outs.under_way(
        lambda: _own_account(session) if named is None else named, session.account.sign_out
    ) as home_account_id:
        in_turn(
            session.removal(home_account_id),
            lambda cae, removal: _remove(session, removal, troubles, cae=cae),
            troubles,
        )
    troubles.throw()


def _remove(session: Session, removal: Removal, troubles: Troubles, *, cae: bool) -> None:
    stores = _every_store(session, cae=cae)
    if stores is not None:
        stores.remove(removal, troubles)
    opened = session.opened(cae=cae)
    if opened is not None:  # After the stores, because it may read a plain file beside its own.
        troubles.attempt(lambda: opened.remove(removal))


def _states(session: Session, troubles: Troubles) -> list[State]:
    states: list[State] = []
    for cae in (False, True):
        opened, stores = session.opened(cae=cae), _every_store(session, cae=cae)
        states += [] if opened is None else [opened.state()]
        states += [] if stores is None else stores.read(troubles)
    return states


def _records(session: Session, states: Iterable[State]) -> tuple[AuthenticationRecord, ...]:
    who = session.who
    every: State = reduce(fill_in, states, {})
    return records_of(every, who.client_id, who.environments, session.config.authority.netloc)


def _every_store(session: Session, *, cae: bool) -> EveryStore | None:
    """Return the stores of one of the two caches; None if tokens are kept in memory, or by the program itself."""
    options = session.config.persistence
    if options is None or session.config.caches[cae] is not None:
        return None
    try:
        return EveryStore(options, cae=cae, warn=session.warn)
    except NoDirectoryError:
        return None


def _own_account(session: Session) -> str:
    """Return the account that the credential would use, by the rule for its tokens, and never another user's."""
    with session.storing:
        who = session.who
        if who.home_account_id is not None:
            return who.home_account_id
        states = _states(session, Troubles())  # The removal reports stores that cannot be read.
    found = find_account(who, *states)
    if isinstance(found, Ambiguous):
        names = ", ".join(account_name(each.username, each.home_account_id) for each in found.candidates)
        message = f"several accounts are signed in ({names}): pass the one to sign out, out of accounts()"
        raise ValueError(message)  # noqa: TRY004 - no argument is of a wrong type
    if found is None and not may_use_cache(who) and _records(session, states):
        message = "this credential uses no account of the cache unasked: pass the one to sign out, out of accounts()"
        raise ValueError(message)
    return EVERY_ACCOUNT if found is None else found.home_account_id
