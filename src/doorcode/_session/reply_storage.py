"""Store what the authority replied to a sign-in or a refresh, unless the account was signed out meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorcode._core.account_selection import is_expected
from doorcode._core.display import LONGEST_NAME, account_name, one_line
from doorcode._core.messages.failures import no_account, other_account, signed_out
from doorcode._core.msal_cache.sign_ins import StoreInOtherCache, StoreRefresh, StoreSignIn, with_rotated
from doorcode._core.replies.identity import is_other_account
from doorcode._core.replies.service_errors import SIGNED_OUT, USER_MISMATCH, ServiceError
from doorcode._session.accounts.records import record_for

if TYPE_CHECKING:
    from doorcode._core.model import Failure, TokenRequest, Tokens
    from doorcode._core.secret import Secret
    from doorcode._session.session import Session


def refused_account(session: Session, tokens: Tokens, *, any_account: bool) -> Failure | None:
    """Return why a sign-in is refused for its account: none is named, or another one is expected; None if it is not.

    Args:
        session: of the credential.
        tokens: the reply.
        any_account: whether the user may sign in with another account than the record's.
    """
    identity = tokens.identity
    if identity is None:
        return no_account() if any_account else None
    if not any_account and not is_expected(session.config.account, session.account.in_use, identity):
        return other_account(_expected(session), identity.username)
    return None


def accept_sign_in(
    session: Session, tokens: Tokens, request: TokenRequest, since: int, *, any_account: bool
) -> Tokens | Failure:
    """Store a sign-in that a user finished, and make its account the credential's.

    Args:
        session: of the credential.
        tokens: the reply.
        request: the request.
        since: the number of sign-outs when the sign-in began.
        any_account: whether the user may sign in with another account than the record's.

    Returns:
        The tokens, or why they are refused: they are of another account, of one that was signed out meanwhile, or
        (with ``any_account``) of no account at all.
    """
    identity, refused = tokens.identity, refused_account(session, tokens, any_account=any_account)
    if identity is None:
        session.remember(request, tokens.token, tokens.token.fresh_until, since)
        return refused or tokens
    if refused is not None:
        return refused
    account = identity.home_account_id
    change = StoreSignIn(
        session.who, tokens, account, session.clock(), lambda: session.sign_outs.include(account, since)
    )
    with session.storing:
        session.cache(cae=request.enable_cae).commit(change)
        change.again = True
        _renew_other(session, tokens, request, account, since)
        with session.sign_outs.lock:
            if session.sign_outs.include(account, since):
                return signed_out()
            session.account.sign_in(record_for(identity, session.config.client_id, session.config.authority.netloc))
    session.refusals.clear()
    return tokens


def accept_refresh(
    session: Session, tokens: Tokens, request: TokenRequest, home_account_id: str, spent: tuple[Secret, ...], since: int
) -> Tokens | ServiceError:
    """Store the reply to a refresh, unless the account was signed out meanwhile.

    Args:
        session: of the credential.
        tokens: the reply.
        request: the request.
        home_account_id: the account that it is for.
        spent: the refresh token that was redeemed, and those that were refused before it.
        since: the number of sign-outs when the refresh token was read.

    Returns:
        The tokens, or why they are refused: they are of another account, or the account was signed out meanwhile.
    """
    if is_other_account(tokens.result, home_account_id):
        return ServiceError(USER_MISMATCH, "The reply to the refresh is for another account, so it was not used.")
    who, now = session.who, session.clock()
    own, other = session.cache(cae=request.enable_cae), session.cache(cae=not request.enable_cae)
    change = StoreRefresh(
        who,
        tokens,
        home_account_id,
        spent,
        now,
        lambda: session.sign_outs.include(home_account_id, since),
        lambda: (own.borrowed(), other.state()),
    )
    own.commit(change)
    change.again = True
    if change.is_undone():
        own.commit(session.removal(home_account_id))
        change.stored = False
    if not change.stored:
        return ServiceError(SIGNED_OUT, "The account was signed out while its token was being refreshed.")
    # Both caches hold the same grant. A change that a server takes later must not pass for a newer one.
    other.commit(lambda state: with_rotated(state, who, tokens, home_account_id, spent, now))
    return tokens


def _renew_other(session: Session, tokens: Tokens, request: TokenRequest, home_account_id: str, since: int) -> None:
    """Write a new refresh token to the other cache too if it holds the spent one: both hold the same grant."""
    change = StoreInOtherCache(
        session.who, tokens, home_account_id, session.clock(), lambda: session.sign_outs.include(home_account_id, since)
    )
    session.cache(cae=not request.enable_cae).commit(change)
    change.again = True


def _expected(session: Session) -> str:
    """Return the account that must sign in, as shown to the user."""
    record = session.record
    if record is None:
        return one_line(session.config.account.name, LONGEST_NAME)
    return account_name(record.username, record.home_account_id)
